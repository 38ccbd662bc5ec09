"""Boosted trees from histograms over sites are the trees of the pooled records, bit for bit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.aggregate.fixed_point import exact_sum
from modelward.core.columns import Inputs
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.gate.cells import cells
from modelward.gate.offer import Offer
from modelward.learn import boosting
from modelward.learn.examples import Examples
from modelward.recipes.analysis import Heard
from modelward.recipes.catalogue import recipe
from modelward.recipes.trees import tree_sums
from modelward.recipes.trees.tree_growth import Terms, best
from modelward.recipes.trees.tree_shape import Shape
from modelward.site.entering.intake import Seen, model_objections
from modelward.study.answers import answer_to
from modelward.study.model import Model, initial
from modelward.study.read import parse
from modelward.study.scaling import Scaling
from tests.federations import TOY

OPTIONS = "trees = 6, depth = 3, bins = 8, min_leaf = 5"
PLAIN = Scaling(center=np.zeros(2), spread=np.ones(2), fill=np.zeros(2))


def study_of(options: str = f"{OPTIONS}, min_cell = 1") -> Study:
    text = TOY.replace('name = "logistic"', 'name = "trees"').replace("l2 = 0.0", options)
    return parse(
        text.replace("[plan]", '[plan]\nstrategy = "boosting"').replace("= 4\n", "= 40\n")
    )


def patients(number: int, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng([11, seed])
    x = rng.uniform(-9, 9, size=(number, 2))
    odds = np.where(x[:, 0] > 1.3, 1.5, -1.0) + np.where(x[:, 1] * x[:, 0] > 0, 1.0, -0.6)
    y = (rng.random(number) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    return x, y


def federated(study: Study, sites: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Return the state after each round, from the start, by the sums of `sites`."""
    made: Any = recipe(study.recipe)
    schema = made.state(study)
    flats = [initial(study, PLAIN).parameters]
    while made.ended(schema.split(flats[-1])) is None:
        state = schema.split(flats[-1])
        answers = [
            tree_sums.local(made.shape, state, x, y, made.options.min_cell) for x, y in sites
        ]
        after = made.step(study, Heard(totals=exact_sum(answers)), state)
        flats.append(np.concatenate([np.asarray(after[s.name]).reshape(-1) for s in schema]))
    return flats


EDGES = [-9 + 18 * k / 8 for k in range(1, 8)]


def halves(x: Any, rows: list[int]) -> Any:
    """Yield every way to split rows of units at one edge of one column, left and right."""
    for column in range(x.shape[1]):
        for edge in EDGES:
            left = [r for r in rows if x[r, column] <= edge]
            yield left, [r for r in rows if x[r, column] > edge]


def leaves(x: Any, rows: list[int], slopes: Any, depth: int) -> list[tuple[list[int], float]]:
    """Return the leaves of one tree of depth 3 on `rows`, by plain loops (XGBoost, eq. 5-7)."""

    def sums(of: list[int]) -> tuple[float, float]:
        return sum(slopes[0][r] for r in of), sum(slopes[1][r] for r in of)

    def score(of: list[int]) -> float:
        g, h = sums(of)
        return g * g / (h + 1.0)

    found, most = None, 0.0
    for left, right in halves(x, rows):
        gain = 0.5 * (score(left) + score(right) - score(rows))
        if min(len(left), len(right)) >= 5 and gain > most:
            found, most = (left, right), gain
    if found is None or depth == 3:
        g, h = sums(rows)
        return [(rows, -0.1 * g / (h + 1.0))]
    return [each for half in found for each in leaves(x, half, slopes, depth + 1)]


def by_hand(x: Any, y: Any) -> Any:
    """Return the probability of each row after six trees."""
    margin = [float(np.log((y.sum() + 0.5) / ((1 - y).sum() + 0.5)))] * len(y)
    for _ in range(6):
        p = [1 / (1 + np.exp(-m)) for m in margin]
        slopes = [p[r] - y[r] for r in range(len(y))], [q * (1 - q) for q in p]
        for rows, value in leaves(x, list(range(len(y))), slopes, 0):
            for r in rows:
                margin[r] += value
    return 1 / (1 + np.exp(-np.array(margin)))


