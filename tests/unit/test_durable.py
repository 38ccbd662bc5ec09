"""A file is whole or it is not there."""

import os
import resource
import signal
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelward import durable
from modelward.errors import StorageError
from tests.disks import largest_file


def test_a_file_is_replaced_by_the_new_bytes(tmp_path):
    path = tmp_path / "f"
    durable.write_whole(path, b"old")
    durable.write_whole(path, [b"n", memoryview(b"ew")], mode=0o600)

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_several_files_are_written_together(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    durable.write_together({tmp_path / "a": b"new", tmp_path / "b": [b"x", b"y"]})

    found = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert found == {"a": b"new", "b": b"xy"}


def test_of_several_files_that_do_not_fit_none_is_left_half_written(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with largest_file(1000), pytest.raises(StorageError, match="cannot be written"):
        durable.write_together({tmp_path / "a": b"new", tmp_path / "b": b"x" * 100_000})

    found = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert found == {"a": b"old"}


def test_new_files_and_those_that_were_there_are_on_disk_afterwards(tmp_path):
    (tmp_path / "a").write_bytes(b"there")
    durable.write_new({tmp_path / "b": b"x", tmp_path / "c": [b"y"]}, kept=[tmp_path / "a"])

    found = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert found == {"a": b"there", "b": b"x", "c": b"y"}


def test_of_new_files_that_do_not_fit_none_is_left(tmp_path):
    with largest_file(1000), pytest.raises(StorageError, match="cannot be written"):
        durable.write_new({tmp_path / "a": b"new", tmp_path / "b": b"x" * 100_000})
    with pytest.raises(StorageError, match="cannot be written"):
        durable.write_new({tmp_path / "a": b"new"}, kept=[tmp_path / "missing"])

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path):
    path = tmp_path / "f"
    durable.write_whole(path, b"old")
    child = os.fork()
    if not child:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            durable.write_whole(path, b"x" * 100_000)
        except StorageError as error:
            os._exit(0 if "free space" in error.remedy else 2)
        os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageError, match="cannot be written"):
        durable.make_folder(tmp_path / "file" / "folder")
    with pytest.raises(StorageError, match="cannot be written"):
        durable.write_whole(tmp_path / "absent" / "f", b"")


def test_threads_that_replace_the_same_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "f"

    def write(number: int) -> None:
        durable.write_whole(path, b"%06d" % number * 20_000)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(40)))

    raw = path.read_bytes()
    assert raw == raw[:6] * 20_000
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_link_in_the_way_of_the_temporary_file_is_not_followed(tmp_path):
    path, elsewhere = tmp_path / "f", tmp_path / "elsewhere"
    elsewhere.write_bytes(b"untouched")
    durable._part(path).symlink_to(elsewhere)

    with pytest.raises(StorageError):
        durable.write_whole(path, b"new")

    assert elsewhere.read_bytes() == b"untouched"


def test_a_file_that_is_written_once_is_never_replaced(tmp_path):
    path = tmp_path / "f"

    assert durable.write_once(path, b"first")
    assert not durable.write_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_log_is_its_owners_alone_and_no_link_is_written_through(tmp_path):
    with durable.open_log(tmp_path / "trainer.log") as log:
        log.write(b"row 17: creatinine 99\n")
    with durable.open_log(tmp_path / "trainer.log") as log:
        log.write(b"again\n")
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / "link.log").symlink_to(tmp_path / "elsewhere")

    assert (tmp_path / "trainer.log").read_bytes() == b"row 17: creatinine 99\nagain\n"
    assert (tmp_path / "trainer.log").stat().st_mode & 0o777 == 0o600
    with pytest.raises(OSError, match="link"):
        durable.open_log(tmp_path / "link.log")
