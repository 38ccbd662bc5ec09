"""How far a model may move in one round, from what a study has signed. Pure.

Every update has L2 norm at most `clip`, and so has any weighted mean of updates
(aggregate/server_opt.py has the symbols):

    none       lr * clip
    momentum   lr * clip / (1 - beta)
    adam       lr * min(clip / epsilon, sqrt(size) * (1 - b1) / sqrt((1 - b2)(1 - b1^2/b2)));
               the second by Cauchy-Schwarz over the two running means, where b1^2 < b2
    yogi       lr * clip / epsilon; adagrad the same: no update is longer than clip, so
               neither is their running mean, and it is divided by epsilon or more
    fednova    clip, which the hub's step is held to
    feddyn     (rounds + 1) * clip: h / alpha is the sum of all mean updates so far
    cyclic     clip, as one site's update
    fedbuff    as the plan's server optimiser, for every step that was made meanwhile
    newton     clip: what the study allows one site's update, taken for the whole step
    boosting   none: trees that were there stay as they are, and what a new one can ask is a
               histogram without small cells, which the gate sees to
    sums       `REACH` for the coefficients that sites sum at; the rest of a state asks nothing
"""

from math import inf, sqrt

from modelward.core.study import Study

REACH = 100.0
"""L2 norm by which coefficients of scaled columns may move in one round of sums; sums of a
linear model are the same wherever they are asked, and have no bound."""


def largest_step(study: Study, size: int) -> float:
    """Return the L2 norm that the model of `size` parameters may move by in one round."""
    clip, server = study.privacy.clip, study.plan.server
    linear = study.recipe.options.get("family") == "linear"
    plain = {
        "newton": clip,
        "fednova": clip,
        "cyclic": clip,
        "feddyn": (study.plan.rounds + 1) * clip,
        "sums": inf if linear else REACH,
    }
    if study.plan.strategy in plain:
        return plain[study.plan.strategy]
    if server.name == "momentum":
        return server.lr * clip / (1.0 - server.momentum)
    if server.name == "adam":
        b1, b2 = server.momentum, server.beta2
        spread = inf
        if b1 * b1 < b2:
            spread = sqrt(size) * (1.0 - b1) / sqrt((1.0 - b2) * (1.0 - b1 * b1 / b2))
        return server.lr * min(clip / server.epsilon, spread)
    if server.name in {"yogi", "adagrad"}:
        return server.lr * clip / server.epsilon
    return server.lr * clip
