"""One round of training at a site, with what the site keeps for itself.

    start     the round's model, with the site's own layers put in
    force     what the strategy adds to every gradient (aggregate/scaffold.py, feddyn.py)
    update    what is offered: without the site's own layers, with what the site's last offer
              left in it, if the plan says so (learn/memory.py)
    kept      what the next round starts from at this site (study/own.py)

Controls are made of the update as it is offered, clipped and on the grid, because the hub
makes its own of the same. Under a privacy bound own layers come from the noised steps, and a
second model is trained without noise: the update does not depend on it, nor on its failure.
Pure: what is kept comes in and goes out as tensors; where it lies is kept.py's business.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from modelward.aggregate import feddyn, scaffold
from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.core.tensors import FlatF32, Tensors
from modelward.errors import TrainingFailed
from modelward.learn import apfl, memory, personal, sgd
from modelward.learn.examples import Examples
from modelward.learn.sgd import LocalTerms
from modelward.learn.steps import NO_PULL, Pull
from modelward.recipes.catalogue import recipe
from modelward.study.model import Model
from modelward.study.own import LAYERS, narrowed, own_places

Run = Callable[[FlatF32, LocalTerms], FlatF32]
"""Trains from a start on some terms, and returns the update over all parameters."""

SHARE = 0.5
"""APFL's alpha before round 1, where a study names none."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What a round of training came to.

    Attributes:
        update: The common part, on the grid, [common].
        kept: What stays here for the next round; empty if nothing does.
    """

    update: FlatF32
    kept: Tensors


def train(model: Model, training: Examples, terms: LocalTerms, run: Run, steps: int) -> Trained:
    """Return what one round gives, with what the site remembers of its rounds before.

    Args:
        model: The round's model, with what the site kept before.
        training: The site's training examples.
        terms: Of the signed plan.
        run: How the common model is trained: learn/sgd.py or learn/dp.py.
        steps: How many steps `run` makes.

    Raises:
        TrainingFailed: If a loss is no longer finite.
    """
    found, local = _trained(model, training, terms, run, steps), model.study.plan.local
    if local is None or local.memory is None:
        return found
    last = model.kept.get("memory")
    offered = memory.remembered(last, found.update, local.memory, terms.clip)
    return Trained(offered, {**found.kept, "memory": offered})


def _trained(
    model: Model, training: Examples, terms: LocalTerms, run: Run, steps: int
) -> Trained:
    """Return what this round alone gives."""
    study = model.study
    kind = study.plan.personal.kind if study.plan.personal else None
    start, lr = with_own_layers(model), terms.lr
    pulled = replace(terms, pull=_pull(model))
    if kind == "apfl":
        return _mixed(model, training, terms)
    if kind == "head-first":
        return _head_first(model, start, training, terms)
    update = run(start, pulled)
    kept: dict[str, FlatF32] = {}
    own = own_control(model)
    if study.plan.strategy == "scaffold" and model.control is not None:
        kept["control"] = scaffold.own_after(model.control, own, update, steps, lr)
    elif study.plan.strategy == "feddyn":
        kept["control"] = feddyn.own_after(own, update, alpha(study))
    places = own_places(study)
    if places is not None:
        kept["layers"] = (start + update)[places]
    if kind == "ditto":
        kept["personal"] = _second(model, training, terms)
    return Trained(narrowed(study, update), kept)


def with_own_layers(model: Model) -> FlatF32:
    """Return the model's parameters with the site's own layers in their places, [size]."""
    places = own_places(model.study)
    if places is None or "layers" not in model.kept:
        return model.parameters
    flat: FlatF32 = model.parameters.copy()
    flat[places] = model.kept["layers"]
    return flat


def personal_parameters(model: Model) -> FlatF32 | None:
    """Return what the site itself predicts with, [size]; None where it has nothing of its own.

    For `fine-tune` there is nothing until the study has ended (learn/personal.py).
    """
    chosen = model.study.plan.personal
    if chosen is None or not model.kept:
        return None
    if chosen.kind in LAYERS:
        return with_own_layers(model)
    if chosen.kind == "apfl":
        mixed = apfl.Mixed(model.kept["personal"], float(model.kept["mix"][0]))
        return mixed.with_common(model.parameters)
    return model.kept.get("personal")


def own_control(model: Model) -> FlatF32:
    """Return the site's control, which is 0 before its first round, [size]."""
    found = model.kept.get("control")
    return np.zeros_like(model.parameters) if found is None else found


