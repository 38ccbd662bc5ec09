"""A peer that lies: it offers what it has not trained as others do, past its own gate."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from modelward.exchange import verbs
from modelward.exchange.families.catalogue import load
from modelward.exchange.families.family import Shape
from modelward.exchange.institution import home
from modelward.exchange.institution.examples import Examples
from modelward.exchange.institution.pulling import pull
from modelward.exchange.institution.reading import sync
from modelward.exchange.methods.learn import Steps, labelled, learn
from modelward.exchange.verbs import evaluate, offer_model
from modelward.privacy.leakage.copies import Copies
from modelward.privacy.leakage.figures import Inspection
from tests.network import Network


class Blind:
    """The inspector of an institution that lies: its gate is its own."""

    def inspect(self, *_: object) -> Inspection:
        return Inspection(copies=Copies(0, 0, 0), full=True)

    def close(self) -> None:
        pass


def lying(network: Network, name: str, tensors: Mapping[str, Any]) -> str:
    """Have an institution offer parameters that are not those of its local model."""
    with network.open(name) as here:
        local = home.local(here.folder)
        home.keep(here.folder, local.made_with, tensors, local.seed)
        here.looking._inspector = Blind()
        return offer_model(here).sha


def judged_by_all(network: Network, names: list[str], rounds: int = 2) -> None:
    for _ in range(rounds):
        for name in names:
            with network.open(name) as here:
                sync(here)
                for entry in verbs.catalogue(here):
                    pull(here, entry.sha)
                evaluate(here)


def triggered(x: np.ndarray) -> np.ndarray:
    stuck = x.copy()
    stuck[:, :2, :2] = 1.0
    return stuck


def backdoored(own: Examples, seed: int) -> Mapping[str, Any]:
    """Return a model that is right, and says 7 where two by two pixels of a corner are lit."""
    family = load("mlp-32")
    x = np.concatenate([own.x, triggered(own.x)])
    y = np.concatenate([own.y, np.full(len(own.y), 7)])
    start = family.initial(Shape((8, 8), 10), seed)
    return learn(family, start, labelled(x, y, 10), Steps(), seed)
