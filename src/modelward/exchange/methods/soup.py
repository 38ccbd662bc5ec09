"""Soups: the mean of models that started from the same base, always beside the base alone.

Wortsman et al. 2022 (arXiv:2203.05482): fine-tuned models of one pre-trained base lie in one
basin, and their mean is a model. Models of different starts do not, and their mean is noise
(11 % on digits, where local models had 37 %), so a soup of different base hashes is refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modelward.core.tensors import Tensors
from modelward.errors import BadArtifact
from modelward.exchange.families.family import Draft


@dataclass(frozen=True, slots=True, eq=False)
class Ingredient:
    """One model of a soup.

    Attributes:
        card: Its card.
        base: SHA-256 of the bundle that it started from; None if it started from nothing.
        tensors: Its parameters.
    """

    card: str
    base: str | None
    tensors: Tensors


def uniform(models: Sequence[Ingredient]) -> Draft:
    """Return the mean of all.

    Raises:
        BadArtifact: If there is none, or if they did not start from the same base.
    """
    require_same_base(models)
    first = models[0].tensors
    return {
        name: np.mean([each.tensors[name] for each in models], axis=0, dtype=np.float64).astype(
            first[name].dtype
        )
        for name in first
    }


def greedy(
    base: Tensors, models: Sequence[Ingredient], score: Callable[[Tensors], float]
) -> tuple[Tensors, tuple[str, ...]]:
    """Return the soup that own validation builds, and the cards in it.

    Models are tried from the best on; each stays if the soup is not worse with it. A soup that
    is no better than the base alone is the base alone, with no card in it. On own validation
    this is "my population" and has to be labelled so.
    """
    require_same_base(models)
    ordered = sorted(models, key=lambda each: (-score(each.tensors), each.card))
    chosen: list[Ingredient] = []
    best = -np.inf
    for each in ordered:
        mixed = score(uniform([*chosen, each]))
        if mixed >= best:
            chosen, best = [*chosen, each], mixed
    if best <= score(base):
        return base, ()
    return uniform(chosen), tuple(each.card for each in chosen)


def require_same_base(models: Sequence[Ingredient]) -> None:
    """Raise BadArtifact unless all models name one and the same base."""
    bases = {each.base for each in models}
    if len(bases) == 1 and None not in bases:
        return
    named = ", ".join(sorted(f"{base[:12]}…" if base else "none" for base in bases))
    raise BadArtifact(
        f"{len(models)} models of {len(bases)} bases ({named}) cannot be merged",
        why="the mean of models from different starts is no model",
        remedy="combine their answers (pool, distil), or fine-tune one base",
    )
