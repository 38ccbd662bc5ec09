"""A card with any field altered is rejected, and so is a proper card on other tensors."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.artifact import card
from modelward.artifact.store import Store
from modelward.core.artifact import Artifact, Card
from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.hub.accept import objection
from modelward.study.model import initial
from modelward.study.scaling import Scaling
from tests.ledgers import STRANGER
from tests.studies import AVERAGED, hospital, key_of, make_site, table_study

STUDY = table_study(AVERAGED)
KEY = key_of(1).public_key()

ALTERED: dict[str, Any] = {
    "kind": "metrics",
    "study": "0" * 64,
    "round_no": 2,
    "task": "1" * 64,
    "site": "south",
    "schema": "2" * 64,
    "sha256": "3" * 64,
    "nbytes": 1,
    "patients": 999,
    "privacy": {"mechanism": "gauss"},
    "parent": None,
    "key": "4" * 64,
    "signature": "5" * 128,
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Task, Release]]:
    """A task and a hospital's honest answer to it."""
    folder: Path = tmp_path_factory.mktemp("accept")
    models = Store(folder / "models")
    start = initial(STUDY, Scaling(np.full(4, 0.5), np.ones(4), np.zeros(4)))
    digest, _ = models.put(start.tensors, start.schema)
    task = Task(study=STUDY.sha256, round_no=1, kind="train", model=digest)
    opened = hospital(make_site(folder / "north", 80, 1), "north", STUDY)
    answer = opened.answer(task, models)
    assert isinstance(answer, Release)
    yield task, answer
    opened.close()


def with_card(release: Release, entry: Card) -> Release:
    return replace(release, artifact=Artifact(entry, release.artifact.tensors))


def test_an_honest_answer_meets_no_objection(asked):
    task, release = asked

    assert objection(release, STUDY, task, KEY) is None


def test_every_field_of_a_card_is_listed_here():
    assert set(ALTERED) == set(Card.__dataclass_fields__)


@pytest.mark.parametrize("field", ALTERED)
def test_a_card_with_an_altered_field_is_rejected(asked, field):
    task, release = asked
    entry = replace(release.artifact.card, **{field: ALTERED[field]})
    assert entry != release.artifact.card

    assert objection(with_card(release, entry), STUDY, task, KEY) is not None


BOUND = ("kind", "study", "round_no", "task", "site", "schema", "parent")


@pytest.mark.parametrize("field", BOUND)
def test_a_site_that_signs_an_answer_to_another_question_is_rejected(asked, field):
    task, release = asked
    signed = card.sign(replace(release.artifact.card, **{field: ALTERED[field]}), key_of(1))

    told = objection(with_card(release, signed), STUDY, task, KEY)

    assert told == f"the card's {field} do not match the task"


def test_an_answer_of_nobody_is_rejected(asked):
    task, release = asked
    signed = card.sign(replace(release.artifact.card, patients=0), key_of(1))

    assert objection(with_card(release, signed), STUDY, task, KEY) == "nobody contributed"


def test_another_key_and_another_site_are_rejected(asked):
    task, release = asked
    forged = with_card(release, card.sign(release.artifact.card, STRANGER))

    assert "another key" in str(objection(forged, STUDY, task, KEY))
    assert "not one of the study's sites" in str(objection(release, STUDY, task, None))
    stolen = replace(release, site="south")
    assert "site do not match" in str(objection(stolen, STUDY, task, KEY))


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"intercept": np.zeros(1, np.float32)},
        {"intercept": np.zeros(1, np.float32), "weight": np.zeros(5, np.float32)},
        {"intercept": np.zeros(1, np.float64), "weight": np.zeros(4, np.float32)},
        {
            "intercept": np.zeros(1, np.float32),
            "weight": np.zeros(4, np.float32),
            "running_mean": np.zeros(4, np.float32),
        },
    ],
    ids=["none", "missing", "shape", "type", "extra"],
)
def test_other_tensors_are_rejected(asked, tensors):
    task, release = asked
    other = replace(release, artifact=Artifact(release.artifact.card, tensors))

    assert objection(other, STUDY, task, KEY) is not None


@pytest.mark.parametrize(
    ("length", "accepted"), [(9.999, True), (10.0, True), (10.01, False), (np.nan, False)]
)
def test_an_update_is_as_long_as_the_study_allows(asked, length, accepted):
    task, release = asked
    tensors = {
        "intercept": np.zeros(1, np.float32),
        "weight": np.array([0, 0.6 * length, 0, 0.8 * length], np.float32),
    }
    other = replace(release, artifact=Artifact(release.artifact.card, tensors))

    told = objection(other, STUDY, task, KEY)

    assert (told is None) == accepted
    assert accepted or "longer than the bound of 10" in str(told)
