"""Whether a release is what was asked for, and counts.

The gate has checked it at the site; the hub checks again, because it combines what it gets
and cannot know whose gate it came through.
"""

from math import sqrt

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.aggregate.fixed_point import CHUNK
from modelward.artifact import bundle, card
from modelward.core.artifact import Card, CardKind
from modelward.core.canonical import canonical_hash
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import Schema, Tensors
from modelward.core.verdict import Release
from modelward.errors import BadArtifact, BadUpdate
from modelward.gate.uplink import plain_update, sent_schema
from modelward.hub.collectors import Collector
from modelward.study.answers import answer_to


def objection(
    release: Release,
    study: Study,
    task: Task,
    key: Ed25519PublicKey | None,
    exchanged: Schema | None = None,
) -> str | None:
    """Return why `release` is not a proper answer to `task` of `study`, or None if it is.

    Args:
        release: What came.
        study: The study.
        task: What was asked.
        key: The site's public key; None if it is not one of the study's sites.
        exchanged: What a site says in an exchange of secure aggregation, where `task` is one.
    """
    try:
        return _fault(release, study, task, key, _asked(release, study, task, exchanged))
    except BadArtifact as error:
        return error.what


def taken(
    release: Release, study: Study, task: Task, key: Ed25519PublicKey | None, into: Collector
) -> str:
    """Return `released` and add the answer, or `rejected` if it is not a proper one.

    Args:
        release: What came.
        study: The study.
        task: What was asked.
        key: The site's public key; None if it is not one of the study's sites.
        into: What proper answers are added to.
    """
    if objection(release, study, task, key) is not None:
        return "rejected"
    try:
        into.add(release)
    except BadUpdate:
        return "rejected"
    return "released"


def _fault(
    release: Release,
    study: Study,
    task: Task,
    key: Ed25519PublicKey | None,
    asked: tuple[CardKind, Schema],
) -> str | None:
    """Return why a release of the kind and schema `asked` is not proper, or None if it is.

    Raises:
        BadArtifact: If signature, tensors or code are not what they should be.
    """
    entry, (kind, schema) = release.artifact.card, asked
    expected = {
        "kind": kind,
        "study": task.study,
        "round_no": task.round_no,
        "task": task.id,
        "site": release.site,
        "schema": canonical_hash(schema.describe()),
        "parent": task.model,
    }
    wrong = [name for name, value in expected.items() if getattr(entry, name) != value]
    if wrong:
        return f"the card's {', '.join(wrong)} do not match the task"
    if key is None:
        return f"{release.site} is not one of the study's sites"
    said = _unsuitable(entry, study, task)
    if said is not None:
        return said
    card.verify(entry, key)
    bundle.check(release.artifact.tensors, schema)
    if kind == "update" and not _norm(_plain(study, release)) <= _longest(study):
        return f"the update is longer than the bound of {study.privacy.clip:g}"
    return None


def _asked(
    release: Release, study: Study, task: Task, exchanged: Schema | None
) -> tuple[CardKind, Schema]:
    if task.phase is None or exchanged is None:
        kind, _ = answer_to(study, task.kind)
        return kind, sent_schema(study, task.kind, release.artifact.tensors)
    return task.phase, exchanged


def _unsuitable(entry: Card, study: Study, task: Task) -> str | None:
    """Return what a card says that makes its artifact useless, if it says such a thing."""
    if task.phase is None and entry.patients < 1:
        return "nobody contributed"
    if task.phase is not None and entry.patients:
        return "it says in the open how many contributed"
    if study.privacy.dp is not None and entry.privacy.get("mechanism") == "none":
        return "it has no privacy bound, and the study asks for one"
    return None


def _plain(study: Study, release: Release) -> Tensors:
    """Return an update as it was trained; one that has no code is not joined, or copied."""
    tensors = release.artifact.tensors
    return tensors if study.plan.uplink is None else {"": plain_update(study, tensors)}


def _norm(tensors: Tensors) -> float:
    """Return the L2 norm over all tensors, summed in float64; NaN if a value is."""
    square = 0.0
    for values in tensors.values():
        flat = values.reshape(-1)
        for start in range(0, flat.size, CHUNK):
            square += float(np.sum(np.square(flat[start : start + CHUNK], dtype=np.float64)))
    return sqrt(square)


def _longest(study: Study) -> float:
    """Return the bound on updates, with room for what rounding to the grid can add."""
    return study.privacy.clip * (1 + 1e-6)
