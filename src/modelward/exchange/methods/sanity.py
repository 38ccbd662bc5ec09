"""What keeps an artifact out before anybody is asked for an opinion: quarantine.

    not-finite   NaN or infinity in its values or answers
    constant     the same answer to everything
    flipped      on classes that it claims to know it is surely worse than guessing: labels
                 exchanged, by mistake or on purpose
    copy         it answers like another institution's artifact, offered before, that its
                 lineage does not name; before is what was read here before, and only of two
                 that were read together what their dates say

A quarantine is a finding with figures. A person sees it, and can overrule it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from modelward.core.tensors import Tensors
from modelward.core.verdict import Finding
from modelward.evaluate.estimate import wilson
from modelward.exchange.families.family import Floats
from modelward.exchange.methods.probability import Labels

SAME = 1e-3
"""Mean distance of probabilities below which two artifacts are the same one."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What one artifact says of the same examples as the others.

    Attributes:
        site: Who offers it.
        issued: When it was offered: as its maker says, and not before what the maker's box
            said earlier.
        named: Cards and bundles that it says it was made from.
        sha256: Its bundle.
        likely: Probabilities, [n, classes].
        read: When its offer was read here; a maker can date a card, and not this.
    """

    site: str
    issued: datetime
    named: frozenset[str]
    sha256: str
    likely: Floats
    read: str = ""


def values(tensors: Tensors) -> tuple[Finding, ...]:
    """Object to values that are no numbers."""
    wrong = [n for n, v in tensors.items() if v.dtype.kind == "f" and not np.isfinite(v).all()]
    return (
        (_finding("not-finite", f"NaN or infinity in {', '.join(wrong[:5])}"),) if wrong else ()
    )


def answers(log_p: Floats, y: Labels, claimed: tuple[int, ...]) -> tuple[Finding, ...]:
    """Object to answers on private validation that no honest model gives.

    Args:
        log_p: What the artifact says of the validation units, prior-corrected.
        y: Their classes.
        claimed: Classes that its card says it knows.
    """
    if not np.isfinite(log_p).all():
        return (_finding("not-finite", "it answers with NaN or infinity"),)
    if len(log_p) > 1 and float(np.exp(log_p).std(axis=0).max()) < SAME:
        return (_finding("constant", f"the same answer to {len(log_p):,} units"),)
    known = np.isin(y, claimed)
    units = int(known.sum())
    if len(claimed) < 2 or not units:  # noqa: PLR2004 - one class cannot be exchanged
        return ()
    among = log_p[known][:, list(claimed)].argmax(axis=1)
    right = int((np.array(claimed)[among] == y[known]).sum())
    if wilson(right, units).high >= 1 / len(claimed):
        return ()
    said = f"{right} of {units} units right among {len(claimed)} classes it claims to know"
    return (_finding("flipped", said),)


def copies(samples: Mapping[str, Sample]) -> dict[str, Finding]:
    """Return the cards that answer like an earlier one of another institution."""
    found: dict[str, Finding] = {}
    ordered = sorted(samples.items(), key=lambda item: (item[1].read, item[1].issued, item[0]))
    for place, (card, later) in enumerate(ordered):
        for first_card, first in ordered[:place]:
            named = first_card in later.named or first.sha256 in later.named
            if first.site == later.site or named:
                continue
            apart = float(np.abs(first.likely - later.likely).sum(axis=1).mean())
            if first.sha256 == later.sha256 or apart < SAME:
                said = f"it answers like {first_card[:12]}… of {first.site}, {apart:.1e} apart"
                found[card] = _finding("copy", said)
                break
    return found


def _finding(rule: str, says: str) -> Finding:
    remedy = "ask its maker; a named person may overrule: modelward exchange trust --use"
    return Finding(rule, says, remedy)
