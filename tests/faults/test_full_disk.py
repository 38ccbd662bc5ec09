"""Disks that fill up, or may not be written, while a study runs."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelward import errors
from tests.command import modelward
from tests.disks import small_disk
from tests.faults.test_wrong_inputs import check_error
from tests.flow.runs import HEART, check_ledgers, litter

pytestmark = pytest.mark.slow

KIB = 4096


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the study ends with on a disk with room."""
    return HEART.finished(HEART.prepare(tmp_path_factory.mktemp("room")))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", KIB) as mounted:
        yield mounted


MOMENTS, MORE = (0, 140, 400), (16, 64, 200, 300, 520)
"""KiB that are free when the study begins."""


@pytest.mark.parametrize(
    "left_kib",
    [
        *MOMENTS,
        *(pytest.param(n, marks=pytest.mark.exhaustive) for n in MORE),
    ],
)
def test_a_disk_that_fills_up_stops_the_study_and_then_it_goes_on(
    tmp_path, disk, undisturbed, left_kib
):
    folder = HEART.prepare(tmp_path / "study")
    ballast = disk / "ballast"
    ballast.write_bytes(b"b" * ((KIB - left_kib) * 1024))
    command = HEART.simulate(folder, out=disk / "run")

    found = modelward(*command, cwd=folder)

    check_error(found, errors.StorageError, "free space")
    assert not litter(disk)
    ballast.unlink()
    again = modelward(*command, "--json", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert undisturbed["model_sha256"] in again.stdout
    assert check_ledgers(disk / "run") == undisturbed["ledger"]["entries"]


def test_a_folder_that_may_only_be_read_is_told(tmp_path, disk):
    folder = HEART.prepare(tmp_path / "study")
    (disk / "run").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

    for command in (
        HEART.simulate(folder, out=disk / "run"),
        HEART.simulate(folder, out=disk / "other"),
        ("study", "new", disk / "study.toml"),
    ):
        found = modelward(*command, cwd=folder)
        check_error(found, errors.StorageError, "cannot be written", "may write to")


def test_a_full_disk_under_a_demo_is_told(tmp_path, disk):
    (disk / "ballast").write_bytes(b"b" * ((KIB - 8) * 1024))

    found = modelward("demo", "--only", "heart-disease", "--out", disk / "demo", cwd=tmp_path)

    check_error(found, errors.StorageError, "free space")
    assert not litter(disk)
