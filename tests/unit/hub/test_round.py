"""What one round does to a study; every rule with its boundary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.study import Study
from modelward.evaluate.better import better
from modelward.hub.round import RoundRecord, State, advance, enough, stop_reason
from tests.studies import AVERAGED, TABLE, table_study

values = st.floats(0, 1) | st.just(float("nan"))


def watched(metric: str, **stop: object) -> Study:
    """A study of 5 rounds that watches `metric`."""
    study = table_study(AVERAGED, ("rounds = 3", "rounds = 5"))
    return study.model_copy(
        update={"stop": study.stop.model_copy(update={"metric": metric, **stop})}
    )


def after(study: Study, *found: float) -> State:
    """The state after rounds with these values of the watched metric."""
    state = State(parameters=np.zeros(1), optimiser={})
    for number, value in enumerate(found, start=1):
        metrics = {"loss": np.nan, str(study.stop.metric or "loss"): value}
        record = RoundRecord(round_no=number, released=("a",), metrics=metrics)
        state = advance(study, state, np.full(1, number), {}, record)
    return state


def moved(study: Study, *distances: float) -> State:
    """The state after Newton rounds that moved so far."""
    state = State(parameters=np.zeros(1), optimiser={})
    for number, distance in enumerate(distances, start=1):
        record = RoundRecord(round_no=number, released=("a",), moved=distance)
        state = advance(study, state, np.zeros(1), {}, record)
    return state


@pytest.mark.parametrize(
    ("metric", "found", "best"),
    [
        ("auc", [0.5, 0.7, 0.6], 2),
        ("auc", [0.6, 0.7, 0.7], 2),
        ("auc", [0.7, 0.7], 2),
        ("loss", [0.5, 0.4, 0.4, 0.45], 2),
        ("auc", [np.nan, 0.1, np.nan], 2),
        ("auc", [np.nan, np.nan], 2),
        ("loss", [np.nan, np.nan, 0.9, 0.8, np.nan], 4),
    ],
)
def test_the_earliest_best_round_is_kept_and_the_last_while_nothing_tells_them_apart(
    metric, found, best
):
    assert after(watched(metric), *found).best == best


@given(st.lists(values, min_size=1, max_size=8), st.sampled_from(["auc", "accuracy", "loss"]))
def test_no_round_beats_the_kept_one(found, metric):
    best = after(watched(metric), *found).best

    assert not any(better(metric, value, found[best - 1]) for value in found)
    earlier = found[: best - 1]
    assert found[best - 1] not in earlier or len({*earlier}) == 1  # alike from the start


@given(values, values)
def test_better_is_strict_and_never_both_ways(one, other):
    for metric in ("auc", "loss"):
        assert not (better(metric, one, other) and better(metric, other, one))
        assert not better(metric, one, one)


def test_without_a_metric_the_last_round_is_kept():
    assert moved(table_study(), 1.0, 0.5).best == 2


def test_a_study_that_has_not_begun_is_not_finished():
    assert stop_reason(table_study(), State(parameters=np.zeros(1), optimiser={})) is None


def test_newton_stops_when_nothing_moves_further_than_the_tolerance():
    study = table_study(TABLE + "\n[stop]\ntolerance = 1e-3\n")

    assert stop_reason(study, moved(study, 1.0, 1.1e-3)) is None
    assert "converged" in str(stop_reason(study, moved(study, 1.0, 1e-3)))


def test_averaging_does_not_stop_because_nothing_moved():
    study = table_study(AVERAGED, ('\n[stop]\nmetric = "loss"\n', ""))

    assert stop_reason(study, moved(study, 0.0)) is None
    assert stop_reason(study, moved(study, 0.0, 0.0, 0.0)) == "all 3 rounds are done"


@pytest.mark.parametrize(
    ("metric", "target", "found", "reached"),
    [
        ("auc", 0.9, 0.8999, False),
        ("auc", 0.9, 0.9, True),
        ("loss", 0.2, 0.21, False),
        ("loss", 0.2, 0.2, True),
        ("auc", 0.9, np.nan, False),
    ],
)
def test_a_target_is_reached_when_it_is_met(metric, target, found, reached):
    reason = stop_reason(watched(metric, target=target), after(watched(metric), found))

    assert (reason is not None and "target reached" in reason) == reached


def test_patience_counts_rounds_since_the_best():
    study = watched("auc", patience=2)

    assert stop_reason(study, after(study, 0.8, 0.7)) is None
    assert stop_reason(study, after(study, 0.8, 0.7, 0.8)) == "no better auc for 2 rounds"
    assert stop_reason(study, after(study, 0.8, 0.7, 0.9, 0.9)) is None
    assert stop_reason(study, after(study, *[np.nan] * 4)) is None


@given(st.integers(0, 6), st.integers(0, 6), st.integers(1, 6) | st.none())
def test_a_round_is_closed_with_a_quorum_or_with_everybody_who_did_not_refuse(
    released, silent, quorum
):
    study = table_study(TABLE, ("test =", f"quorum = {quorum}\ntest =" if quorum else "test ="))
    closed = enough(study, released, silent)

    assert not (closed and released < study.sites.minimum)
    if quorum is None:
        assert closed == (silent == 0 and released >= 2)
    else:
        assert closed == (released >= max(quorum, 2))
