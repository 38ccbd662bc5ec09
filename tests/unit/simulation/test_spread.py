"""Pieces in real workers: answers in order, shown as they end, the same whatever the number."""

import os
from functools import partial

import pytest

from modelward.errors import DataError, EngineFailed
from modelward.evaluate.judged import Evaluation, Rules, evaluate
from modelward.evaluate.judging import judge_all
from modelward.evaluate.measures.scores import ModelFindings
from modelward.evaluate.piece import Piece
from modelward.simulation.spread import aside, spread
from modelward.simulation.stage import Stage
from modelward.simulation.training import How
from tests.four_hospitals import SIZES, divided, findings, judged


def pieces(number: int) -> list[Piece]:
    return [Piece(f"n{n}", float(n % 3), partial(str(n).encode)) for n in range(number)]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_answers_come_in_the_order_of_the_pieces(count):
    assert spread(pieces(7), count, lambda *_: None) == [str(n).encode() for n in range(7)]


def test_nothing_to_do_needs_no_worker():
    assert spread([], 2, lambda *_: None) == []


def test_pieces_are_worked_elsewhere():
    (pid,) = spread([Piece("who", 1.0, lambda: str(os.getpid()).encode())], 1, lambda *_: None)

    assert int(pid) != os.getpid()


def test_every_piece_is_shown_with_its_name_as_it_ends():
    stages: list[Stage] = []

    aside(How(workers=2, watch=stages.append), "judging", done=3)(pieces(4))

    assert [stage.done for stage in stages] == [3, 4, 5, 6, 7]
    assert {stage.total for stage in stages} == {7}
    assert {stage.latest for stage in stages[1:]} == {"n0", "n1", "n2", "n3"}


def test_an_error_of_a_piece_is_raised_here_in_its_own_class():
    def refuse() -> bytes:
        raise DataError("no units", why="of a test", remedy="none")

    with pytest.raises(DataError, match="no units"):
        spread([Piece("empty", 1.0, refuse)], 1, lambda *_: None)


def test_a_worker_that_dies_is_named():
    with pytest.raises(EngineFailed, match="ended with exit code 7"):
        spread([Piece("gone", 1.0, lambda: os._exit(7))], 1, lambda *_: None)


@pytest.mark.slow
def test_the_number_of_workers_changes_no_bit_of_an_evaluation():
    def found(workers: int) -> tuple[ModelFindings, ...]:
        work = aside(How(workers=workers), "judging")
        return judge_all(judged(), [*judged()], [*SIZES], seed=1, draws=200, aside=work)

    assert found(1) == found(2) == found(5)


@pytest.mark.slow
def test_the_number_of_workers_changes_no_bit_of_comparisons_and_curves():
    verdicts = findings(draws=20).verdicts

    def found(workers: int) -> Evaluation:
        rules = Rules(divisions=divided(), seed=7, draws=200)
        return evaluate(judged(), verdicts, rules, aside(How(workers=workers), "comparing"))

    assert (
        found(1)
        == found(3)
        == evaluate(judged(), verdicts, Rules(divisions=divided(), seed=7, draws=200))
    )
