"""Stores many times larger than what the extractor may have in memory, in a real process.

The extractor of a node is started as the node starts it, and the kernel bounds its private
memory (RLIMIT_DATA, getrlimit(2): heap and private mappings; pages of mapped files are not in
it, and the kernel takes them back when others need the room). The bound is what the same
process needs for a store of next to nothing, and a few MiB more.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from modelward.site.isolation.snapshot import read_facts
from modelward.site.rooms.extractor import want
from modelward.study.read import parse
from tests.pictures import nifti_file

MIB = 2**20

BOUND = 224
"""MiB of private memory for images; a process that has imported what it needs has half."""

STARTER = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[1]), int(sys.argv[1])))
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss)
"""
"""A small process that starts the extractor behind the bound, and says what it took.

What a process had before it became another program counts as its own (getrusage(2)), so
whoever starts it has to be small: this one, and not that of the tests.
"""

HEAD = '[study]\nid = "large"\npurpose = "Large stores"\nmin_patients = 10\n'
TAIL = '[recipe]\nname = "{}"\n[plan]\ntest = 0.2\n'
NUMBERS = (
    HEAD
    + '[features.age]\ntype = "number"\nunit = "a"\nrange = [18, 110]\n'
    + '[features.lab]\ntype = "number"\nunit = "1"\nrange = [0, 1]\n'
    + "[target.ill]\n"
    + TAIL.format("logistic")
)
EVENTS = (
    HEAD
    + '[cohort.index]\ncode = ["SNOMED:22298006"]\n'
    + '[features.lab]\ntype = "number"\nunit = "mg/dL"\nrange = [0, 100]\n'
    + 'code = ["LOINC:2160-0"]\n[target.ill]\ncode = ["SNOMED:32485007"]\n'
    + TAIL.format("logistic")
)
VOLUMES = (
    HEAD
    + '[features.head]\ntype = "image"\nmodality = "MR"\nsize = [128, 128]\ndepth = 32\n'
    + "[target.ill]\n"
    + TAIL.format("cnn")
)


def table(folder: Path, mib: int) -> None:
    """Write a Parquet table of `mib` MiB, most of it columns that no study asks for."""
    rows = 4000 + 100 * mib
    columns = max(2, mib * MIB // (8 * rows))
    listed = ", ".join(f"random() AS c{n}" for n in range(columns))
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.5)")
        connection.execute(
            "COPY (SELECT 'P' || i AS patient, (20 + random() * 70)::INT AS age, "
            "random() AS lab, (random() < 0.3)::INT AS ill, "
            f"{listed} FROM range({rows}) t(i)) TO '{folder}/t.parquet' "
            "(FORMAT parquet, COMPRESSION uncompressed, ROW_GROUP_SIZE 8192)"
        )
    (folder / "dataset.toml").write_text(
        '[dataset]\nkind = "table"\npath = "t.parquet"\npatient = "patient"\n'
    )


def events(folder: Path, mib: int) -> None:
    """Write `mib` MiB of events as CSV, each with a long note that nobody asks for."""
    rows = max(8000, mib * MIB // 2100)
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT 'P' || (i % 2000) AS patient, '2024-03-01' AS day, "
            "CASE WHEN i < 2000 THEN '22298006' WHEN i < 4000 THEN 'K' WHEN i % 4000 = 1 "
            "THEN 'A' ELSE 'other' || (i % 50) END AS code, (i % 90) AS result, 'mg/dL' AS "
            f"unit, repeat('note ', 410) AS note FROM range({rows}) t(i)) "
            f"TO '{folder}/e.csv' (HEADER)"
        )
    (folder / "dataset.toml").write_text(
        '[dataset]\nkind = "table"\npath = "e.csv"\npatient = "patient"\n'
        '[events]\ncode = "code"\ntime = "day"\nvalue = "result"\nunit = "unit"\n'
        '[codes]\n"22298006" = "SNOMED:22298006"\nK = "LOINC:2160-0"\nA = "SNOMED:32485007"\n'
    )


