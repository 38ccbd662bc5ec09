"""A file that only grows, and is unchanged when growing fails."""

import pytest

from modelward.errors import StorageError
from modelward.ledger.appendfile import AppendFile
from tests.disks import largest_file


def test_what_is_appended_is_there(tmp_path):
    file = AppendFile(tmp_path / "log")
    file.append(b"one\n")
    file.append(b"two\n")

    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"
    assert (file.size, file.read(4, 7)) == (8, b"two")
    assert list(file.lines()) == [b"one\n", b"two\n"]
    file.close()


def test_a_write_that_does_not_fit_leaves_the_file_as_it_was(tmp_path):
    file = AppendFile(tmp_path / "log")
    file.append(b"x" * 4000)

    with (
        largest_file(4096),
        pytest.raises(StorageError, match="could not take 200 more") as caught,
    ):
        file.append(b"y" * 200)

    assert "free space" in caught.value.remedy
    assert (tmp_path / "log").read_bytes() == b"x" * 4000
    file.append(b"z" * 200)
    assert (tmp_path / "log").read_bytes() == b"x" * 4000 + b"z" * 200
    file.close()


def test_bytes_that_an_interrupted_append_left_are_cut_before_the_next(tmp_path):
    file = AppendFile(tmp_path / "log")
    file.append(b"one\n")
    with (tmp_path / "log").open("ab") as interrupted:
        interrupted.write(b"tw")

    file.append(b"two\n")

    assert (tmp_path / "log").read_bytes() == b"one\ntwo\n"
    file.close()


def test_a_file_that_cannot_be_cut_says_what_to_do(tmp_path):
    file = AppendFile(tmp_path / "log")

    with pytest.raises(StorageError, match="could not be cut back to -1") as caught:
        file.cut(-1)

    assert "open the ledger again" in caught.value.remedy
    file.close()
    file.close()