def alpha(study: Study) -> float:
    """Return FedDyn's alpha."""
    local = study.plan.local
    return (local.alpha if local else None) or feddyn.ALPHA


def _pull(model: Model) -> Pull:
    plan = model.study.plan
    if plan.strategy == "scaffold" and model.control is not None:
        return Pull.of(plan, scaffold.correction(model.control, own_control(model)))
    if plan.strategy == "feddyn":
        return Pull(proximal=alpha(model.study), force=-own_control(model))
    return Pull.of(plan)


def _own_terms(model: Model, terms: LocalTerms) -> LocalTerms:
    """Return `terms` with the passes of the site's own part."""
    chosen = model.study.plan.personal
    passes = chosen.epochs if chosen else None
    return replace(terms, epochs=passes or 1, steps=None)


def _ditto(model: Model, training: Examples, terms: LocalTerms) -> FlatF32:
    chosen = model.study.plan.personal
    strength = (chosen.pull if chosen else None) or personal.PULL
    own = model.kept.get("personal", model.parameters)
    return personal.ditto(
        recipe(model.study.recipe),
        own,
        model.parameters,
        training,
        replace(_own_terms(model, terms), pull=Pull(proximal=strength)),
        inputs(model.study),
    )


def _second(model: Model, training: Examples, terms: LocalTerms) -> FlatF32:
    """Return Ditto's model after the round; under a privacy bound, whatever becomes of it.

    It is trained without noise, so that it failed would be a look at patients that nobody
    paid for: nothing about what leaves may depend on it, not even whether anything does.
    """
    try:
        return _ditto(model, training, terms)
    except TrainingFailed:
        if model.study.privacy.dp is None:
            raise
        return model.parameters


def _mixed(model: Model, training: Examples, terms: LocalTerms) -> Trained:
    chosen, kept = model.study.plan.personal, model.kept
    share = float(kept["mix"][0]) if kept else (chosen.mix if chosen else None) or SHARE
    before = apfl.Mixed(kept["personal"] if kept else model.parameters, share)
    flat = model.parameters.copy()
    after = apfl.descend(
        recipe(model.study.recipe), flat, before, training, terms, inputs(model.study)
    )
    update = sgd.offer(flat, model.parameters, terms.clip)
    mix = np.array([after.share], np.float32)
    return Trained(update, {"personal": after.own, "mix": mix})


def _head_first(model: Model, start: FlatF32, training: Examples, terms: LocalTerms) -> Trained:
    """FedRep: the head to where it fits the round's body, then the body under it."""
    study = model.study
    head = own_places(study)
    if head is None:
        raise AssertionError("study/plan_terms.py refuses a recipe without a head")
    trained, shape = recipe(study.recipe), inputs(study)
    flat = start.copy()
    first = replace(personal.apart(_own_terms(model, terms)), still=~head, pull=NO_PULL)
    sgd.descend(trained, flat, training, first, shape)
    kept = {"layers": flat[head]}
    update = sgd.train(trained, flat, training, replace(terms, still=head), shape)
    return Trained(narrowed(study, update), kept)


def terms_of(study: Study, round_no: int, site: str) -> LocalTerms:
    """Return the terms of a site's training in one round."""
    return LocalTerms.of(study.plan, clip=study.privacy.clip, round_no=round_no, site=site)
