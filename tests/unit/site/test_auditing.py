"""An audit finds what is learnt by heart, and nothing where noise hides it."""

from dataclasses import replace

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.errors import BadPrivacyTerms, DataError
from modelward.readers.cohort import Cohort
from modelward.simulation.leakage_card import MARK, card, require_honest, to_json
from modelward.site.answering.auditing import Audited, audit
from modelward.site.answering.canaries import _of_truth, canaries
from modelward.study.read import parse
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


@pytest.mark.slow
def test_a_network_that_learnt_by_heart_gives_its_canaries_away(greedy):
    assert greedy.claimed is None
    assert greedy.best.right >= 42
    assert greedy.best.low > 0.2
    assert greedy.best.low <= greedy.best.most
    (everyone, *_) = greedy.membership
    assert everyone.auc_low > 0.6


@pytest.mark.slow
def test_a_claim_that_is_contradicted_stops_the_study(greedy):
    require_honest(greedy)

    with pytest.raises(BadPrivacyTerms, match=r"the study claims 0\.1"):
        require_honest(replace(greedy, claimed=0.1))


@pytest.mark.slow
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


LEVELS = ("""
type = "category"
levels = ["none", "some", "much"]
yes = ["much"]
""", "mlp", "{ hidden = [32] }")  # fmt: skip
TIMES = ("""
type = "time-to-event"
horizon = 90
intervals = [30, 60, 90]
""", "hazard", "{ hidden = [32] }")  # fmt: skip


COLUMNS = "\n".join(
    f'[features.{name}]\ntype = "number"\nunit = "mg"\nrange = [-3, 3]' for name in "abcdef"
)
SUMS = '[plan]\nstrategy = "sums"'


def by_heart(target: str, recipe: str, options: str) -> Study:
    """Return a study of noise, with time to learn every row."""
    return parse(
        f"""
[study]
id = "heart"
purpose = "Learn by heart"
min_patients = 10

{COLUMNS}
[target.end]
{target}
[recipe]
name = "{recipe}"
options = {options}

[plan]
rounds = 2
local_epochs = 150
batch = 8
lr = 0.2
validation = 0.0
""".replace("[plan]", SUMS if recipe == "glm" else "[plan]")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(LEVELS, id="levels"),
        pytest.param(TIMES, id="times", marks=pytest.mark.exhaustive),
    ],
)
def test_levels_and_times_that_were_learnt_by_heart_are_told(asked):
    study = by_heart(*asked)
    draw = np.random.default_rng(4)
    level = draw.integers(0, 3, 120).astype(np.float64)
    event = draw.integers(0, 2, 120).astype(np.int8)
    days = draw.integers(1, 91, 120).astype(np.float64)
    cohort = Cohort(
        x=draw.normal(size=(120, 6)).clip(-3, 3),
        y=(level == 2).astype(np.int8) if asked is LEVELS else event,
        folds=(np.arange(120) % 2 * 2).astype(np.int8),
        amount=level if asked is LEVELS else np.where(event, days, 90.0),
    )

    found = audit(study, cohort, canaries=40, seed=0)

    told = {each.group: each for each in found.membership}
    assert told["all"].auc > 0.6
    assert found.best.right > found.best.guesses / 2
    assert ({"class none", "class some", "class much"} <= set(told)) == (asked is LEVELS)
    assert ("of those in class none from" in card("north", found)) == (asked is LEVELS)


def test_what_really_happened_is_as_likely_as_the_outputs_say():
    come = np.array([[0.1, 0.3, 0.6]] * 4)
    ends = np.array([[1, 0], [1, 2], [0, 0], [0, 3]], np.float32)
    pixels = np.array([[[0.9, 0.2]], [[0.5, 0.5]]])

    assert _of_truth("intervals", come, ends) == pytest.approx([0.1, 0.3, 1.0, 0.4])
    assert _of_truth("levels", come, np.array([0, 1, 2, 2])).tolist() == [0.1, 0.3, 0.6, 0.6]
    assert _of_truth("mask", pixels, np.array([[[1, 0]], [[0, 1]]])) == pytest.approx(
        [(0.9 * 0.8) ** 0.5, 0.5]
    )
    assert _of_truth("yes-no", come[:2, 0], np.array([1, 0])).tolist() == [0.1, 0.9]


def test_canaries_have_outcomes_of_the_kind_that_is_predicted():
    draw = np.random.default_rng(0)
    graded = canaries(by_heart(*LEVELS), 200, draw)
    timed = canaries(by_heart(*TIMES), 200, draw)

    assert graded.amount is not None
    assert timed.amount is not None
    assert set(graded.amount) == {0.0, 1.0, 2.0}
    assert ((graded.amount == 2) == (graded.y == 1)).all()
    assert (timed.amount[timed.y == 0] == 90).all()
    assert timed.amount.min() >= 1
    assert timed.amount.max() == 90


def test_a_number_that_is_predicted_is_not_audited_and_the_reason_is_said():
    study = by_heart(
        'type = "number"\nunit = "mg"\nrange = [0, 9]\n', "glm", '{ family = "linear" }'
    )
    some = Cohort(x=np.zeros((3, 2)), y=np.zeros(3, np.int8), folds=np.zeros(3, np.int8))

    with pytest.raises(DataError, match="type 'number' with strategy = 'sums'") as refused:
        audit(study, some, canaries=20, seed=0)

    assert "nothing bounds" in refused.value.why
