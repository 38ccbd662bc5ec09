"""What the table of combinations says works does, to the last round; a sample every time."""

from pathlib import Path

import pytest

from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.simulate import Result, Simulation, simulate
from modelward.study.read import parse
from tests.docs.combinations import BESIDE, CNN, WAYS, refused, text_of
from tests.studies import HEADING, rows, write_csv, write_images

WORKS = [(way, each) for way in WAYS for each in BESIDE if not refused(way, each)]
SAMPLE = [("scaffold", "`[privacy.dp]`"), ("own: ditto", "`secagg`")]


def ran(folder: Path, way: str, beside: str) -> Result:
    """Run a pair for two rounds over invented patients, or images."""
    sites, images = BESIDE[beside].sites, WAYS[way].recipe == CNN
    number = 60 * sites
    if images:
        path = write_images(folder / "images.npz", number)
    else:
        path = write_csv(folder / "data.csv", rows(number), HEADING)
    text = text_of(way, beside)
    if images:
        text = text.replace("target.ill", "target.bright")
    request = Simulation(
        study=parse(text),
        data=path,
        dealing=Dealing(sites=sites, alpha=100.0),
        special=Special() if images else Special(patient="patient"),
        out=folder / "run",
        workers=1,
    )
    return simulate(request)


def check(folder: Path, way: str, beside: str) -> None:
    """Check that every round combined every site and that every ledger verifies."""
    result = ran(folder, way, beside)
    names = tuple(sorted(site.name for site in result.findings.record.sites))

    assert len(result.outcome.history) >= 1
    for record in result.outcome.history:
        asked = names if way != "cyclic" else (names[(record.round_no - 1) % len(names)],)
        assert record.released == asked
    ledgers = [site.ledger for site in result.findings.record.sites]
    assert all(ledger is not None and ledger.verified for ledger in ledgers)


@pytest.mark.parametrize(("way", "beside"), SAMPLE)
def test_a_pair_that_is_said_to_work_works(tmp_path, way, beside):
    check(tmp_path, way, beside)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("way", "beside"), [pair for pair in WORKS if pair not in SAMPLE])
def test_every_pair_that_is_said_to_work_works(tmp_path, way, beside):
    check(tmp_path, way, beside)


def test_the_sample_is_of_the_table():
    assert set(SAMPLE) <= set(WORKS)
