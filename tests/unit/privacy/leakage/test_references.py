"""Records that a model knows better than its references do are members."""

import numpy as np

from modelward.privacy.leakage.references import halves, scores, told


def test_a_score_is_the_share_of_records_that_it_beats():
    audited = np.array([0.9, 0.4, 0.2, 0.5])
    references = np.array([[0.3, 0.4, 0.4, 0.25], [0.3, 0.4, 0.4, 0.25]])

    # ratios 3, 1, 1/2, 2
    assert scores(audited, references).tolist() == [1.0, 0.5, 0.25, 0.75]


def test_every_record_is_in_one_half():
    first = halves(101, np.random.default_rng(0))

    assert first.sum() == 50
    assert halves(101, np.random.default_rng(0)).tolist() == first.tolist()


def test_hard_records_are_judged_by_what_is_usual_for_them():
    draw = np.random.default_rng(0)
    usual = draw.uniform(0.05, 0.95, 400)  # what models without the record give it
    members = np.arange(400) < 200
    audited = np.where(members, np.minimum(usual * 1.5, 1.0), usual)

    (found, *_) = told(audited, np.stack([usual, usual]), members, np.zeros(400, np.int8))

    assert found.auc > 0.95
    assert found.found_low > 0.05
