"""A folder belongs to one run."""

import pytest

from modelward.errors import DataError, RunMismatch, StorageError
from modelward.simulation.folder import RunFolder, hash_of

IDENTITY = {"study": "a", "data": "b"}


def test_a_folder_is_new_until_it_is_sealed(tmp_path):
    folder = RunFolder(tmp_path / "run")

    assert folder.claim(IDENTITY)
    assert folder.claim({"study": "other", "data": "b"}), "nothing was sealed yet"
    folder.seal(IDENTITY, {"west": 1, "north": 2})
    assert not folder.claim(IDENTITY)
    assert folder.site_names() == ["north", "west"]


def test_another_run_is_refused_with_what_differs(tmp_path):
    folder = RunFolder(tmp_path)
    folder.seal(IDENTITY, ["a"])

    with pytest.raises(
        RunMismatch, match="holds another run, with another data file"
    ) as caught:
        folder.claim({"study": "a", "data": "c"})
    assert "--out" in caught.value.remedy


def test_folders_of_an_earlier_dealing_are_not_sites(tmp_path):
    folder = RunFolder(tmp_path)
    (folder.sites / "site-9").mkdir(parents=True)
    (folder.sites / "site-9" / "dataset.toml").write_text("")

    folder.seal(IDENTITY, ["site-1"])

    assert folder.site_names() == ["site-1"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_a_damaged_marker_is_told(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)

    with pytest.raises(RunMismatch, match=r"holds no run: its run\.json cannot be read"):
        RunFolder(tmp_path).claim(IDENTITY)


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "run").write_text("")

    with pytest.raises(StorageError, match="cannot be written"):
        RunFolder(tmp_path / "run").claim(IDENTITY)


def test_the_hash_of_a_data_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "d").write_bytes(b"abc")

    assert hash_of(tmp_path / "d").startswith("ba7816bf")  # FIPS 180-4, example of "abc"
    with pytest.raises(DataError, match="cannot be read"):
        hash_of(tmp_path / "absent")
