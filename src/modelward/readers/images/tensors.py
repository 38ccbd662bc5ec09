"""Units of images as one array on disk: drawn one at a time, kept between runs if asked for.

The array is a memory map, so a cohort may be larger than memory: pages that are not in use
are given back. Without a cache it lies in an unnamed temporary file. With `[images] cache`,
a tensor is kept under the name of what it was made of (path, size and time of change of its
files, the image feature, the version of this drawing), so the next run reads it and does not
decode; a file that changed is drawn again.

The cache holds pictures of patients without their ids: it belongs where the images are.
"""

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from modelward import durable
from modelward.core.canonical import canonical_bytes
from modelward.core.features import ImageFeature
from modelward.readers.images.frames import Draw, Folder, Pixels, Unit, Unusable

DRAWING = 1
"""Counted up when the same files would give another tensor."""

TAG = "CACHEDIR.TAG"
"""What says that a folder can be made again (bford.info/cachedir)."""

SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55\n"


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Tensors, and the places of the units that they are of.

    Attributes:
        x: uint8 [units drawn, height, width] or [units drawn, depth, height, width].
        kept: Places, in what was asked for, of the units that were drawn.
    """

    x: Pixels
    kept: tuple[int, ...]


def drawn(
    folder: Folder, units: Sequence[Unit], feature: ImageFeature, cache: Path | None
) -> Drawn:
    """Return the tensors of `units`; what cannot be drawn is added to the folder's reasons."""
    x = _unnamed((len(units), *feature.shape))
    draw = folder.draw if cache is None else _kept(folder, feature, cache)
    kept: list[int] = []
    for place, unit in enumerate(units):
        try:
            x[len(kept)] = draw(unit)
        except Unusable as reason:
            folder.left_out.add(unit.path, str(reason), damaged=True)
            continue
        kept.append(place)
    return Drawn(x[: len(kept)], tuple(kept))


def copies(x: Pixels, owners: Iterable[str]) -> int:
    """Return how many tensors equal one of another patient."""
    first: dict[bytes, str] = {}
    found = 0
    for picture, owner in zip(x, owners, strict=True):
        digest = sha256(np.ascontiguousarray(picture).data).digest()
        found += first.setdefault(digest, owner) != owner
    return found


def blank(x: Pixels) -> int:
    """Return how many tensors are of one shade in their middle, where no frame is."""
    height, width = x.shape[-2] // 4, x.shape[-1] // 4
    middle = x[..., height : x.shape[-2] - height, width : x.shape[-1] - width]
    return sum(int(picture.max() - picture.min() <= 1) for picture in middle)


COARSE = 16
"""Pixels a side at which pictures are compared with their mean."""

ALIKE = 0.3
"""Correlation with the mean picture that makes one alike; minus that, a negative."""

ENOUGH = 20
"""Pictures below which a mean says nothing."""


def negatives(x: Pixels) -> int:
    """Return how many tensors look like negatives of the others; 0 where they are not alike.

    A header that names the wrong photometric interpretation leaves no other trace. Pictures
    of one view resemble their mean; a negative resembles it the other way round.
    """
    if len(x) < ENOUGH:
        return 0
    step = max(1, max(x.shape[-2:]) // COARSE)
    middle = x[:, x.shape[1] // 2] if x.ndim > 3 else x  # noqa: PLR2004 - a volume's middle slice
    flat = middle[:, ::step, ::step].reshape(len(x), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    size = np.sqrt(np.square(flat).sum(axis=1))
    flat = flat[size > 0] / size[size > 0, None]
    if len(flat) < ENOUGH:
        return 0
    found = flat @ flat.mean(axis=0) / max(float(np.linalg.norm(flat.mean(axis=0))), 1e-12)
    return int(np.count_nonzero(found < -ALIKE)) if np.median(found) > ALIKE else 0


def _unnamed(shape: tuple[int, ...]) -> Pixels:
    """Return an array of zeros in a file that is gone when the array is."""
    if 0 in shape:
        return np.zeros(shape, np.uint8)
    with tempfile.TemporaryFile() as stream:
        return np.memmap(stream, np.uint8, "w+", shape=shape)


def _kept(folder: Folder, feature: ImageFeature, cache: Path) -> Draw:
    """Return a way of drawing that looks into `cache` first.

    Raises:
        StorageError: If nothing can be written there.
    """
    durable.make_folder(cache)
    cache.chmod(0o700)
    if not (cache / TAG).exists():
        durable.write_whole(cache / TAG, SIGNATURE)
    terms = sha256(canonical_bytes({"drawing": DRAWING, **feature.model_dump(mode="json")}))

    def draw(unit: Unit) -> Pixels:
        name = cache / (_name(folder.root, unit, terms.digest()) + ".raw")
        if name.exists() and name.stat().st_size == int(np.prod(feature.shape)):
            return np.fromfile(name, np.uint8).reshape(feature.shape)
        made = folder.draw(unit)
        part = name.with_suffix(f".{os.getpid()}.part")  # may be lost: it is only a cache
        np.ascontiguousarray(made).tofile(part)
        part.chmod(0o600)
        part.replace(name)
        return made

    return draw


def _name(root: Path, unit: Unit, terms: bytes) -> str:
    digest = sha256(terms)
    for frame in unit.frames:
        file = root / frame.path if root.is_dir() else root
        about = file.stat()
        digest.update(
            f"{frame.path}\n{frame.number}\n{about.st_size}\n{about.st_mtime_ns}\n".encode()
        )
    return digest.hexdigest()
