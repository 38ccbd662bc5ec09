"""Every model everywhere, in pieces: the same bits whoever works them, in whatever order."""

from collections.abc import Sequence

import numpy as np

from modelward.evaluate import judging
from modelward.evaluate.judging import AWAY, judge, judge_all, judge_together
from modelward.evaluate.piece import Piece
from modelward.evaluate.predictions import union
from tests.four_hospitals import SIZES, judged

ORDER = [*judged()]
SITES = [*SIZES]


def backwards(pieces: Sequence[Piece]) -> list[bytes]:
    """Work the last piece first."""
    return [piece.work() for piece in reversed(pieces)][::-1]


def test_the_order_of_work_changes_nothing():
    first = judge_all(judged(), ORDER, SITES, seed=1, draws=50)

    assert judge_all(judged(), ORDER, SITES, seed=1, draws=50, aside=backwards) == first


def test_how_many_models_share_resamples_changes_nothing(monkeypatch):
    first = judge_all(judged(), ORDER, SITES, seed=1, draws=50)

    monkeypatch.setattr(judging, "MOST_MODELS", 1)

    assert judge_all(judged(), ORDER, SITES, seed=1, draws=50) == first


def test_a_model_among_others_is_judged_as_if_it_were_alone():
    together = judge_all(judged(), ORDER, SITES, seed=1, draws=50)
    alone = judge("pooled", [(s, judged()["pooled"][s]) for s in SITES], seed=1, draws=50)

    assert alone == next(model for model in together if model.name == "pooled")


def test_a_local_model_has_its_intervals_at_home_and_on_everybody_only():
    found = {m.name: m for m in judge_all(judged(), ORDER, SITES, seed=1, draws=50)}
    va = found["local:va"]

    assert va.at("va").slope.interval is not None
    assert va.overall.slope.interval is not None
    elsewhere = va.at("hungary")
    assert (elsewhere.slope.interval, elsewhere.slope.note) == (None, AWAY)
    assert elsewhere.slope.value is not None
    assert elsewhere.auc.interval is not None
    assert elsewhere.accuracy.interval is not None
    assert found["fedavg"].at("hungary").slope.interval is not None


def test_everybody_together_is_what_a_model_has_overall():
    parts = [judged()["pooled"][site] for site in SITES]

    found = judge_together("pooled", parts, seed=1, draws=50)

    whole = judge("pooled", list(zip(SITES, parts, strict=True)), seed=1, draws=50)
    assert (found.overall, found.roc, found.reliability) == (
        whole.overall,
        whole.roc,
        whole.reliability,
    )
    assert found.by_site == ()


def test_pieces_say_what_they_judge_and_how_much_work_it_is():
    seen: list[Piece] = []

    def look(pieces: Sequence[Piece]) -> list[bytes]:
        seen.extend(pieces)
        return [piece.work() for piece in pieces]

    judge_all(judged(), ORDER, SITES, seed=1, draws=5, aside=look)

    units = len(union([judged()["pooled"][site] for site in SITES]))
    assert seen[0].name == "7 models at all 4 hospitals"
    assert seen[0].size == 7 * units
    assert [piece.name for piece in seen[1:]] == [f"7 models at {site}" for site in SITES]
    assert np.isfinite([piece.size for piece in seen]).all()
