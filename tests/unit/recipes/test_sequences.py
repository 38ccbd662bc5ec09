"""Networks on sequences against plain loops, and what padding, order and time do to them."""

from typing import Any

import numpy as np
import pytest

from modelward.core.columns import Inputs
from modelward.core.sequences import Item, packed
from modelward.core.study import RecipeChoice
from modelward.errors import DataError, StudyFileError
from modelward.recipes.catalogue import recipe
from modelward.recipes.networks.events import TIMES, VALUES

ITEMS = (Item("creatinine", 0.1, 20.0), Item("delta", -5.0, 5.0), Item("visit", -1.0, 1.0))
INPUTS = Inputs("sequence", (4, 3), items=ITEMS, days=(0, 100))
OPTIONS: dict[str, dict[str, Any]] = {
    "gru": {"width": 3, "state": 4},
    "transformer": {"width": 4, "heads": 2, "blocks": 2, "inner": 5},
}
X = packed(
    np.array([[1, 3, 2, 1], [1, 1, 0, 0], [0, 0, 0, 0]]),
    np.array([[90, 60, 60, 1], [30, 2, 0, 0], [0, 0, 0, 0]]),
    np.array([[1.2, 0, -2.5, 3.0], [0.9, 0.8, 0, 0], [0, 0, 0, 0]]),
)


def made(name: str) -> tuple[Any, Any, dict[str, Any]]:
    """Return a recipe, its parameters with nothing at 0, and the same by name."""
    network = recipe(RecipeChoice(name=name, options=OPTIONS[name]))
    schema = network.schema(INPUTS)
    flat = np.random.default_rng(3).normal(0, 0.5, schema.size).astype(np.float32)
    return network, flat, {n: v.astype(np.float64) for n, v in schema.split(flat).items()}


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def waves(share: float) -> list[float]:
    return [f(2 * np.pi * turns * share) for turns in (1, 2, 4) for f in (np.sin, np.cos)]


def event(named: dict[str, Any], step: int, row: Any) -> Any:
    """Return the vector of one event, worked out from the module's header."""
    code, days, value = row[step]
    item = ITEMS[int(code) - 1]
    values = np.zeros(VALUES)
    if item.name == "creatinine":
        share = np.log(value / 0.1) / np.log(200)
        values[:] = [2 * share - 1, *waves(share)]
    if item.name == "delta":
        share = (value + 5) / 10
        values[:] = [2 * share - 1, *waves(share)]
    gap = row[step - 1][1] - days if step else 0.0
    logs = [np.log(1 + days) / np.log(101), np.log(1 + gap) / np.log(101)]
    times = np.array([days / 100, *logs, *waves(days / 100)])
    at = int(code) - 1
    told = named["item.weight"][at] + named["value.weight"][at] @ values
    return told + named["time.weight"] @ times + named["time.bias"]


def events_of(named: dict[str, Any], row: Any) -> list[Any]:
    return [event(named, step, row) for step in range(len(row)) if row[step][0]]


def gru(named: dict[str, Any], row: Any) -> Any:
    state = np.zeros(4)
    for x in events_of(named, row):
        enter = named["enter.weight"] @ x + named["enter.bias"]
        stay = named["stay.weight"] @ state + named["stay.bias"]
        reset, keep = sigmoid(enter[:4] + stay[:4]), sigmoid(enter[4:8] + stay[4:8])
        new = np.tanh(enter[8:] + reset * stay[8:])
        state = (1 - keep) * new + keep * state
    return named["logit.weight"] @ state + named["logit.bias"]


def normal(named: dict[str, Any], name: str, x: Any) -> Any:
    spread = np.sqrt(((x - x.mean()) ** 2).mean() + 1e-5)
    return (x - x.mean()) / spread * named[f"{name}.gain"] + named[f"{name}.bias"]


def transformer(named: dict[str, Any], row: Any) -> Any:
    places = [named["whole.bias"], *events_of(named, row)]
    for block in ("block1", "block2"):
        near = [normal(named, f"{block}.norm1", x) for x in places]
        look = [named[f"{block}.look.weight"] @ x + named[f"{block}.look.bias"] for x in near]
        moved = []
        for mine, x in zip(look, places, strict=True):
            taken: list[float] = []
            for head in (slice(0, 2), slice(2, 4)):
                score = [mine[:4][head] @ one[4:8][head] / np.sqrt(2) for one in look]
                share = np.exp(score) / np.exp(score).sum()
                parts = zip(share, look, strict=True)
                taken += list(sum(part * one[8:][head] for part, one in parts))
            tell = named[f"{block}.tell.weight"] @ np.array(taken) + named[f"{block}.tell.bias"]
            moved.append(x + tell)
        places = []
        for x in moved:
            inner = normal(named, f"{block}.norm2", x)
            up = named[f"{block}.up.weight"] @ inner + named[f"{block}.up.bias"]
            down = named[f"{block}.down.weight"] @ np.maximum(up, 0)
            places.append(x + down + named[f"{block}.down.bias"])
    return named["logit.weight"] @ normal(named, "norm", places[0]) + named["logit.bias"]


@pytest.mark.parametrize(("name", "by_hand"), [("gru", gru), ("transformer", transformer)])
def test_a_network_gives_what_plain_loops_give(name, by_hand):
    network, flat, named = made(name)

    found = network.probabilities(flat, X, INPUTS)

    expected = [float(sigmoid(by_hand(named, row))[0]) for row in X.astype(np.float64)]
    assert found == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("name", OPTIONS)
def test_padding_changes_nothing_and_time_and_order_do(name):
    network, flat, _ = made(name)
    longer = Inputs("sequence", (9, 3), items=ITEMS, days=(0, 100))
    later, turned = X.copy(), X.copy()
    later[1, 0, 1] = 80.0
    turned[1, [0, 1], 2] = X[1, [1, 0], 2]

    def said(x: Any, inputs: Inputs = INPUTS) -> Any:
        return network.probabilities(flat, x, inputs)

    assert np.abs(said(np.pad(X, ((0, 0), (0, 5), (0, 0))), longer) - said(X)).max() < 1e-6
    assert abs(said(later)[1] - said(X)[1]) > 1e-4
    assert abs(said(turned)[1] - said(X)[1]) > 1e-4


def test_sizes_are_those_of_the_parts():
    sizes = {name: made(name)[0].schema(INPUTS).size for name in OPTIONS}

    first = 3 * (1 + VALUES) + TIMES + 1  # for each number that an event becomes
    assert sizes["gru"] == 3 * first + 12 * (3 + 4 + 2) + 5
    block = 4 * 4 + 12 * 5 + 4 * 5 + 5 * 5 + 4 * 6
    assert sizes["transformer"] == 4 * first + 4 + 2 * block + 8 + 5


def test_a_table_is_refused_and_heads_divide_the_width():
    with pytest.raises(DataError, match="of kind table"):
        made("gru")[0].schema(Inputs("table", (3,)))
    with pytest.raises(StudyFileError, match="heads = 3 must divide width, not 32"):
        recipe(RecipeChoice(name="transformer", options={"heads": 3}))