THREE = [patients(60, 1), patients(120, 2), patients(45, 3)]
WHOLE: Any = tuple(np.concatenate(parts) for parts in zip(*THREE, strict=True))


def test_trees_over_sites_are_what_plain_loops_grow_on_the_pooled_records():
    study = study_of()
    x, y = WHOLE

    found = recipe(study.recipe).probabilities(
        federated(study, THREE)[-1], x, Inputs("table", (2,))
    )

    np.testing.assert_allclose(found, by_hand(x, y), atol=1e-9)
    assert np.ptp(found) > 0.3


def test_however_the_records_are_dealt_the_trees_have_the_same_bits():
    study = study_of()
    x, y = WHOLE
    order = np.random.default_rng(5).permutation(len(y))
    dealt = [(x[part], y[part]) for part in np.array_split(order, 7)]

    pooled = federated(study, [WHOLE])

    for other in (THREE, THREE[::-1], dealt):
        assert [f.tobytes() for f in federated(study, other)] == [f.tobytes() for f in pooled]
    alone = [*boosting.grow(study, pooled[0], Examples(x, y, len(y)), 99)]
    assert [f.tobytes() for f in alone] == [f.tobytes() for f in pooled[1:]]


def test_edges_by_quantiles_put_about_as_many_units_in_each_bin():
    study = study_of(f'{OPTIONS}, min_cell = 1, edges = "quantiles"')
    x, y = WHOLE
    skewed = np.stack([np.exp(x[:, 0] / 3.2) - 9, x[:, 1]], axis=1)

    made: Any = recipe(study.recipe)
    state = made.state(study).split(federated(study, [(skewed, y)])[1])

    counts = np.bincount(np.searchsorted(state["edges"][0], skewed[:, 0]), minlength=8)
    assert counts.sum() == len(y)
    wide = np.bincount(np.searchsorted(EDGES, skewed[:, 0]), minlength=8)
    assert counts.max() <= wide.max() / 2


def test_growing_ends_when_nothing_is_gained_and_when_all_trees_are_there():
    rng = np.random.default_rng(3)
    noise = rng.uniform(-9, 9, size=(200, 2)), rng.integers(0, 2, 200).astype(np.int8)
    study, picky = study_of(), study_of(f"{OPTIONS}, min_cell = 1, min_gain = 30.0")
    made: Any = recipe(study.recipe)

    whole = made.state(study).split(federated(study, THREE)[-1])
    stopped = made.state(picky).split(federated(picky, [noise])[-1])

    assert made.ended(whole) == "all 6 trees are grown"
    assert made.ended(stopped) == "no split gains anything after 0 trees"
    assert not stopped["leaf"][1:].any()


def test_the_best_split_of_a_line_worked_out_by_hand():
    terms = Terms(rate=1.0, l2=0.0, min_gain=0.0, min_leaf=1)
    picky, large = replace(terms, min_gain=4.0), replace(terms, min_leaf=5)
    persons, hessian = np.array([[2.0, 2.0, 4.0]]), np.array([[0.5, 0.5, 1.0]])
    gradient = np.array([[1.0, 1.0, -2.0]])  # G = 0: gain = (2^2 / 1 + 2^2 / 1) / 2 = 4

    split = best(terms, persons, gradient, hessian)

    assert split is not None
    assert (split.column, split.edge, split.left, split.right) == (0, 1, -2.0, 2.0)
    assert best(picky, persons, gradient, hessian) is None
    assert best(large, persons, gradient, hessian) is None


def test_neighbours_are_merged_until_both_outcomes_are_many_or_none():
    yes, no = np.array([3, 9, 0, 12, 1]), np.array([10, 0, 11, 0, 0])

    where = tree_sums.merged(yes, no, 10)

    assert where is not None
    assert where.tolist() == [0, 0, 2, 3, 3]
    assert tree_sums.merged(np.array([3, 3]), np.array([20, 20]), 10) is None
    assert tree_sums.merged(np.zeros(3, int), np.zeros(3, int), 10) is not None


