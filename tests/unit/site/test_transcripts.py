"""What the hub says it did is held against what the site has seen, fault by fault."""

from dataclasses import replace

import pytest

from modelward.core.task import Task
from modelward.errors import StorageError
from modelward.site.entering.intake import Seen
from modelward.site.entering.transcripts import (
    Told,
    Witnessed,
    faults,
    recall,
    remember,
    task_objections,
)
from modelward.study.transcript import Input, Transcript
from tests.sites import fedavg

STUDY = fedavg()
BEFORE, AFTER, OTHER = "3b" * 32, "4c" * 32, "5d" * 32
OWN = ("1a" * 32, 63)


def asked(kind: str, model: str, round_no: int = 2) -> Task:
    return Task(study=STUDY.sha256, round_no=round_no, kind=kind, model=model)  # type: ignore[arg-type]


def said(**changes: object) -> Transcript:
    good = Transcript(
        study=STUDY.sha256,
        round_no=2,
        roster=("cleveland", "va"),
        inputs=(Input(site="cleveland", sha256=OWN[0], weight=OWN[1]),),
        before=BEFORE,
        memory_before=None,
        output=AFTER,
        memory_after=None,
    )
    return replace(good, **changes)  # type: ignore[arg-type]


KNOWN = Witnessed(
    roster=("cleveland", "va"),
    seen=Seen(
        asked={
            (2, "train"): asked("train", BEFORE).id,
            (2, "evaluate"): asked("evaluate", AFTER).id,
        }
    ),
    told=Told(round_no=1, output=BEFORE, memory=None),
    released=OWN,
)


def test_a_transcript_that_fits_has_no_fault():
    assert faults("cleveland", STUDY, said(), KNOWN) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"roster": ("cleveland", "va", "west")}, "roster is not the one"),
        ({"inputs": (Input(site="eve", sha256=OTHER, weight=9),)}, "not of the roster"),
        ({"before": OTHER}, "starts from another model"),
        ({"output": OTHER}, "asked to evaluate"),
        ({"inputs": (Input(site="cleveland", sha256=OTHER, weight=63),)}, "another artifact"),
        ({"inputs": (Input(site="cleveland", sha256=OWN[0], weight=64),)}, "another artifact"),
        ({"memory_before": OTHER}, "where the round before ended"),
    ],
)
def test_each_lie_is_found(changes, expected):
    found = faults("cleveland", STUDY, said(**changes), KNOWN)

    assert any(expected in each for each in found)


def test_an_artifact_that_was_never_released_is_found():
    silent = replace(KNOWN, released=None)

    assert "another artifact" in faults("cleveland", STUDY, said(), silent)[0]


def test_an_answer_that_came_too_late_may_be_missing():
    others = said(inputs=(Input(site="va", sha256=OTHER, weight=85),))

    assert faults("cleveland", STUDY, others, KNOWN) == []


def test_the_same_round_told_twice_in_two_ways_is_found():
    before = replace(KNOWN, told=Told(round_no=2, output=OTHER, memory=None), seen=Seen())

    assert "ends elsewhere" in faults("cleveland", STUDY, said(), before)[0]


def test_a_site_that_was_away_is_told_of_rounds_it_has_not_seen():
    away = Witnessed(
        roster=KNOWN.roster,
        seen=Seen(),
        told=Told(round_no=0, output=OTHER, memory=None),
        released=None,
    )
    others = said(inputs=(Input(site="va", sha256=OTHER, weight=85),))

    assert faults("cleveland", STUDY, others, away) == []


def test_the_next_task_must_bring_the_model_that_the_transcript_names():
    told = Told(round_no=2, output=AFTER, memory=None)

    assert task_objections(asked("train", AFTER, 3), told) == ()
    assert task_objections(asked("train", OTHER, 3), told)[0].rule == "intake-transcript"
    assert task_objections(asked("evaluate", OTHER, 2), told)[0].rule == "intake-transcript"
    assert task_objections(asked("train", OTHER, 3), None) == ()


def test_after_a_fault_nothing_is_answered():
    told = Told(round_no=2, output=AFTER, memory=None, fault="it lies")

    assert "it lies" in task_objections(asked("train", AFTER, 3), told)[0].says


def test_what_was_told_is_on_disk(tmp_path):
    told = Told(round_no=2, output=AFTER, memory=OTHER, fault="it lies")
    assert recall(tmp_path) is None

    remember(tmp_path, told)

    assert recall(tmp_path) == told
    (tmp_path / "transcript.json").write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        recall(tmp_path)
