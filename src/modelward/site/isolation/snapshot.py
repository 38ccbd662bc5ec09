"""The approved cohort of one study as files: what the trainer reads instead of the data.

    snapshots/STUDY/study.json            the study's terms, canonical
    snapshots/STUDY/cohort.safetensors    columns or images, outcomes, folds, whose; no ids
    cohorts/STUDY.json                    for the gatekeeper: counts, hash, keyed patient ids

STUDY is the study's SHA-256. The first two are read-only files that only the trainer and
the inspector can read; the last holds no value of any patient. A patient id appears only as
HMAC-SHA-256 under a key of the site, so the budget can count patients over studies without
knowing who they are. The extractor writes all three, the last one last: when it is there,
the snapshot is whole.
"""

import hmac
import mmap
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from modelward import durable
from modelward.artifact import bundle
from modelward.artifact.store import measure
from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.core.columns import columns, inputs
from modelward.core.modalities import width_of
from modelward.core.study import Study
from modelward.core.task import LOOKS_AT, TaskKind
from modelward.core.tensors import Schema, Tensors
from modelward.errors import BadArtifact, DataError, StorageError
from modelward.readers.cohort import FOLDS, Cohort
from modelward.site.isolation.view import TRAINER_UID
from modelward.study.read import from_json

FORMAT = "modelward-cohort/1"
READ_ONLY = 0o440


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortFacts:
    """What the gatekeeper knows of a cohort.

    Attributes:
        study: SHA-256 of the study.
        bundle: SHA-256 of the snapshot's cohort.safetensors.
        units: Fold -> number of units.
        patients: Fold -> keyed ids of the patients with units in it, 64 hex digits each,
            sorted.
        named: Whether the data name patients; else every unit stands for itself.
        notes: What was left out and why, in sentences with counts.
        opted_out: Units left out because their patients opted out; None without a list.
    """

    study: str
    bundle: str
    units: dict[str, int]
    patients: dict[str, tuple[str, ...]]
    named: bool
    notes: tuple[str, ...]
    opted_out: int | None = None

    def behind(self, kind: TaskKind) -> int:
        """Return the units behind the answer to a task of `kind`."""
        return self.units[LOOKS_AT.get(kind, "train")]


_facts = TypeAdapter(CohortFacts)
_formats: TypeAdapter[str] = TypeAdapter(Literal["modelward-cohort/1"])


def write_snapshot(cohort: Cohort, study: Study, folder: Path, key: bytes) -> CohortFacts:
    """Write the snapshot of `cohort` under the site folder `folder`.

    Args:
        cohort: The units of `study` at this site.
        study: The approved study.
        folder: The site's folder.
        key: Key of the patient ids, at least 32 bytes; the same for all studies.

    Raises:
        StorageError: If it cannot be written; then there is no `cohorts/STUDY.json`.
    """
    where = snapshot_folder(folder, study.sha256)
    for made in (where, folder / "cohorts"):
        durable.make_folder(made)
    tensors = _tensors(cohort)
    schema = Schema.from_tensors(tensors)
    digest, _ = measure(bundle.encode(tensors, schema))
    durable.write_whole(
        where / "cohort.safetensors", bundle.encode(tensors, schema), mode=READ_ONLY
    )
    terms = canonical_bytes(study.model_dump(mode="json"))
    durable.write_whole(where / "study.json", terms, mode=READ_ONLY)
    if os.geteuid() == 0:  # the trainer is another user then; its group may read, nobody else
        for name in ("cohort.safetensors", "study.json"):
            os.chown(where / name, 0, TRAINER_UID)
    facts = facts_of(cohort, study, digest, key)
    listed = {"format": FORMAT, **_facts.dump_python(facts, mode="json")}
    durable.write_whole(_facts_path(folder, study.sha256), canonical_bytes(listed), mode=0o640)
    return facts


def cohort_digest(cohort: Cohort) -> str:
    """Return the SHA-256 that names the values of `cohort`: that of its snapshot."""
    tensors = _tensors(cohort)
    return measure(bundle.encode(tensors, Schema.from_tensors(tensors)))[0]


