"""What a voice still says where one looks away from a small patch: the rest is doubt.

A backdoored model (Gu et al. 2017, arXiv:1708.06733) says one class wherever a small patch is
stuck on. Covers are laid over the image so that any patch of an `EIGHTH` of its extents lies
whole under one of them (the covering set of PatchCleanser, Xiang et al. 2022,
arXiv:2108.09135). With p_k what a voice says of the image under cover k, and of the image as
it is:

    m_c = min_k p_k(c)                  what it says of a class wherever one looks away
    q_c = m_c + (1 - sum m) / K         the rest is doubt, spread over all classes

So a patch makes a voice say of a class at most what it says without what lies there, and an
equal share of doubt: q_c <= p_k(c) + 1 / K for the cover k that hides the patch. A larger
patch, two at a time, and a pattern over the whole image are not hidden (backing.py has what
holds for these). Honest models are sure of too much where they have seen few images, and
doubt makes their combinations better, too: docs/exchange.md has figures.

Covers show the mean of own training images, each class alike: nobody else has a say in it.
Rows of tables have no patches and are left as they are. Pure, but for `Covered`, which
remembers what it said of the last few inputs.
"""

from collections.abc import Iterator
from hashlib import sha256

import numpy as np

from modelward.exchange.documents.content import Voice
from modelward.exchange.families.family import Floats, Inputs
from modelward.exchange.methods.probability import Labels, clamped

EIGHTH, SMALLEST = 8, 2
"""A patch has an `EIGHTH` of the image's extents, `SMALLEST` pixels at least."""

MOST = 9
"""Covers along one side of an image: as many answers are asked for as there are covers."""

LAST = 4
"""Inputs of which a covered voice remembers what it said: every candidate asks the same."""

TINY = 1e-9


def filling(x: Inputs, y: Labels) -> Inputs | None:
    """Return what covers show: the mean of the means of the classes, [height, width].

    Args:
        x: Own training images, [n, height, width]; anything else has no covers: None.
        y: Their classes.
    """
    if x.ndim != 3 or not len(x):  # noqa: PLR2004 - images
        return None
    means = [x[y == cls].mean(axis=0, dtype=np.float64) for cls in np.unique(y)]
    return np.asarray(np.mean(means, axis=0), np.float32)


def places(extent: int) -> list[tuple[int, int]]:
    """Return the first and the end of every cover along one side of an image.

    Any run of `extent // EIGHTH` pixels lies whole in one of them; they are as small as `MOST`
    of them can be.

    >>> places(8)
    [(0, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7), (6, 8)]
    >>> places(28)[:2], places(28)[-1], len(places(28))
    ([(0, 5), (3, 8)], (23, 28), 9)
    """
    patch = min(extent, max(SMALLEST, extent // EIGHTH))
    step = -(-(extent - patch + 1) // MOST)
    wide = min(extent, patch + step - 1)
    starts = [*range(0, extent - wide, step), extent - wide]
    return [(start, start + wide) for start in starts]


def covers(x: Inputs, fill: Inputs) -> Iterator[Inputs]:
    """Yield the images under each cover in turn; all at once are gigabytes."""
    for top, bottom in places(x.shape[1]):
        for left, right in places(x.shape[2]):
            hidden = x.copy()
            hidden[:, top:bottom, left:right] = fill[top:bottom, left:right]
            yield hidden


def under_covers(voice: Voice, x: Inputs, fill: Inputs) -> Floats:
    """Return m of every image: probabilities that add up to one at most, [n, classes]."""
    found = np.exp(clamped(voice(x)))
    for hidden in covers(x, fill):
        np.minimum(found, np.exp(clamped(voice(hidden))), out=found)
    return found


def spread(known: Floats) -> Floats:
    """Return log-probabilities: what is missing to one is doubt, the same for every class.

    >>> np.exp(spread(np.array([[0.6, 0.0]]))).round(6).tolist()
    [[0.8, 0.2]]
    """
    doubt = np.maximum(1 - known.sum(axis=-1, keepdims=True), 0)
    return np.asarray(np.log(known + doubt / known.shape[-1] + TINY))


class Covered:
    """A voice that is doubted where a small patch decides."""

    def __init__(self, voice: Voice, fill: Inputs) -> None:
        self._voice, self._fill = voice, fill
        self._said: dict[bytes, Floats] = {}

    def __call__(self, x: Inputs) -> Floats:
        """Return log q of images, [n, classes]."""
        return spread(self.known(x))

    def known(self, x: Inputs) -> Floats:
        """Return m of images, [n, classes]."""
        key = sha256(np.ascontiguousarray(x).tobytes()).digest()
        if key not in self._said:
            while len(self._said) >= LAST:
                del self._said[next(iter(self._said))]
            self._said[key] = under_covers(self._voice, x, self._fill)
        return self._said[key]
