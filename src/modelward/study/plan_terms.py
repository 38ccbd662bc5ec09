"""Whether the parts of a plan go together; each refusal gives the mathematical reason.

Codes of updates are uplink_terms.py's.

| strategy or key           | [plan.robust] | [privacy.dp] | masked sums          |
|---------------------------|---------------|--------------|----------------------|
| fedavg, any server        | yes           | yes          | yes                  |
| scaffold                  | no            | yes          | with plan.local.steps |
| fednova                   | no            | no           | no                   |
| feddyn                    | no            | yes          | yes                  |
| cyclic                    | no            | yes          | no                   |
| fedbuff                   | no            | yes          | no                   |
| boosting                  | no            | no           | yes                  |
| local.proximal, .steps    | yes           | yes          | yes                  |
| local.sharpness           | yes           | no           | yes                  |
| local.memory, fedavg only | yes           | yes          | yes                  |
| label_skew                | yes           | yes, noised  | yes                  |
| personal: fine-tune, ditto, head, norms | yes | yes     | yes                  |
| personal: apfl, head-first | yes          | no           | yes                  |
| uplink                    | yes           | yes          | int8, int4 on one grid |
"""

from collections.abc import Iterator

from modelward.core.faults import Fault
from modelward.core.study import Study
from modelward.core.training import Personal
from modelward.study.own import LAYERS, own_places
from modelward.study.uplink_terms import uplink_faults

READS_WEIGHTS = frozenset({"logistic", "mlp", "cnn", "densenet"})
"""Recipes whose loss takes class weights."""

NOT_OF_ONE_ROUND = frozenset({"newton", "cyclic", "fedbuff", "boosting"})
"""Strategies that combine no updates of one round, whose parts could be told."""

OF_ONE_ROUND = frozenset({"scaffold", "fednova", "feddyn", "cyclic", "fedbuff"})
"""Strategies of local steps that read an answer as its site's way from that round's model."""


def plan_faults(study: Study) -> list[Fault]:
    """Return what of `[plan]` cannot go together; empty if nothing."""
    faults = [*_strategy(study), *_local(study), *_personal(study), *uplink_faults(study)]
    faults += [*_sharing(study), *_boosting(study)]
    plan = study.plan
    if plan.label_skew == "class-weights" and study.recipe.name not in READS_WEIGHTS:
        listed = ", ".join(sorted(READS_WEIGHTS))
        faults.append(Fault("plan.label_skew", f"class weights are read by {listed}"))
    return faults


def _strategy(study: Study) -> Iterator[Fault]:
    plan, key = study.plan, "plan.strategy"
    special = plan.strategy in {"scaffold", "fednova", "feddyn", "cyclic", "fedbuff"}
    if special and plan.robust is not None:
        says = "a rule of [plan.robust] judges plain updates: use strategy = 'fedavg'"
        yield Fault("plan.robust", says)
    if plan.strategy in {"fednova", "feddyn", "cyclic"} and plan.server.name != "none":
        says = f"{plan.strategy!r} makes the hub's step itself: leave [plan.server] out"
        yield Fault("plan.server.name", says)
    if plan.strategy in {"scaffold", "feddyn"} and plan.quorum is not None:
        says = "the hub's memory is the mean of the sites' only if no answer is left out"
        yield Fault("plan.quorum", f"{plan.strategy!r}: {says}")
    if plan.strategy == "scaffold" and plan.momentum:
        yield Fault("plan.momentum", "'scaffold' reads the gradient off plain steps: use 0")
    if plan.strategy == "cyclic" and plan.quorum is not None:
        yield Fault("plan.quorum", "'cyclic' asks one site a round")
    yield from _buffer(study)
    if study.privacy.dp is not None and plan.strategy == "fednova":
        says = "under [privacy.dp] all sites make equally many steps: this is 'fedavg'"
        yield Fault(key, says)
    if study.privacy.aggregation is not None:
        yield from _masked(study)


def _buffer(study: Study) -> Iterator[Fault]:
    """Yield what a buffer of answers to several rounds cannot be put together with."""
    plan, key = study.plan, "plan.buffer"
    if (plan.strategy == "fedbuff") != (plan.buffer is not None):
        yield Fault(key, "strategy = 'fedbuff' has one, and no other strategy does")
    if plan.buffer is None:
        return
    least = study.sites.minimum
    if plan.buffer.size < least:
        says = f"below sites.minimum, {least}: the others see in the model what so few sent"
        yield Fault(f"{key}.size", says)
    if study.sites.names and plan.buffer.size > len(study.sites.names):
        yield Fault(f"{key}.size", f"more than the {len(study.sites.names)} sites")
    if plan.quorum is not None:
        yield Fault("plan.quorum", "a step is made of plan.buffer.size answers")
    if study.stop.metric is not None:
        says = "its units are at every site, and 'fedbuff' waits for none"
        yield Fault("stop.metric", f"{says}: the last model is kept")


