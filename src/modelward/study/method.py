"""How a study trains, in plain words: for whoever approves it, and for the report."""

from collections.abc import Iterator

from modelward.core.study import Robust, Study
from modelward.core.training import LocalTraining
from modelward.study.groups import sizes
from modelward.study.own import LAYERS, kept_schema
from modelward.study.uplink_terms import coded_as, uplink_lines

_STRATEGIES = {
    "fedavg": "averaged local training",
    "newton": "exact Newton steps on sums over all sites",
    "sums": "from exact sums over all sites",
    "scaffold": "averaged local training, corrected for each site's drift (SCAFFOLD)",
    "fednova": "local training, averaged as if all sites made equally many steps (FedNova)",
    "feddyn": "averaged local training towards objectives with one optimum (FedDyn)",
    "fedbuff": "averaged local training by whoever has answered, late answers counting less "
    "(FedBuff)",
    "boosting": "one tree after the other, from exact sums of histograms over all sites",
    "cyclic": "training at one site after the other, by name (cyclic weight transfer)",
}

_OWN = {
    "fine-tune": "the common model, trained on for this site after the last round",
    "ditto": "a second model, pulled to the common one (Ditto)",
    "apfl": "a second model, mixed with the common one (APFL)",
    "head": "the last layer (FedPer)",
    "head-first": "the last layer, trained before the others in each round (FedRep)",
    "norms": "the normalisation layers (FedBN)",
}


def method(study: Study) -> str:
    """Return how the common model is trained, in a clause."""
    return ", ".join(_parts(study))


def own_lines(study: Study) -> list[str]:
    """Return what a site keeps, and in what form updates leave, in sentences."""
    lines = []
    personal, kept = study.plan.personal, kept_schema(study)
    if personal is not None:
        lines.append(f"A site's own: {_OWN[personal.kind]}. It is sent to nobody.")
    if kept is not None:
        lines.append(
            f"Kept at a site between rounds, and sent to nobody: {kept.nbytes:,} bytes of "
            f"{', '.join(spec.name for spec in kept)}."
        )
    sites = len(study.sites.names) or study.sites.minimum
    lines += uplink_lines(study, max(sizes(study, sites)))
    if study.sharing is not None:
        lines.append(f"What comes of the model is shared by the rule: {study.sharing.rule}.")
    if personal is not None and study.privacy.dp is not None:
        lines.append(
            "The bound on privacy holds for a site's own layers as well: they come from the "
            "noised steps."
            if personal.kind in LAYERS
            else "The bound on privacy is about what leaves; a site's own model has none."
        )
    return lines


def beside(study: Study) -> str:
    """Return what a site has of its own and how updates leave, each after a semicolon."""
    personal, uplink = study.plan.personal, study.plan.uplink
    own = "" if personal is None else f"; a site's own: {_OWN[personal.kind]}"
    return own if uplink is None else f"{own}; updates leave as {coded_as(uplink)}"


def shares_note(study: Study, where: str) -> tuple[str, ...]:
    """Return by which rule is shared what comes of the model, and who states it.

    Args:
        study: Its terms.
        where: What `modelward study shares` is given, such as "RUN".
    """
    if study.sharing is None:
        return ()
    return (
        f"What comes of the model is shared by the rule {study.sharing.rule!r}, which the study"
        f" signed: modelward study shares {where} writes the statement.",
    )


def wrong_sites(number: int) -> str:
    """Return how many sites may be wrong, in words.

    >>> wrong_sites(1)
    '1 wrong site'
    """
    return f"{number} wrong site{'' if number == 1 else 's'}"


def robust_rule(robust: Robust) -> str:
    """Return the rule of `[plan.robust]` and what it withstands, in a clause."""
    mixed = ", mixed with nearest neighbours" if robust.mixing else ""
    shortened = ", the longest shortened" if robust.clipping else ""
    return f"{robust.rule}{mixed}{shortened}, against {wrong_sites(robust.byzantine)}"


def robust_lines(study: Study) -> list[str]:
    """Return a warning where wrong sites can stop the study by sending what is refused.

    A rule told of f wrong sites needs 2 f + 1 updates (aggregate/robust.py). Updates that are
    not finite are refused, so f sites of n that send nothing else leave n - f.
    """
    robust = study.plan.robust
    if robust is None or study.privacy.aggregation is not None:
        return []
    sites, needed = len(study.sites.names) or study.sites.minimum, 2 * robust.byzantine + 1
    if sites - robust.byzantine >= needed:
        return []
    enough = sites - needed + 1
    stop = (
        "1 whose update is refused or missing stops"
        if enough == 1
        else f"{enough} whose updates are refused or missing stop"
    )
    spared = (sites - 1) // 3
    or_told = f", or told of {wrong_sites(spared)}" if spared else ""
    return [
        f"Warning: told of {wrong_sites(robust.byzantine)}, the rule needs {needed} updates "
        f"that can be used. Of {sites} sites, {stop} the study, so the wrong ones can. It goes "
        f"on without them with {3 * robust.byzantine + 1} sites or more{or_told}."
    ]


def _parts(study: Study) -> Iterator[str]:
    plan, local = study.plan, study.plan.local
    server = "" if plan.server.name == "none" else f" and {plan.server.name} at the hub"
    yield _STRATEGIES[plan.strategy] + server
    if plan.robust is not None:
        yield f"combined by {robust_rule(plan.robust)}"
    if plan.buffer is not None:
        yield f"a step for every {plan.buffer.size} answers (the last model is kept)"
    if plan.label_skew == "logit-adjustment":
        yield "adjusted for label skew"
    if plan.label_skew == "class-weights":
        yield "with both outcomes counted alike"
    yield from () if local is None else _beside_the_loss(local)


def _beside_the_loss(local: LocalTraining) -> Iterator[str]:
    if local.steps is not None:
        yield f"{local.steps} steps a round"
    if local.proximal is not None:
        yield f"pulled to the round's model (FedProx, {local.proximal:g})"
    if local.sharpness is not None:
        yield f"each step from the top of a climb of {local.sharpness:g} (SAM)"
    if local.memory is not None:
        yield f"{local.memory:.0%} of a site's last answer in its next (momentum at the sites)"
