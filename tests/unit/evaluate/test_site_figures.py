"""What a site tells is what its own report says, at the resolution of the study."""

from dataclasses import fields

import numpy as np
import pytest

from modelward.errors import BadArtifact
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.facts.record import SiteFacts
from modelward.evaluate.findings import site_verdict
from modelward.evaluate.measures.intervals import DRAWS, SEED, generator
from modelward.evaluate.measures.scores import Scores, score
from modelward.evaluate.predictions import Predictions
from modelward.evaluate.told import site_figures
from modelward.evaluate.told.behind import expanded
from modelward.evaluate.told.site_figures import decode, encode
from modelward.study.read import parse
from modelward.study.report_answer import ABSENT, CODES, NAMES, report_schema
from tests.studies import TABLE

STUDY = parse(TABLE + "\n[report]\nbins = 20\n")
CLOSE = 0.5e-3 + 1e-12
OUTCOME = np.repeat([1, 0], [60, 90])


def predictions(noise: float, seed: int) -> Predictions:
    disturbed = noise * np.random.default_rng(seed).normal(size=OUTCOME.size)
    return Predictions.of(OUTCOME, 1 / (1 + np.exp(-2 * (2 * OUTCOME - 1) - disturbed)))


GOOD, BAD = predictions(2, 1), predictions(7, 2)


def exact(local: Predictions, positives: int = 30) -> object:
    """Return the verdict that a report on rows gives, about 80 training units."""
    site = SiteFacts(name="north", train=80, train_positives=positives)
    judged = {"federated": {"north": GOOD}, "local:north": {"north": local}}
    if positives in {0, 80}:
        del judged["local:north"]
    return site_verdict(site, judged, ("patient", None), generator(SEED, "north"), DRAWS)


def agree(one: Estimate, other: Estimate) -> bool:
    assert one.value is not None
    assert other.value is not None
    assert one.interval is not None
    assert other.interval is not None
    assert one.interval.method == other.interval.method
    near = [
        (one.value, other.value),
        (one.interval.low, other.interval.low),
        (one.interval.high, other.interval.high),
    ]
    return all(abs(a - b) <= CLOSE for a, b in near)


@pytest.mark.parametrize("local", [BAD, GOOD], ids=["worse", "the same"])
def test_a_verdict_comes_back_as_it_was_made(local):
    told = decode("north", encode("north", GOOD, local, STUDY), STUDY).verdict
    there = exact(local)

    for field in fields(told):
        if field.name not in {"federated", "local", "difference", "sentence"}:
            assert getattr(told, field.name) == getattr(there, field.name), field.name
    assert agree(told.difference, there.difference)  # type: ignore[attr-defined]
    assert told.sentence.startswith("On its own 150 test patients the federated model has AUC")
    assert told.sentence.endswith(f": {told.word}.")


def test_the_scores_of_both_models_come_back_within_half_a_digit():
    found = decode("north", encode("north", GOOD, BAD, STUDY), STUDY)
    there: Scores = score(BAD, generator(SEED, "north"), site="north")

    for name in ("auc", "brier", "slope", "intercept"):
        assert agree(getattr(found.local, name), getattr(there, name)), name
    for name in ("units", "positives", "accuracy", "sensitivity", "specificity"):
        assert getattr(found.local, name) == getattr(there, name), "exact: 0.5 is an edge"
    assert found.federated.auc != found.local.auc


def test_a_site_that_could_only_say_a_constant_is_told_so():
    constant = Predictions.of(OUTCOME, np.ones(OUTCOME.size))
    told = decode("north", encode("north", GOOD, constant, STUDY, "have"), STUDY).verdict

    assert told.reason == exact(constant, positives=80).reason  # type: ignore[attr-defined]
    assert told.reason.startswith("All of its training patients have the outcome")
    assert told.metric == "brier"
    assert "the constant it could predict alone" in told.sentence


def test_units_are_counted_by_outcome_and_bin_and_nothing_else_of_them_is_told():
    told = encode("north", GOOD, BAD, STUDY)

    again = expanded(told["counts.federated"].astype(np.int64))
    assert (len(again), again.positives) == (150, 60)
    assert set(told) == {"counts.federated", "counts.local", "figures"}
    assert {s.name: s.shape for s in report_schema(STUDY)} == {
        name: values.shape for name, values in told.items()
    }
    figures = told["figures"]
    assert (figures == np.round(figures, 3)).all()


def test_a_signed_margin_is_in_the_word_and_in_the_sentence():
    study = parse(TABLE + "\n[report]\n[evaluation]\nmargin = 0.4\n")
    told = decode("north", encode("north", GOOD, GOOD, study), study).verdict

    assert told.word == "no worse than local"
    assert told.sentence.endswith(": no worse than local (margin 0.4).")


def test_the_codes_are_as_many_as_there_are_words():
    there = {"metric": "METRICS", "word": "WORDS", "weakness": "WEAKNESSES", "alike": "ALIKE"}

    assert {n: len(getattr(site_figures, there[n])) for n in CODES} == dict(CODES)


@pytest.mark.parametrize(
    ("name", "value"), [("word", 5.0), ("metric", -1.0), ("weakness", 0.5), ("share", 2.0)]
)
def test_a_code_of_no_kind_is_refused(name, value):
    told = encode("north", GOOD, BAD, STUDY)
    told["figures"][NAMES.index(name)] = value

    with pytest.raises(BadArtifact, match="of no kind"):
        decode("north", told, STUDY)


def test_a_figure_that_does_not_exist_is_absent_and_comes_back_as_none():
    alike = Predictions.of(np.ones(30), np.linspace(0.2, 0.9, 30))
    told = encode("north", alike, alike, STUDY)

    assert told["figures"][NAMES.index("federated.auc.value")] == ABSENT
    assert decode("north", told, STUDY).federated.auc.value is None