def resources(folder: Path, mib: int) -> None:
    """Write `mib` MiB of FHIR resources as NDJSON, most of them of no concern."""
    (folder / "export").mkdir()
    system, text = "http://loinc.org", "x" * 4000
    with (folder / "export" / "all.ndjson").open("w") as stream:
        for n in range(max(600, mib * MIB // 4300)):
            code = ("2160-0", "22298006", "32485007" if n % 2 else "1")[n // 200 % 3]
            kind = "http://snomed.info/sct" if code != "2160-0" else system
            if n >= 600:
                code, kind = "718-7", system
            told = {
                "resourceType": "Observation" if kind == system else "Condition",
                "status": "final",
                "text": {"div": text},
                "code": {"coding": [{"system": kind, "code": code}]},
                "subject": {"reference": f"Patient/{n % 200}"},
                "effectiveDateTime": "2024-03-01",
                "valueQuantity": {"value": n % 90, "unit": "mg/dL"},
            }
            stream.write(json.dumps(told) + "\n")
    (folder / "dataset.toml").write_text('[dataset]\nkind = "fhir"\npath = "export"\n')


def volumes(folder: Path, mib: int) -> None:
    """Write `mib` MiB of NIfTI volumes, and a table of outcomes."""
    (folder / "images").mkdir()
    draw = np.random.default_rng(0)
    shape = (32, 128, 128)
    count = max(24, mib * MIB // (2 * int(np.prod(shape))))
    values = draw.integers(0, 900, shape).astype(np.float64)
    for n in range(count):
        nifti_file(folder / "images" / f"P{n}_T1.nii", np.roll(values, 977 * n))
    rows = "\n".join(f"P{n},{n % 2}" for n in range(count))
    (folder / "ill.csv").write_text(f"patient,ill\n{rows}\n")
    (folder / "dataset.toml").write_text(
        '[dataset]\nkind = "nifti"\npath = "images"\n[images]\nmodality = "MR"\n'
        '[sources.ill.dataset]\nkind = "table"\npath = "ill.csv"\npatient = "patient"\n'
    )


STORES: dict[str, tuple[Callable[[Path, int], None], str]] = {
    "table": (table, NUMBERS),
    "events": (events, EVENTS),
    "resources": (resources, EVENTS),
    "volumes": (volumes, VOLUMES),
}
"""Name -> what writes a store of so many MiB, and a study that asks something of it."""


def extracted(folder: Path, text: str, bound_mib: int | None) -> tuple[int, int]:
    """Run the extractor over `folder`; return (exit status, largest resident MiB)."""
    study = parse(text)
    want(folder, study)

    asked = [sys.executable, "-P", "-s", "-m", "modelward.site.rooms.extractor", str(folder)]
    bound = resource.RLIM_INFINITY if bound_mib is None else bound_mib * MIB
    with (folder / "extractor.log").open("wb") as log:
        told = subprocess.run(
            [sys.executable, "-S", "-c", STARTER, str(bound), *asked],
            stdout=subprocess.PIPE, stderr=log, check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
    ended, kib = map(int, told.stdout.split()[-2:])
    return ended, kib // 1024


def facts(folder: Path, name: str) -> int:
    """Return how many units the snapshot has that the extractor wrote."""
    found = read_facts(folder, parse(STORES[name][1]).sha256)
    assert found is not None, (folder / "extractor.log").read_text()
    return sum(found.units.values())


def written(folder: Path) -> int:
    """Return MiB of all files below `folder`."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // MIB


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder on a disk: one in memory would take what others need."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        yield Path(made)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["table", "resources"])
def test_a_store_that_grows_takes_no_more_memory(room, name):
    largest = []
    for mib in (1, 160):
        folder = room / str(mib)
        folder.mkdir()
        STORES[name][0](folder, mib)
        ended, most = extracted(folder, STORES[name][1], None)
        assert ended == 0
        assert facts(folder, name) >= 100
        largest.append(most)

    assert largest[1] - largest[0] < 24, largest


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mib", "most"), [("table", 2048, 256), ("events", 3072, 560),
                              ("resources", 1536, 192)],
)  # fmt: skip
def test_a_store_many_times_larger_than_its_memory_is_extracted(room, name, mib, most):
    """All that is resident counts here: nothing of these stores is mapped."""
    STORES[name][0](room, mib)

    ended, resident = extracted(room, STORES[name][1], None)

    assert ended == 0
    assert facts(room, name) >= 100
    assert written(room) > 5 * most
    assert resident < most, f"{resident} MiB of {written(room)} MiB"


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_folder_of_images_is_extracted_within_a_fifth_of_what_its_tensors_take(room):
    """Tensors are a mapped file: the kernel bounds what cannot be given back."""
    STORES["volumes"][0](room, 2048)
    tensors = len(list((room / "images").iterdir())) * 32 * 128 * 128 // MIB

    ended, _ = extracted(room, VOLUMES, BOUND)

    assert ended == 0, (room / "extractor.log").read_text()
    assert facts(room, "volumes") > 1000
    assert tensors >= 1000 > 4 * BOUND


@pytest.mark.slow
def test_the_bound_is_one(room):
    """A process that asks for more than the bound does not get it."""
    STORES["events"][0](room, 1)

    ended, _ = extracted(room, EVENTS, 64)

    assert ended != 0
    assert read_facts(room, parse(EVENTS).sha256) is None
