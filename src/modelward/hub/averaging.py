"""Rounds of the strategies beside plain averaging: from collected updates to the next model.

    scaffold   aggregate/scaffold.py, and the server optimiser of the plan on top
    fednova    aggregate/fednova.py
    feddyn     aggregate/feddyn.py
    cyclic     the model goes from site to site, one a round, by name (Chang et al. 2018,
               J. Am. Med. Inform. Assoc. 25(8), 945-954, "cyclical weight transfer"); a site
               that refuses is passed over, and the model goes on as it is

Each takes study, collected updates, parameters and memory, and returns the next two; memory is
what the registry stores with the round, and {} before the first.
"""

from collections.abc import Mapping

import numpy as np

from modelward.aggregate import feddyn as dynamic
from modelward.aggregate import fednova, scaffold, server_opt
from modelward.core.study import Study
from modelward.core.tensors import FlatF32
from modelward.hub.by_steps import UpdatesBySteps
from modelward.hub.round import Arrays
from modelward.learn.sgd import learning_rate

ROUNDS = "rounds"
"""Finished rounds, [1] int64, where a step depends on the learning rate of its round."""


def scaffold_step(
    study: Study, updates: UpdatesBySteps, parameters: FlatF32, memory: Arrays
) -> tuple[FlatF32, Arrays]:
    """Return model and memory after a round of SCAFFOLD."""
    choice, size = study.plan.server, parameters.size
    if not memory:
        memory = {**server_opt.init(choice, size), **scaffold.init(size), **_number(0)}
    number = int(memory[ROUNDS][0]) + 1
    optimiser = {name: memory[name] for name in server_opt.init(choice, 0)}
    after, moved = server_opt.step(choice, optimiser, parameters, updates.mean())
    rate = learning_rate(study.plan, number)
    controls = {name: memory[name] for name in scaffold.init(0)}
    return moved, {
        **after,
        **scaffold.step(controls, updates.means(), rate),
        **_number(number),
    }


def fednova_step(
    study: Study, updates: UpdatesBySteps, parameters: FlatF32, memory: Arrays
) -> tuple[FlatF32, Arrays]:
    """Return model and memory after a round of FedNova."""
    plan = study.plan
    number = int(memory[ROUNDS][0]) + 1 if memory else 1
    proximal = (plan.local.proximal if plan.local else None) or 0.0
    shrink = learning_rate(plan, number) * proximal
    means: Mapping[float, tuple[FlatF32, int]] = {
        fednova.length(steps, momentum=plan.momentum, shrink=shrink): found
        for steps, found in updates.means().items()
    }
    return parameters + fednova.combined(means, study.privacy.clip), _number(number)


def feddyn_step(
    study: Study, updates: UpdatesBySteps, parameters: FlatF32, memory: Arrays
) -> tuple[FlatF32, Arrays]:
    """Return model and memory after a round of FedDyn."""
    local = study.plan.local
    alpha = (local.alpha if local else None) or dynamic.ALPHA
    state = memory or dynamic.init(parameters.size)
    after, moved = dynamic.step(state, parameters, updates.mean(), updates.patients, alpha)
    return moved, dict(after)


def cyclic_step(
    _: Study, updates: UpdatesBySteps, parameters: FlatF32, memory: Arrays
) -> tuple[FlatF32, Arrays]:
    """Return the model of the one site that was asked; unchanged if it refused."""
    return (parameters + updates.mean() if updates.patients else parameters), memory


def _number(rounds: int) -> Arrays:
    return {ROUNDS: np.array([rounds], np.int64)}
