"""An audit finds what is learnt by heart, and nothing where noise hides it."""

from dataclasses import replace

import numpy as np
import pytest

from modelward.errors import BadPrivacyTerms, DataError
from modelward.readers.cohort import Cohort
from modelward.simulation.leakage_card import MARK, card, require_honest, to_json
from modelward.site.auditing import Audited, audit
from tests.studies import IMAGES, TABLE, table_study

GREEDY = table_study(
    IMAGES,
    ("groups = 2", 'groups = 2, pool = "flatten", hidden = [32]'),
    ("rounds = 3", "rounds = 2\nlocal_epochs = 30\nlr = 0.2"),
    ("momentum = 0.9\n", ""),
    ('label_skew = "logit-adjustment"\n', ""),
    ("validation = 0.2\n", ""),
    ('\n[stop]\nmetric = "auc"\n', ""),
)
"""A network that has time to learn every image."""

PRIVATE = table_study(
    TABLE.replace('strategy = "newton"\nrounds = 8', "rounds = 2")
    + "\n[privacy.dp]\nepsilon = 1.0\nsampling = 0.5\n"
)


@pytest.fixture(scope="module")
def greedy() -> Audited:
    draw = np.random.default_rng(3)
    y = draw.integers(0, 2, 80).astype(np.int8)  # nothing to learn but the images
    x = draw.integers(0, 256, (80, 12, 12)).astype(np.uint8)
    folds = (np.arange(80) % 2 * 2).astype(np.int8)
    return audit(GREEDY, Cohort(x=x, y=y, folds=folds), canaries=60, seed=0)


def test_a_network_that_learnt_by_heart_gives_its_canaries_away(greedy):
    assert greedy.claimed is None
    assert greedy.best.right >= 42
    assert greedy.best.low > 0.2
    assert greedy.best.low <= greedy.best.most
    (everyone, *_) = greedy.membership
    assert everyone.auc_low > 0.6


def test_a_claim_that_is_contradicted_stops_the_study(greedy):
    require_honest(greedy)

    with pytest.raises(BadPrivacyTerms, match=r"the study claims 0\.1"):
        require_honest(replace(greedy, claimed=0.1))


def test_the_card_says_what_was_seen_and_no_more(greedy):
    words = card("north", greedy)

    assert words.startswith(MARK)
    assert "The study claims no bound." in words
    assert "other attacks may find more" in words
    assert "the claim is wrong" in card("north", replace(greedy, claimed=0.1))
    assert "no attack found more by these tests" in card("north", replace(greedy, claimed=8.0))
    assert to_json(greedy)["contradicted"] is False


def test_noise_hides_the_canaries_and_the_audit_repeats_bit_by_bit():
    draw = np.random.default_rng(0)
    x = np.stack([draw.uniform(20, 95, 200), *draw.integers(0, 2, (3, 200))], axis=1)
    y = (draw.random(200) < x[:, 0] / 100).astype(np.int8)
    cohort = Cohort(x=x, y=y, folds=(np.arange(200) % 4 // 3 * 2).astype(np.int8))

    found = audit(PRIVATE, cohort, canaries=60, seed=1)

    assert found.claimed == 1.0
    assert not found.contradicted
    assert audit(PRIVATE, cohort, canaries=60, seed=1) == found
    require_honest(found)


def test_exact_sums_are_not_audited():
    nobody = Cohort(x=np.zeros((0, 4)), y=np.zeros(0, np.int8), folds=np.zeros(0, np.int8))

    with pytest.raises(DataError, match="nothing to audit"):
        audit(table_study(), nobody, canaries=20, seed=0)
