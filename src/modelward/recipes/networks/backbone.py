"""Frozen weights of a local file, known by the SHA-256 that a study names.

    FOLDER/SHA256.safetensors

Somebody at the hospital puts the file there, as recipes are installed by somebody; nothing
here downloads, and a file with another hash is not read. A process is told once, when it
starts, in which folders to look, as torch is told once how many threads to have: a site's
`backbones/`, the trainer's and the inspector's folder of models, or `backbones/` beside the
data of a simulation, or beside a model that is used.

A file that has more tensors than a network needs, such as a whole exported model with its
scaling, is as good; every tensor that is needed has to be there, float32, of its shape.
"""

import json
from functools import lru_cache
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward import durable
from modelward.core.tensors import Schema
from modelward.errors import DataError

FOLDER = "backbones"
"""Where a site keeps them, in its own folder."""

_folders: list[Path] = []


def look_in(folder: Path) -> None:
    """Look for backbones in `folder` too, before all others, from now on in this process."""
    if folder in _folders:
        _folders.remove(folder)
    _folders.insert(0, folder)


def path_of(digest: str) -> Path | None:
    """Return where the backbone with this hash lies; None if it is nowhere."""
    paths = (folder / f"{digest}.safetensors" for folder in _folders)
    return next((path for path in paths if path.is_file()), None)


def frozen(digest: str, schema: Schema) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of `schema` from the backbone with this hash.

    Raises:
        DataError: If it is not here, has another hash, or lacks a tensor.
    """
    path = path_of(digest)
    if path is None:
        raise _refuse(f"the backbone {digest[:12]}… is not on this machine")
    held = _read(path, digest)
    wrong = [spec.name for spec in schema if not spec.fits(held.get(spec.name))]
    if wrong:
        listed = ", ".join(wrong[:4])
        raise _refuse(f"{path.name} has no tensors {listed} of the shapes of its network")
    return {spec.name: held[spec.name] for spec in schema}


def give(folder: Path, digest: str, inside: Path) -> None:
    """Put a site's backbone, if it is there, where a process without its folder can read it."""
    source, target = (each / f"{digest}.safetensors" for each in (folder / FOLDER, inside))
    if source.is_file() and not target.exists():
        durable.write_whole(target, [source.read_bytes()])


@lru_cache(maxsize=2)
def _read(path: Path, digest: str) -> dict[str, NDArray[Any]]:
    raw = path.read_bytes()
    if sha256(raw).hexdigest() != digest:
        raise _refuse(f"{path} does not have the hash that it is named after")
    try:
        return _tensors(raw)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _refuse(f"{path} is no safetensors file: {error}") from error


def _tensors(raw: bytes) -> dict[str, NDArray[Any]]:
    """Return the float32 tensors of a safetensors file, in anybody's spelling.

    The form: 8 bytes, the length of a header in JSON, the header, the values. Others read it
    with a library of the same name, which is for tests here (docs/decisions/0007).

    Raises:
        ValueError: If it is none; so do the other errors of reading a header.
    """
    begin = 8 + int.from_bytes(raw[:8], "little")
    header, values = json.loads(raw[8:begin]), memoryview(raw)[begin:]
    found = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        start, end = entry["data_offsets"]
        if not 0 <= start <= end <= len(values) or end - start != 4 * prod(entry["shape"]):
            raise ValueError(f"{name[:70]!r} does not lie in it")
        found[name] = np.frombuffer(values[start:end], "<f4").reshape(entry["shape"])
    return found


def _refuse(found: str) -> DataError:
    return DataError(
        found,
        why="adapters mean something on top of the very weights that they were signed for",
        remedy="put the file into backbones/ of the site's folder, named HASH.safetensors; "
        "where it comes from, whoever wrote the study says",
    )