def _masked(study: Study) -> Iterator[Fault]:
    plan, key = study.plan, "plan.strategy"
    even = plan.local is not None and plan.local.steps is not None
    if plan.strategy == "cyclic":
        yield Fault(key, "'cyclic' asks one site a round, and a sum over one hides nothing")
    if plan.strategy == "fedbuff":
        says = "masks need a round's roster first, and 'fedbuff' has none until it is full"
        yield Fault(key, says)
    if plan.strategy == "fednova":
        says = "'fednova' divides each update by its site's steps, and masks hide each update"
        yield Fault(key, says)
    if plan.strategy == "scaffold" and not even and study.privacy.dp is None:
        says = "behind masks 'scaffold' needs equally many steps everywhere: set local.steps"
        yield Fault(key, says)


def _local(study: Study) -> Iterator[Fault]:
    if study.plan.local is None:
        return
    if study.plan.strategy == "newton":
        yield Fault("plan.local", "'newton' makes no local steps: use 'fedavg'")
    yield from _pulls(study)
    if study.plan.local.sharpness is not None and study.privacy.dp is not None:
        says = "the climb looks at patients a second time, without noise"
        yield Fault("plan.local.sharpness", says)
    if study.plan.local.memory is not None and study.plan.strategy in OF_ONE_ROUND:
        says = "reads off an answer what its round alone was: use 'fedavg'"
        yield Fault("plan.local.memory", f"{study.plan.strategy!r} {says}")


def _pulls(study: Study) -> Iterator[Fault]:
    plan = study.plan
    if plan.local is None:
        return
    if plan.local.alpha is not None and plan.strategy != "feddyn":
        yield Fault("plan.local.alpha", "only strategy = 'feddyn' has one")
    if plan.local.proximal is not None and plan.strategy == "feddyn":
        yield Fault("plan.local.proximal", "'feddyn' has a pull of its own, local.alpha")
    if plan.strategy == "fednova" and plan.local.proximal is not None and plan.momentum:
        yield Fault("plan.local.proximal", "'fednova' knows momentum or a pull, not both")
    if plan.lr * (plan.local.proximal or 0.0) >= 1:
        yield Fault("plan.local.proximal", "lr * proximal must be below 1, or steps overshoot")


def _personal(study: Study) -> Iterator[Fault]:
    plan, personal = study.plan, study.plan.personal
    if personal is None:
        return
    key = "plan.personal.kind"
    if plan.strategy != "fedavg":
        yield Fault("plan.personal", f"{plan.strategy!r} has none: use strategy = 'fedavg'")
    if personal.kind == "fine-tune" and plan.validation == 0 and study.image is None:
        yield Fault("plan.validation", "held-out stopping needs units held back")
    if personal.kind in LAYERS:
        own = own_places(study)
        if own is None or not own.any() or own.all():
            yield Fault(key, f"recipe {study.recipe.name!r} has no such layers beside others")
    if study.privacy.dp is not None and personal.kind in {"apfl", "head-first"}:
        says = "its own steps go between the noised ones; 'ditto' and 'head' keep apart"
        yield Fault(key, says)
    yield from _unread(personal)


def _sharing(study: Study) -> Iterator[Fault]:
    if study.sharing is None or study.sharing.rule == "equal":
        return
    key, rule = "sharing.rule", study.sharing.rule
    if study.privacy.aggregation is not None:
        yield Fault(key, f"masks hide what {rule!r} needs of each site: use 'equal'")
    if rule == "contribution" and study.plan.strategy in {
        "newton",
        "cyclic",
        "fedbuff",
        "boosting",
    }:
        says = f"{study.plan.strategy!r} combines no updates of one round: use 'patients'"
        yield Fault(key, says)


def _boosting(study: Study) -> Iterator[Fault]:
    """Yield what trees from sums of histograms cannot be put together with."""
    plan, key = study.plan, "plan.strategy"
    if (plan.strategy == "boosting") != (study.recipe.name == "trees"):
        yield Fault(key, "'boosting' grows the recipe 'trees', and nothing else does")
    if plan.strategy != "boosting":
        return
    histograms = "histograms carry no noise: leave the table out, or train 'mlp' by 'fedavg'"
    beside = {
        ("plan.robust", "a rule needs updates, and these are sums"): plan.robust is not None,
        ("privacy.dp", histograms): study.privacy.dp is not None,
        ("plan.server.name", "the rate of a tree is recipe.options.rate"): (
            plan.server.name != "none"
        ),
        ("plan.local", "'boosting' makes no local steps"): plan.local is not None,
        ("plan.label_skew", "'boosting' sums over all sites, so there is none"): (
            plan.label_skew != "none"
        ),
        ("plan.uplink", "'boosting' sends exact sums, and a code would round them"): (
            plan.uplink is not None
        ),
    }
    yield from (Fault(*said) for said, found in beside.items() if found)


def _unread(personal: Personal) -> Iterator[Fault]:
    """Return keys that the chosen kind does not read: what is signed is not ignored."""
    of = {"pull": {"ditto"}, "mix": {"apfl"}, "epochs": {"fine-tune", "ditto", "head-first"}}
    for name, kinds in of.items():
        if getattr(personal, name) is not None and personal.kind not in kinds:
            listed = " or ".join(sorted(kinds))
            yield Fault(f"plan.personal.{name}", f"only kind = {listed} reads it")
