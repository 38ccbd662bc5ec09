"""SIGKILL at every step of a private round, and of a masked one, in one process.

Whatever was killed when, it is done again and comes to an end: each use of patients is booked
once, one noised answer was made for each question and no second, and each question was masked
with fresh keys, once. tests/faults/test_masked_wire_kills.py does it over the wire.
"""

import json
import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelward.core.task import MASK_PHASES
from modelward.hub.registry import Registry
from modelward.hub.run import Hub
from modelward.ledger.verify import verify
from modelward.privacy.plan import plan_of
from tests.hospital import Wards
from tests.killing import killed_at
from tests.private_studies import WATCHED, Ward, private_study
from tests.studies import make_site

TWO_ROUNDS = WATCHED.replace("rounds = 3", "rounds = 2")
STUDY = private_study(TWO_ROUNDS, ("lr = 0.5", 'lr = 0.5\nlabel_skew = "logit-adjustment"'))
"""Noised share of positives, two rounds of training, noised counts after each."""

MASKED = private_study(
    WATCHED.replace("rounds = 3", "rounds = 1").replace(
        "[privacy.dp]", '[privacy]\naggregation = "secagg"\n\n[privacy.dp]'
    )
    + "\n[sites]\nminimum = 3\n"
)
SITES = {"north": 1, "south": 2, "west": 3}

STEPS = 61
"""Waits of one site in the whole of `STUDY`, its making among them."""

MASKED_STEPS = 511
"""Waits of three sites and their hub in the whole of `MASKED`."""


@pytest.fixture(scope="module", autouse=True)
def _priced() -> None:
    """Price both studies before anything is forked: it takes seconds."""
    for each in (STUDY, MASKED):
        plan_of(each)


def entries(site: Path) -> list[dict[str, Any]]:
    """Return what the ledger of a site says; it verifies."""
    verify(site / "ledger")
    lines = (site / "ledger" / "entries.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def check_spent_once(site: Path, *train: int, validation: int) -> None:
    """Each group of patients was reserved once, and each question to it booked once.

    Args:
        site: Folder of a site.
        train: Rounds in which training units are looked at; 0 is that of the statistics.
        validation: Rounds after which validation units are.
    """
    said = entries(site)
    reserved = [e["reservation"].partition("/")[2] for e in said if e["kind"] == "reservation"]
    booked = [
        (e["event"]["reservation"].partition("/")[2], e["round"])
        for e in said
        if e["kind"] == "privacy"
    ]
    assert sorted(reserved) == ["train", "validation"]
    assert sorted(booked) == [
        *(("train", number) for number in train),
        *(("validation", number) for number in range(1, validation + 1)),
    ]


def ward(folder: Path) -> Ward:
    """Return the site in `folder`, with the secrets that every run here has."""
    if not (folder / "north" / "site.key").exists():
        make_site(folder / "north", 200, 1)
    if not (folder / "north" / "dp.key").exists():
        (folder / "north" / "dp.key").write_bytes(bytes(32))
    return Ward(folder / "north", STUDY)


def answered(folder: Path) -> list[str]:
    """Answer every question of `STUDY`; return the hashes of what left."""
    made = ward(folder)
    asked = [made.task(0, "statistics")]
    asked += [made.task(n, kind) for n in (1, 2) for kind in ("train", "evaluate")]
    found = [made.released(each).card.sha256 for each in asked]
    made.site.close()
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return answered(tmp_path_factory.mktemp("undisturbed"))


def check_site(folder: Path, undisturbed: list[str]) -> None:
    """What left is what an undisturbed site releases, and no other answer was ever made."""
    assert answered(folder) == undisturbed
    check_spent_once(folder / "north", 0, 1, 2, validation=2)
    released = [e["sha256"] for e in entries(folder / "north") if e["kind"] == "release"]
    assert released == undisturbed
    made = {path.stem for path in (folder / "north" / "outbox").glob("*.safetensors")}
    assert made == set(undisturbed)


def kill_site(folder: Path, undisturbed: list[str], *numbers: int) -> bool:
    """Kill the site at each of `numbers` in turn, and check; was it each time?"""
    folder.mkdir(exist_ok=True)
    died = [killed_at(number, partial(answered, folder)) for number in numbers]
    check_site(folder, undisturbed)
    return all(died)


@pytest.mark.parametrize("number", [13, 19, 21, 23, 26, 27, 34, 41, STEPS, STEPS + 1])
def test_a_site_killed_at_a_step_spends_once_and_says_the_same(tmp_path, undisturbed, number):
    assert kill_site(tmp_path, undisturbed, number) == (number <= STEPS)


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", range(1, STEPS + 1))
def test_the_same_at_every_step(tmp_path, undisturbed, number):
    assert kill_site(tmp_path, undisturbed, number)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_a_site_killed_again_and_again_spends_once_and_says_the_same(
    tmp_path, undisturbed, seed
):
    draw = random.Random(seed)
    kill_site(tmp_path, undisturbed, *(draw.randrange(1, STEPS // 2) for _ in range(12)))


def summed(folder: Path) -> tuple[str, list[dict[str, float]]]:
    """Run `MASKED` over three sites to its end; return the hash of the model and metrics."""
    for name, seed in SITES.items():
        if not (folder / "sites" / name / "site.key").exists():
            make_site(folder / "sites" / name, 100, seed)
        (folder / "sites" / name / "dp.key").write_bytes(bytes([seed]) * 32)
    registry = Registry(folder / "hub")
    wards = Wards(folder / "sites", [MASKED], registry.store.folder, seeds=SITES)
    try:
        found = Hub(wards, registry, wards.keys).run(MASKED)
    finally:
        wards.close()
        registry.close()
    return found.sha256, [dict(each.metrics) for each in found.history]


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    return summed(tmp_path_factory.mktemp("masked"))


def check_masked(folder: Path, masked: tuple[str, list[dict[str, float]]]) -> None:
    """Sums are those of an undisturbed run; each question was masked once, by fresh keys."""
    assert summed(folder) == masked
    secrets = []
    for name in SITES:
        site = folder / "sites" / name
        check_spent_once(site, 1, validation=1)
        left = [(e["round"], e["artifact"], e["task"]) for e in entries(site) if "task" in e]
        assert len(left) == len(set(left)) == 3 * len(MASK_PHASES)
        sent = {e["sha256"] for e in entries(site) if e.get("artifact") == "masked"}
        questions = [path for path in (site / "masks").iterdir() if path.is_dir()]
        assert {(each / "words").read_text() for each in questions} == sent
        assert len(sent) == len(questions) == 3
        secrets += [(each / "entropy").read_bytes() for each in questions]
    assert len(secrets) == len(set(secrets)) == 9


def kill_all(folder: Path, masked: Any, *numbers: int) -> bool:
    """Kill hub and sites together at each of `numbers`, and check; was it each time?"""
    died = [killed_at(number, partial(summed, folder)) for number in numbers]
    check_masked(folder, masked)
    return all(died)


@pytest.mark.parametrize("number", [90, 141, MASKED_STEPS + 1])
def test_killed_at_a_step_of_masked_rounds_sums_are_the_same(tmp_path, masked, number):
    assert kill_all(tmp_path, masked, number) == (number <= MASKED_STEPS)


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", range(1, MASKED_STEPS + 1))
def test_the_same_at_every_step_of_masked_rounds(tmp_path, masked, number):
    assert kill_all(tmp_path, masked, number)
