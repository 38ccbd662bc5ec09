"""SIGKILL at every step of private rounds behind masks, over the wire, with coded updates.

Real processes over mutual TLS, with isolated trainers; a site or the hub (with its server) is
killed before a wait for the disk, and started again, at one step after the other. Nothing is
spent twice, no mask serves twice, and the model is that of one undisturbed process.
"""

from pathlib import Path

import pytest

from modelward.core.task import MASK_PHASES
from modelward.engines.inprocess import InProcess
from modelward.engines.jetstream.loopback import federate
from modelward.hub.registry import Registry
from modelward.hub.run import Hub
from modelward.site.approving.keys import signing_key
from modelward.study.read import parse
from tests.faults.test_private_kills import check_spent_once, entries
from tests.killing import MOST, dying_once_at_each_step
from tests.wire import STUDY_FILE, make_site

pytestmark = [pytest.mark.engine, pytest.mark.slow]

NAMES = ["north", "south", "west"]
STUDY = parse(
    STUDY_FILE.replace("ROUNDS", "1").replace("EXTRA", "")
    + '\n[privacy]\naggregation = "secagg"\n'
    + "\n[privacy.dp]\nepsilon = 3.0\nsampling = 0.5\n\n[sites]\nminimum = 3\n"
    + '\n[plan.uplink]\ncodec = "int8"\nrange = 0.5\nmax_patients = 100\n'
)
QUESTIONS = 3
"""Units, training, validation counts."""

SHARES = 24
"""Runs in which a party dies at every step."""


def sites(folder: Path) -> dict[str, Path]:
    """Write the sites, with secrets that are the same in every run."""
    found = {n: make_site(folder / n, 60 + 10 * seed, seed) for seed, n in enumerate(NAMES)}
    for seed, path in enumerate(found.values()):
        (path / "dp.key").write_bytes(bytes([seed]) * 32)
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The hash of the model that one process makes."""
    folder = tmp_path_factory.mktemp("whole")
    places = sites(folder)
    keys = {n: signing_key(path / "site.key").public_key() for n, path in places.items()}
    registry = Registry(folder / "hub")
    with InProcess([STUDY], places, registry.store.folder, workers=1) as engine:
        found = Hub(engine, registry, keys).run(STUDY)
    registry.close()
    return found.sha256


def check(folder: Path) -> None:
    """Each use is booked once, and each question was masked once, with fresh keys."""
    secrets = []
    for name in NAMES:
        site = folder / name
        check_spent_once(site, 1, validation=1)
        left = [e["task"] for e in entries(site) if e["kind"] in {"release", "refusal"}]
        assert len(left) == len(set(left)) == QUESTIONS * len(MASK_PHASES)
        masked = {e["sha256"] for e in entries(site) if e.get("artifact") == "masked"}
        questions = [path for path in (site / "masks").iterdir() if path.is_dir()]
        assert {(each / "words").read_text() for each in questions} == masked
        assert len(masked) == len(questions) == QUESTIONS
        secrets += [(each / "entropy").read_bytes() for each in questions]
    assert len(secrets) == len(set(secrets)) == QUESTIONS * len(NAMES)


def run(folder: Path) -> str:
    """Run the study over processes to its end, and return the hash of its model."""
    federate(folder / "hub", sites(folder), [STUDY], isolated=True)
    registry = Registry(folder / "hub")
    try:
        return registry.model_of(STUDY, registry.state(STUDY).best)
    finally:
        registry.close()


def kill(folder: Path, whole: str, share: int, shares: int, *parties: str) -> list[str]:
    """Run while `parties` die at their steps of a share; check, and return these steps."""
    with dying_once_at_each_step([folder / each for each in parties], share, shares) as died:
        found = run(folder)
    assert found == whole
    check(folder)
    return died()


def test_parties_that_die_at_some_steps_change_nothing(tmp_path, whole):
    died = kill(tmp_path, whole, 1, 60, "hub", "north")

    assert {step.partition("/")[0] for step in died} == {"hub", "north"}


@pytest.mark.exhaustive
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("party", ["north", "hub"])
def test_a_party_that_dies_at_each_of_its_steps_changes_nothing(tmp_path, whole, party, share):
    assert 0 < len(kill(tmp_path, whole, share, SHARES, party)) < MOST, "there may be more"
