"""What the table of combinations says works does, to the last round; a sample every time."""

from pathlib import Path

import pytest

from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.simulate import Result, Simulation, simulate
from modelward.study.read import parse
from tests.docs.combinations import BESIDE, CNN, PAIRS, WAYS, refused, text_of
from tests.studies import HEADING, rows, write_csv, write_images

WORKS = [pair for pair in PAIRS if not refused(*pair)]
SAMPLE = [
    ("scaffold", "`[privacy.dp]`"),
    ("own: ditto", "`secagg`"),
    ("`secagg`, uplink: int8 on one grid", "`[privacy.dp]`"),
]

RULE, NOISE, MASKS, GROUPS, CODE, SHARES = BESIDE
GRIDDED = [way for way in WAYS if way.endswith("on one grid")]
REFUSED = {
    **{
        (way, RULE): "judges plain updates"
        for way in (
            "scaffold",
            "scaffold, equal steps",
            "fednova",
            "feddyn",
            "cyclic",
            "fedbuff",
        )
    },
    ("a rule against wrong sites", MASKS): "compares updates, and masks hide them",
    ("boosting", RULE): "a rule needs updates, and these are sums",
    ("newton", RULE): "adds sums, and a rule needs updates",
    ("sharpness", NOISE): "a second time, without noise",
    ("fednova", NOISE): "all sites make equally many steps",
    ("boosting", NOISE): "histograms carry no noise",
    ("newton", NOISE): "exact sums have no bound",
    ("own: apfl", NOISE): "between the noised ones",
    ("own: head-first", NOISE): "between the noised ones",
    **{
        (way, kind): reason
        for kind in (MASKS, GROUPS)
        for way, reason in (
            ("scaffold", "needs equally many steps everywhere"),
            ("fednova", "masks hide each update"),
            ("cyclic", "a sum over one hides nothing"),
            ("fedbuff", "masks need a round's roster first"),
            ("uplink: bf16", "masks add whole numbers"),
            ("uplink: int8", "add up on one grid for all sites"),
            ("uplink: int8, packed", "bytes are random: nothing packs them"),
            ("uplink: int4", "add up on one grid for all sites"),
            ("uplink: top-k", "masked sums need the same"),
            ("shares by contribution", "masks hide what 'contribution' needs of each site"),
        )
    },
    **{(way, RULE): "compares updates, and masks hide them" for way in GRIDDED},
    **{(way, SHARES): "masks hide what 'contribution' needs" for way in GRIDDED},
    ("scaffold", CODE): "a code changes it",
    ("scaffold, equal steps", CODE): "a code changes it",
    ("feddyn", CODE): "a code changes it",
    ("boosting", CODE): "sends exact sums, and a code would round them",
    ("newton", CODE): "sends exact sums, and a code would round them",
    **{
        (way, SHARES): "combines no updates of one round"
        for way in ("cyclic", "fedbuff", "boosting", "newton")
    },
}
"""What does not go together, by the mathematics, and what the reader has to be told."""


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


def test_nothing_is_refused_but_for_the_reason_that_the_mathematics_has():
    told = {pair: why for pair in PAIRS if (why := refused(*pair))}

    assert set(told) == set(REFUSED)
    assert {pair: why for pair, why in told.items() if REFUSED[pair] not in why} == {}


def test_the_sample_is_of_the_table():
    assert set(SAMPLE) <= set(WORKS)
