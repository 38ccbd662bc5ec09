"""How a pool listens: what every combination is made of, before it is combined.

    covering.py   a voice is doubted where a small patch decides
    backing.py    no class is supported further than its second knower supports it

Poolers (pool.py) and the combiner (fens.py) get opinions from here, at a site that judges as
at one that answers. A pool that was adopted before there was either listens as it did then.
An institution can be passed over, so that it is seen what hangs on its voice (hanging.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modelward.exchange.documents.bands import KNOWN
from modelward.exchange.families.family import Floats, Inputs
from modelward.exchange.listening.backing import Knows, backed
from modelward.exchange.listening.covering import Covered
from modelward.exchange.listening.voices import Spoken
from modelward.exchange.methods.pool import Opinion
from modelward.exchange.methods.probability import clamped

Combine = Callable[[Sequence[Opinion]], Floats]
"""Opinions in, log-probabilities out, [n, classes]."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Artifacts that are heard together.

    Attributes:
        used: The artifacts, by card.
        covered: Their voices under covers; empty where examples are no images.
        guarded: Whether others have to stand behind what is said.
    """

    used: tuple[Spoken, ...] = ()
    covered: tuple[Covered, ...] = ()
    guarded: bool = True

    @property
    def makers(self) -> list[str]:
        """Who made each of them."""
        return [each.entry.card.site for each in self.used]

    def opinions(self, x: Inputs, *, silent: str = "", doubting: bool = True) -> list[Opinion]:
        """Return what each says of `x`.

        Args:
            x: Examples, [n, ...].
            silent: An institution that is passed over: its artifacts say every class alike
                and know none.
            doubting: Whether a voice is doubted where a small patch decides.
        """
        plain = [each.voice(x) for each in self.used]
        if not self.guarded:
            made = [Opinion(p, _counts(e)) for p, e in zip(plain, self.used, strict=True)]
        else:
            made = self._backed(x, plain, silent, doubting=doubting)
        makers = zip(made, self.makers, strict=True)
        return [_nothing(each) if maker == silent else each for each, maker in makers]

    def _backed(
        self, x: Inputs, plain: list[Floats], silent: str, *, doubting: bool
    ) -> list[Opinion]:
        known = [np.exp(clamped(each)) for each in plain]
        if doubting and self.covered:
            known = [each.known(x) for each in self.covered]
        knows = [_knows(e) & (e.entry.card.site != silent) for e in self.used]
        said, kept = backed(known, plain, np.array(knows), self.makers)
        found = zip(self.used, said, kept, strict=True)
        return [
            Opinion(p, _counts(each), rest if doubting else None) for each, p, rest in found
        ]


def guarded(used: Sequence[Spoken], fill: Inputs | None) -> Pool:
    """Return a pool in which no answer hangs on one voice, nor one voice on a small patch.

    Args:
        used: Artifacts, by card.
        fill: What covers show (covering.py); None where examples are no images.
    """
    covered = () if fill is None else tuple(Covered(each.voice, fill) for each in used)
    return Pool(tuple(used), covered)


def plain(used: Sequence[Spoken]) -> Pool:
    """Return a pool that listens as it did before there was a guard."""
    return Pool(tuple(used), guarded=False)


def _nothing(like: Opinion) -> Opinion:
    """Return the opinion of who says every class alike, and has seen none."""
    classes = like.counts.size
    return Opinion(np.full_like(like.log_p, -np.log(classes)), np.zeros(classes))


def _counts(each: Spoken) -> Floats:
    """Return what it has seen; flat where its maker took the prior out already."""
    if each.entry.card.kind == "model":
        return each.counts
    most = each.counts.max()
    return np.where(each.counts >= min(most, KNOWN), most, each.counts)


def _knows(each: Spoken) -> Knows:
    return np.asarray(each.entry.card.competence.units) >= KNOWN
