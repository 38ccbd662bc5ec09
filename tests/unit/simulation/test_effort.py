"""What a hospital's machine was asked for, counted by hand."""

import pytest

from modelward.hub.round import RoundRecord
from modelward.simulation.evaluation import looked_at, trained_in
from modelward.study.read import parse
from tests.studies import AVERAGED, TABLE

STEPS = "[plan.local]\nsteps = 5"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "looks"),
    [
        (TABLE, 100),  # exact sums: each unit once
        (AVERAGED, 100),  # one pass
        (AVERAGED.replace("rounds = 3", "rounds = 3\nlocal_epochs = 4"), 400),
        (
            AVERAGED.replace("rounds = 3", "rounds = 3\nbatch = 16")
            + "[plan.local]\nsteps = 5",
            80,
        ),
        (AVERAGED + STEPS, 160),  # batches of 32
        (AVERAGED + "[privacy.dp]\nepsilon = 3.0\nsampling = 0.25", 100),  # 4 steps of 25
    ],
)
def test_a_round_looks_as_often_as_its_steps_take_units(study, looks):
    assert looked_at(parse(study), 100) == looks


def test_a_site_that_was_not_asked_in_a_round_did_nothing_in_it():
    history = [
        RoundRecord(round_no=1, released=("north",)),
        RoundRecord(round_no=2, released=("south",), refused=("west",)),
        RoundRecord(round_no=3, released=("north",), silent=("west",)),
    ]

    assert [trained_in(history, site) for site in ("north", "south", "west")] == [2, 1, 1]