def facts_of(cohort: Cohort, study: Study, digest: str, key: bytes) -> CohortFacts:
    """Return what a gatekeeper may know of `cohort`.

    Args:
        cohort: The units, with their ids.
        study: The approved study.
        digest: SHA-256 that names the cohort's values.
        key: Key of the patient ids.
    """
    numbers: list[set[str]] = [set() for _ in FOLDS]
    for unit, fold in zip(cohort.ids, cohort.folds.tolist(), strict=True):
        numbers[fold].add(keyed(key, unit))
    return CohortFacts(
        study=study.sha256,
        bundle=digest,
        units={name: cohort.count(name) for name in FOLDS},  # type: ignore[arg-type]
        patients={name: tuple(sorted(numbers[place])) for name, place in FOLDS.items()},
        named=cohort.owner is not None,
        notes=cohort.notes,
        opted_out=cohort.opted_out,
    )


def read_snapshot(where: Path, digest: str) -> tuple[Study, Cohort]:
    """Return study and cohort of the snapshot in `where`, whose bundle hashes to `digest`.

    Raises:
        DataError: If the files are missing or are not those that were extracted.
    """
    try:
        study = from_json((where / "study.json").read_bytes())
        raw = _mapped(where / "cohort.safetensors")
        tensors = bundle.parse_any(raw)
    except (OSError, ValueError, BadArtifact) as error:
        raise _refuse(f"the snapshot cannot be read: {error}") from error
    if sha256(raw).hexdigest() != digest:
        raise _refuse("the snapshot is not the one that was extracted")
    return study, _cohort(tensors, study)


def _mapped(path: Path) -> memoryview:
    """Return the bytes of a file without reading them: pages come when they are used."""
    with path.open("rb") as stream:
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def read_facts(folder: Path, study: str) -> CohortFacts | None:
    """Return what the gatekeeper knows of the cohort of `study`; None before extraction.

    Raises:
        StorageError: If the file is damaged.
    """
    path = _facts_path(folder, study)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        table = dict(parse_strict(raw, what="cohort file"))
        _formats.validate_python(table.pop("format", None))
        facts = _facts.validate_python(table)
    except (BadArtifact, ValidationError, TypeError, ValueError) as error:
        raise StorageError(
            f"{path} is damaged",
            why="the budget and the gate count the patients listed there",
            remedy="remove the file; the extractor writes it again",
        ) from error
    return facts


def snapshot_folder(folder: Path, study: str) -> Path:
    """Return where the snapshot of `study` lies, or would lie, in a site's folder."""
    return folder / "snapshots" / study


def keyed(key: bytes, unit: str) -> str:
    """Return the id of `unit` under the site's key, 64 hex digits."""
    return hmac.digest(key, b"modelward-patient/1\n" + unit.encode(), "sha256").hex()


def _facts_path(folder: Path, study: str) -> Path:
    return folder / "cohorts" / f"{study}.json"


def _tensors(cohort: Cohort) -> Tensors:
    """Return the arrays as tensors; none at all for a cohort of nobody."""
    if not len(cohort.y):
        return {}
    owner = {} if cohort.owner is None else {"owner": cohort.owner}
    amount = {} if cohort.amount is None else {"amount": cohort.amount}
    masks = {} if cohort.masks is None else {"masks": np.ascontiguousarray(cohort.masks)}
    return {
        "x": np.ascontiguousarray(cohort.x),
        "y": cohort.y.astype(np.uint8),
        "folds": cohort.folds.astype(np.uint8),
        **owner,
        **amount,
        **masks,
    }


def _cohort(tensors: Tensors, study: Study) -> Cohort:
    if not tensors:
        none = np.zeros(0, np.int8)
        return Cohort(x=_nobody(study), y=none, folds=none)
    return Cohort(
        x=tensors["x"],
        y=tensors["y"].astype(np.int8),
        folds=tensors["folds"].astype(np.int8),
        owner=tensors.get("owner"),
        amount=tensors.get("amount"),
        masks=tensors.get("masks"),
    )


def _nobody(study: Study) -> NDArray[Any]:
    shape = inputs(study)
    if shape.kind == "image-and-table":
        return np.zeros((0, width_of(shape.columns, shape.shape)))
    if study.image is not None:
        return np.zeros((0, *study.image[1].shape), np.uint8)
    if study.sequence is not None:
        return np.zeros((0, *inputs(study).shape), np.float32)
    return np.zeros((0, len(columns(study))))


def _refuse(found: str) -> DataError:
    return DataError(
        found,
        why="training uses exactly the cohort that was extracted after the approval",
        remedy="remove the study's file under cohorts/; the extractor then runs again",
    )
