"""What of a study stays at a site: layers of its own, and what a strategy remembers there.

    update_schema    what leaves: every trainable tensor but the site's own layers
    kept_schema      what a site keeps from round to round, and sends to nobody

    control    [size]  SCAFFOLD's c_i, or FedDyn's gradient (aggregate/)
    layers     [own]   the site's own layers, in schema order
    personal   [size]  a second model (Ditto, APFL)
    mix        [1]     APFL's alpha
    memory     [sent]  what the site sent last, where its next answer keeps some of it

All float32. Both sides derive this from the signed study alone.
"""

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.core.tensors import FlatF32, Schema, TensorSpec
from modelward.recipes.catalogue import recipe

HEADS = ("logit.", "intercept")
"""How tensors of a last layer begin."""

NORMS = ("norm",)
"""How a part of the name of a normalisation's tensors begins."""

LAYERS = frozenset({"head", "head-first", "norms"})
"""Kinds of `[plan.personal]` under which layers of the common model are a site's own."""

SECOND = frozenset({"ditto", "apfl"})
"""Kinds of `[plan.personal]` with a second model."""


def own_places(study: Study) -> NDArray[np.bool_] | None:
    """Return which parameters are a site's own, [size]; None where all are common."""
    personal = study.plan.personal
    if personal is None or personal.kind not in LAYERS:
        return None
    schema = recipe(study.recipe).schema(inputs(study))
    return np.concatenate(
        [np.full(spec.size, _is_own(personal.kind, spec.name)) for spec in schema]
    )


def update_schema(study: Study) -> Schema:
    """Return the tensors of an update."""
    schema = recipe(study.recipe).schema(inputs(study))
    personal = study.plan.personal
    if personal is None or personal.kind not in LAYERS:
        return schema
    return Schema(tuple(spec for spec in schema if not _is_own(personal.kind, spec.name)))


def _is_own(kind: str, name: str) -> bool:
    """Return whether a site keeps the tensor `name`, such as `block1.layer2.norm1.gain`."""
    if kind == "norms":
        return any(part.startswith(NORMS) for part in name.split("."))
    return name.startswith(HEADS)


def narrowed(study: Study, flat: FlatF32) -> FlatF32:
    """Return the common part of a vector over all parameters."""
    own = own_places(study)
    return flat if own is None else flat[~own]


def widened(study: Study, common: FlatF32) -> FlatF32:
    """Return a vector over all parameters: `common`, and 0 in a site's own layers."""
    own = own_places(study)
    if own is None:
        return common
    whole = np.zeros(own.size, np.float32)
    whole[~own] = common
    return whole


RESIDUAL = "residual"
"""What a site's updates left out so far, where only their largest values are sent."""


def residual_schema(study: Study) -> Schema | None:
    """Return what the gatekeeper keeps of updates that it coded; None if nothing."""
    uplink = study.plan.uplink
    if uplink is None or uplink.codec != "top-k":
        return None
    return Schema.of(TensorSpec(RESIDUAL, "F32", (update_schema(study).size,)))


def kept_schema(study: Study) -> Schema | None:
    """Return the tensors that a site keeps from round to round; None if it keeps none."""
    plan, specs = study.plan, []
    if plan.strategy == "sums":
        return None
    size = recipe(study.recipe).schema(inputs(study)).size
    if plan.strategy in {"scaffold", "feddyn"}:
        specs.append(TensorSpec("control", "F32", (size,)))
    if plan.personal is not None and plan.personal.kind in LAYERS:
        own = own_places(study)
        specs.append(TensorSpec("layers", "F32", (0 if own is None else int(own.sum()),)))
    if plan.personal is not None and plan.personal.kind in SECOND:
        specs.append(TensorSpec("personal", "F32", (size,)))
        if plan.personal.kind == "apfl":
            specs.append(TensorSpec("mix", "F32", (1,)))
    if plan.local is not None and plan.local.memory is not None:
        specs.append(TensorSpec("memory", "F32", (update_schema(study).size,)))
    return Schema.of(*specs) if specs else None
