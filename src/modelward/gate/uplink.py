"""What leaves in place of an update, where a study sends updates in fewer bytes.

The gate judges the plain update. Only then is it coded (artifact/codec.py), here, by the
gatekeeper itself; the ledger's entry has the hash of both. The hub decodes before it checks
and adds, so the signed bound on an update's norm holds for what the code stands for.

With top-k, what was left out stays at the site, is added to the next update, and counts from
the newest round that was released (site/keeping/kept.py).
"""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import numpy as np

from modelward.aggregate.fixed_point import round_update
from modelward.artifact import codec
from modelward.core.study import Study
from modelward.core.task import TaskKind
from modelward.core.tensors import FlatF32, Schema, Tensors
from modelward.gate.offer import Offer
from modelward.recipes.layers.draws import draws
from modelward.study.answers import answer_to
from modelward.study.own import RESIDUAL

TRIES = 8
"""How often an update is made shorter until its code is within the bound."""


def sent_schema(study: Study, kind: TaskKind, tensors: Tensors) -> Schema:
    """Return the schema that the open answer to a task of `kind` has when it leaves.

    Args:
        study: The study.
        kind: What was asked.
        tensors: The answer; only it says how long a packed one is.

    Raises:
        BadArtifact: If it is longer than any that could be asked for.
    """
    schema, uplink = answer_to(study, kind)[1], study.plan.uplink
    if uplink is None or kind != "train":
        return schema
    packed = tensors.get(codec.PACKED)
    return codec.coded_schema(schema, uplink, 0 if packed is None else packed.size)


def plain_update(study: Study, tensors: Tensors) -> FlatF32:
    """Return the values that an update stands for, on the grid, in its plain schema's order.

    Raises:
        BadArtifact: If it is coded in another way than the study says.
    """
    schema = answer_to(study, "train")[1]
    if study.plan.uplink is None:
        return schema.join(tensors)
    return round_update(codec.decode(tensors, schema, study.plan.uplink))


def coded(
    study: Study,
    site: str,
    before: Tensors,
    keep: Callable[[Tensors], None],
    judged: Offer,
) -> Offer:
    """Return what leaves in place of the update `judged`.

    Args:
        study: One with an uplink.
        site: Who sends; part of the name of the draws.
        before: What the last round left out; empty where nothing was.
        keep: Is given what this round leaves out, before anything is recorded.
        judged: The plain update.
    """
    uplink = study.plan.uplink
    if uplink is None:
        return judged
    schema = judged.schema
    flat = schema.join(judged.tensors)
    if before:
        flat = flat + before[RESIDUAL]
    wanted, clip = flat.copy(), study.privacy.clip
    named = site
    if study.sharing is not None and study.sharing.by_content:
        named = sha256(wanted.tobytes()).hexdigest()  # the same update, the same code
    words = ("uplink", study.plan.seed, judged.task.round_no, named)
    tensors, found = _encoded(flat, schema, study, words)
    for _ in range(TRIES):
        norm = float(np.sqrt(np.square(found, dtype=np.float64).sum()))
        if norm <= clip:
            break
        flat = flat * np.float32(clip / norm * (1 - 1e-4))
        tensors, found = _encoded(flat, schema, study, words)
    if uplink.codec == "top-k":
        keep({RESIDUAL: wanted - found})
    packed = tensors.get(codec.PACKED)
    leaves = codec.coded_schema(schema, uplink, 0 if packed is None else packed.size)
    return replace(judged, tensors=tensors, schema=leaves)


def _encoded(
    flat: FlatF32, schema: Schema, study: Study, words: tuple[str | int, ...]
) -> tuple[dict[str, np.ndarray], FlatF32]:
    """Return the code of `flat`, and what it stands for."""
    if study.plan.uplink is None:
        raise AssertionError("only a study with an uplink codes anything")
    tensors = codec.encode(flat, schema, study.plan.uplink, draws(*words))
    return tensors, round_update(codec.decode(tensors, schema, study.plan.uplink))