@settings(max_examples=5)
@given(st.integers(0, 10**6), st.integers(30, 200), st.integers(2, 12))
def test_no_cell_that_a_site_shows_is_small_and_a_gate_lets_it_pass(seed, number, least):
    study = study_of(f"{OPTIONS}, min_cell = {least}")
    made: Any = recipe(study.recipe)
    own = patients(number, seed)
    others = [patients(150, seed + 1), patients(90, seed + 2)]

    for flat in federated(study, [own, *others])[:9]:
        answer = tree_sums.local(made.shape, made.state(study).split(flat), *own, least)
        yes, no = answer["yes"], answer["persons"] - answer["yes"]
        shown = np.concatenate([each.reshape(-1) for each in (yes, no, answer["outcomes"])])
        assert not ((shown > 0) & (shown < least)).any()
        assert cells(study, least)(offer(study, answer, number)) == ()


def offer(study: Study, answer: Mapping[str, Any], units: int) -> Offer:
    kind, schema = answer_to(study, "sums")
    task = Task(study=study.sha256, round_no=2, kind="sums", model="0" * 64)
    return Offer(task=task, kind=kind, tensors=answer, patients=units, schema=schema)


def second_level(study: Study) -> dict[str, Any]:
    """Return a site's answer at the second level of the first tree, and nothing hidden."""
    made: Any = recipe(study.recipe)
    state = made.state(study).split(federated(study, THREE)[2])
    return tree_sums.local(made.shape, state, *THREE[1], 1)


def test_the_gate_refuses_histograms_with_a_small_cell():
    study = study_of()

    found = cells(study, 10)(offer(study, second_level(study), 120))

    assert any("cells of 1 to 9 persons" in each.says for each in found)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("persons", 1.0, "adds up to"),
        ("gradient", 500.0, "more than one a person"),
        ("yes", 0.25, "not numbers of persons"),
    ],
)
def test_the_gate_finds_what_cannot_be_a_histogram(name, change, says):
    study = study_of()
    answer = second_level(study)
    answer[name] = answer[name].copy()
    answer[name][0, 1, 4] += change

    found = cells(study, 1)(offer(study, answer, 120))

    assert any(says in each.says for each in found)


def test_when_one_half_of_a_node_is_small_the_other_is_not_shown_either():
    shape = Shape(trees=1, depth=2, bins=4)
    x = np.array([[-5.0, 0.0]] * 3 + [[5.0, 0.0]] * 57)
    y = np.array([0, 1] * 30, np.int8)
    state = {
        "base": np.zeros(1), "grown": np.array([2.0]),
        "edges": np.array([[-1.0, 0.0, 1.0]] * 2),
        "column": np.array([[1.0, 0.0, 0.0]]), "threshold": np.zeros((1, 3)),
        "leaf": np.zeros((1, 4)), "pending": np.zeros(4),
    }  # fmt: skip

    hidden = tree_sums.local(shape, state, x, y, 10)
    shown = tree_sums.local(shape, state, x, y, 1)

    assert not hidden["persons"].any()
    assert shown["persons"][:, 0].sum() == 60


def test_a_site_refuses_a_model_whose_earlier_trees_have_changed():
    study = study_of()
    flats = federated(study, THREE)
    changed = flats[8].copy()
    made: Any = recipe(study.recipe)
    made.state(study).split(changed)["leaf"][0, 0] += 0.5
    task = Task(study=study.sha256, round_no=9, kind="sums", model="0" * 64)
    seen = Seen(age=6, model="1" * 64)

    def said(flat: Any) -> list[str]:
        before = Model(study, flats[6], PLAIN)
        found = model_objections(task, Model(study, flat, PLAIN), seen, before)
        return [each.says for each in found if each.rule != "intake-scaling"]

    assert said(flats[8]) == []
    assert said(changed) == ["trees, or bins, that were there before have changed"]


def test_trees_are_not_trained_by_steps():
    made: Any = recipe(study_of().recipe)

    with pytest.raises(AssertionError, match="boosting"):
        made.initial(Inputs("table", (2,)), 0)
