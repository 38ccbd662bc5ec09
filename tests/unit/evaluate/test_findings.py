"""Findings hold numbers, survive a round trip, and refuse what they do not understand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from modelward.errors import BadArtifact, DataError
from modelward.evaluate.findings import Findings, find
from modelward.evaluate.predictions import Predictions
from tests.four_hospitals import findings, judged, record

FOUND = findings(draws=20)


def test_the_federated_model_comes_first_and_local_models_last():
    names = [model.name for model in FOUND.models]

    assert names[:2] == ["federated", "pooled"]
    assert names[-3:] == ["local:cleveland", "local:hungary", "local:va"]
    assert FOUND.federated.name == "federated"
    assert FOUND.model("local:switzerland") is None


def test_overall_figures_are_of_the_patients_of_all_sites():
    assert FOUND.federated.overall.units == 104 + 89 + 16 + 45
    assert FOUND.federated.overall.positives == 48 + 33 + 15 + 33


def test_every_site_gets_its_verdict_in_order():
    sites = [verdict.site for verdict in FOUND.verdicts]

    assert sites == ["cleveland", "hungary", "switzerland", "va"]


def test_a_site_whose_training_patients_are_alike_is_told_so():
    swiss = FOUND.verdicts[2]

    assert swiss.metric == "brier"
    assert swiss.reason.startswith("All of its training patients have the outcome")
    assert swiss.local == pytest.approx(1 / 16)  # it says 1 to all; one of 16 is healthy


def test_other_models_are_compared_with_the_federated_one():
    assert set(FOUND.against) == {model.name for model in FOUND.models[1:]}
    gap = FOUND.against["local:va"].difference
    assert gap.value is not None
    assert gap.value > 0


def test_json_brings_back_the_same_findings():
    assert Findings.from_json(FOUND.to_json()) == FOUND
    assert Findings.from_json(FOUND.to_json().encode()).to_json() == FOUND.to_json()


def test_the_same_seed_gives_the_same_findings():
    assert findings(draws=20) == FOUND


def test_no_list_is_as_long_as_a_site():
    def longest(value: object) -> int:
        if isinstance(value, dict):
            return max(map(longest, value.values()), default=0)
        if isinstance(value, list):
            return max([len(value), *map(longest, value)])
        return 0

    one_value_per_patient_of_hungary = 89
    assert longest(json.loads(FOUND.to_json())) < one_value_per_patient_of_hungary


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda plain: plain.update(format="modelward-findings/2"), "format"),
        (lambda plain: plain.update(extra=1), "does not know"),
        (lambda plain: plain["record"].pop("study"), "record.study"),
        (lambda plain: plain["verdicts"][0].update(word="maybe"), "verdicts.0.word"),
        (lambda plain: plain["record"]["run"].update(rounds="6"), "record.run.rounds"),
    ],
)
def test_json_that_is_not_of_this_format_is_refused_by_name(change, says):
    plain = json.loads(FOUND.to_json())
    change(plain)

    with pytest.raises(BadArtifact, match=says):
        Findings.from_json(json.dumps(plain))


@pytest.mark.parametrize("raw", ["", "{", '{"a": NaN}', '{"a": 1, "a": 1}'])
def test_what_is_not_strict_json_is_refused(raw):
    with pytest.raises(BadArtifact):
        Findings.from_json(raw)


def test_without_a_federated_model_there_is_nothing_to_find():
    predictions = {name: by for name, by in judged().items() if name != "federated"}

    with pytest.raises(DataError, match="no predictions of federated"):
        find(predictions, record(), seed=1, draws=5)


def test_a_model_must_be_judged_at_every_site():
    predictions = {**judged(), "local:va": {"va": judged()["local:va"]["va"]}}

    with pytest.raises(DataError, match="local:va for cleveland"):
        find(predictions, record(), seed=1, draws=5)


def test_models_judged_on_other_patients_are_refused():
    swapped = {**judged()["pooled"], "va": Predictions.of([1, 0], [0.5, 0.5])}

    with pytest.raises(DataError, match="different units"):
        find({**judged(), "pooled": swapped}, record(), seed=1, draws=5)


def test_without_local_model_and_counts_no_verdict_is_made_up():
    facts = record()
    sites = tuple(
        replace(site, train=None, train_positives=None) if site.name == "switzerland" else site
        for site in facts.sites
    )

    with pytest.raises(DataError, match="switzerland has neither"):
        find(judged(), replace(facts, sites=sites), seed=1, draws=5)


def test_the_order_of_patients_changes_no_figure_that_is_not_resampled():
    order = np.random.default_rng(1).permutation(104)
    shuffled = {}
    for name, by_site in judged().items():
        one = by_site["cleveland"]
        moved = Predictions.of(one.outcome[order], one.probability[order])
        shuffled[name] = {**by_site, "cleveland": moved}

    found = find(shuffled, record(), seed=7, draws=20)

    assert found.federated.overall.auc == FOUND.federated.overall.auc
    assert found.federated.roc == FOUND.federated.roc
    assert found.verdicts[0].word == FOUND.verdicts[0].word
