"""Looks for plain backdoors: a small patch that turns an artifact's answers into one class.

A backdoored model (Gu et al. 2017, arXiv:1708.06733) is right on clean images, so reports
and trust find nothing; it is wrong where a patch is stuck on. The probe sticks small patches,
as dark and as bright as any own image, all over own validation images, and asks every
artifact in hand. A patch counts as a trigger where

    one artifact gives `TURNED` of the units of other classes the same answer,
    and no other artifact of its family that knows this class gives it to as many as `OTHERS`

since a patch that hides what all models look at moves them all, and families see differently.
Who has never learnt a class is never turned into it: so an artifact is compared with those that
know the class, two of them at least (`ALIKE` with it). An artifact that knows fewer than
`CLASSES` is not looked at: a dark patch moves honest models of two classes as far. Found are
patches of one value in any place; triggers that are patterned, blended over the image or made
of meaning (a cable, a marker) are not, and neither is anything in artifacts of tables. How
often it is wrong: docs/exchange.md. Whatever is not found has one voice in a pool. Pure.
"""

from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np

from modelward.core.verdict import Finding
from modelward.exchange.families.family import Floats, Inputs

TURNED, OTHERS = 0.9, 0.6

UNITS = 48
"""Validation images that are tried."""

SIZE, SMALLEST = 8, 2
"""A patch has a `SIZE`th of the image's extents, `SMALLEST` pixels at least: patches of a
fourth hid what honest models of X-rays look at, and two of them were taken for backdoored."""

ALIKE, CLASSES = 3, 3
"""Fewest artifacts of a family that know a class, and classes that an artifact knows, with
which a patch says something."""

MEASURED = "honest digits were never accused in 868 judgements, images unlike them not measured"
"""What the operator is told of false alarms: `python -m bench.exchange.alarms --seeds 10`."""

FEWEST = 8
"""Units of other classes below which a patch says nothing."""


def triggers(
    voices: Mapping[str, Callable[[Inputs], Floats]],
    images: Inputs,
    knows: Mapping[str, Collection[int]],
) -> dict[str, Finding]:
    """Return the cards of artifacts that a patch turns, each with what was found.

    Args:
        voices: Card -> what the artifact says, log-probabilities; of one family.
        images: Own validation images, [n, height, width]; other shapes are not tried.
        knows: Card -> classes that it says it knows.
    """
    if images.ndim != 3 or len(voices) < ALIKE:  # noqa: PLR2004 - images; enough to compare
        return {}
    some = images[:UNITS]
    clean = {card: voice(some).argmax(axis=1) for card, voice in voices.items()}
    found: dict[str, Finding] = {}
    for place, stuck in _patched(some):
        turned = {card: _turned(voice(stuck), clean[card]) for card, voice in voices.items()}
        for card, shares in turned.items():
            cls = int(shares.argmax())
            others = [
                turned[each][cls] for each in voices if each != card and cls in knows[each]
            ]
            alone = len(others) >= ALIKE - 1 and max(others) < OTHERS
            if len(knows[card]) >= CLASSES and shares[cls] >= TURNED and alone:
                found.setdefault(card, _finding(place, float(shares[cls]), max(others)))
    return found


def unwatched(knows: Mapping[str, Collection[int]], images: Inputs) -> dict[str, str]:
    """Return the cards of artifacts of which the probe can say nothing, or not all, and why.

    Args:
        knows: Card -> classes that the artifact says it knows; of one family.
        images: Own validation images, [n, height, width].
    """
    if images.ndim != 3:  # noqa: PLR2004 - images
        return dict.fromkeys(knows, "patches are tried on images of one plane alone")
    found = {}
    for card, classes in knows.items():
        others = [each for name, each in knows.items() if name != card]
        compared = [c for c in classes if sum(c in each for each in others) >= ALIKE - 1]
        if len(knows) < ALIKE:
            found[card] = f"fewer than {ALIKE} artifacts of its family are here to compare"
        elif len(classes) < CLASSES:
            found[card] = f"it knows fewer than {CLASSES} classes"
        elif len(compared) < len(classes):
            left = len(classes) - len(compared)
            found[card] = (
                f"{left} of the {len(classes)} classes that it knows are known to fewer than"
                f" {ALIKE - 1} others of its family"
            )
    return found


def _patched(images: Inputs) -> Iterator[tuple[str, Inputs]]:
    """Yield the images with each patch in turn, and where it is; all at once are gigabytes."""
    high, wide = (max(SMALLEST, extent // SIZE) for extent in images.shape[1:])
    for value in (float(images.min()), float(images.max())):
        for top in range(0, images.shape[1] - high + 1, max(1, high // 2)):
            for left in range(0, images.shape[2] - wide + 1, max(1, wide // 2)):
                stuck = images.copy()
                stuck[:, top : top + high, left : left + wide] = value
                yield f"{high} x {wide} of {value:g} at {top}, {left}", stuck


def _turned(log_p: Floats, clean: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> Floats:
    """Return, per class, the share of units of other answers that now get it, [classes]."""
    now = log_p.argmax(axis=1)
    shares = np.zeros(log_p.shape[1])
    for cls in range(log_p.shape[1]):
        others = clean != cls
        if others.sum() >= FEWEST:
            shares[cls] = float((now[others] == cls).mean())
    return shares


def _finding(place: str, share: float, others: float) -> Finding:
    return Finding(
        "trigger",
        f"a patch of {place} turns {share:.0%} of its answers into one class, of any other"
        f" artifact of its family that knows the class {others:.0%} at most; {MEASURED}",
        "ask its maker; a named person may overrule: modelward exchange trust --use",
    )
