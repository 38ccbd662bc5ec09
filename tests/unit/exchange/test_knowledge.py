"""The map of what the network knows: every planted hole, and no false one."""

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from modelward.exchange.documents.bands import EDGES
from modelward.exchange.documents.card import Competence, Group, Made, OfferCard, Terms
from modelward.exchange.documents.knowledge import calibrated, knowledge
from modelward.exchange.methods.probability import log_softmax

LABELS = tuple("abcdefgh")
ASKED = [("sex", "female"), ("sex", "male"), ("equipment", "portable")]


def card(
    site: str, units: Iterable[int], sex: Sequence[str] = (), equipment: Sequence[str] = ()
) -> OfferCard:
    """A card of `site` that saw so many of each class."""
    return OfferCard(
        kind="model",
        site=site,
        version=1,
        question="9f" * 32,
        made=Made(family="linear", inputs=(4,)),
        sha256="3b" * 32,
        nbytes=100,
        release="51" * 32,
        competence=Competence(
            labels=LABELS,
            units=tuple(int(n) for n in units),
            groups=tuple(Group(name="sex", value=v, units=50) for v in sex),
            equipment=tuple(equipment),
        ),
        privacy={"mechanism": "none"},
        terms=Terms(purposes=("test",), expires="2027-01-01T00:00:00Z"),
        issued="2026-11-20T09:30:00Z",
    )


@pytest.mark.parametrize("seed", range(20))
def test_every_planted_hole_is_found_and_no_false_one(seed):
    draw = np.random.default_rng(seed)
    sites = [f"site-{n}" for n in range(int(draw.integers(3, 12)))]
    units = draw.choice(EDGES[:6], (len(sites), len(LABELS)))
    planted = set(draw.choice(len(LABELS), int(draw.integers(0, 4)), replace=False).tolist())
    units[:, sorted(planted)] = 0
    kept = [c for c in range(len(LABELS)) if c not in planted]
    units[int(draw.integers(len(sites))), kept] = 20
    sex = [["female", "male"][: int(draw.integers(0, 3))] for _ in sites]

    found = knowledge(
        [card(name, n, s) for name, n, s in zip(sites, units, sex, strict=True)], LABELS, ASKED
    )

    holes = {("class", LABELS[c]) for c in planted} | {("equipment", "portable")}
    holes |= {("sex", v) for v in ("female", "male") if not any(v in s for s in sex)}
    assert set(found.holes) == holes
    thin = {("class", LABELS[c]) for c in kept if (units[:, c] >= 10).sum() == 1}
    assert {item for item in found.thin if item[0] == "class"} == thin


def test_who_could_help_is_listed_by_how_much_it_has_seen():
    cards = [
        card("north", [0] * 7 + [100]),
        card("south", [0] * 7 + [500]),
        card("west", [100] + [0] * 7),
    ]

    found = knowledge(cards, LABELS).lacks("west")

    assert found[("class", "h")] == ("south", "north")
    assert found[("class", "b")] == ()
    assert ("class", "a") not in found


def test_the_network_abstains_where_it_is_not_sure_enough_and_where_nobody_knows():
    draw = np.random.default_rng(1)
    y = draw.integers(0, 3, 600)
    sure = draw.random(600)
    right = draw.random(600) < 0.4 + 0.6 * sure
    said = np.where(right, y, (y + 1) % 3)
    log_p = log_softmax(np.eye(3)[said] * (0.2 + 3 * sure)[:, None])

    rule = calibrated(log_p, y, 0.85, frozenset({2}))
    answer = rule.answers(log_p)

    given = answer >= 0
    assert 0.1 < given.mean() < 0.9
    alike = 1 / np.bincount(y)[y]  # all classes count alike
    assert np.average(answer[given] == y[given], weights=alike[given]) >= 0.85
    assert 2 not in answer


def test_a_network_that_is_never_right_enough_never_answers():
    log_p = log_softmax(np.array([[1.0, 0.0]] * 10))

    rule = calibrated(log_p, np.ones(10, int), 0.5, frozenset())

    assert (rule.answers(log_p) == -1).all()
