"""Whether the code in which updates leave goes with the rest of a study, and what it is.

| code      | in the open | masked sums                                              |
|-----------|-------------|----------------------------------------------------------|
| bf16      | yes         | no: floating-point numbers do not add up in whole ones   |
| int8      | yes         | with `range` and `max_patients`: one grid for all sites  |
| int4      | yes         | the same                                                 |
| top-k     | yes         | no: sites send other places, and sums need the same ones |
| packed    | yes         | no: masked bytes are random                              |

A site's noise (`[privacy.dp]`) is in its update before it is coded, so each code is computed
from what the bound holds for, and from public draws; the bound stays what it is.
"""

from collections.abc import Iterator

from modelward.core.faults import Fault
from modelward.core.ring import ring_bits
from modelward.core.study import Study
from modelward.core.training import Uplink

UPDATE_LIMIT = 2.0**7
"""Updates, and their mean, are below it (docs/formats/sums.md)."""


def uplink_faults(study: Study) -> Iterator[Fault]:
    """Yield what of `[plan.uplink]` cannot go with the rest."""
    uplink, key = study.plan.uplink, "plan.uplink"
    if uplink is None:
        return
    if study.plan.strategy == "newton":
        yield Fault(key, "'newton' sends exact sums, and a code would round them")
    if study.plan.strategy in {"scaffold", "feddyn"}:
        says = "controls are made of the update as it was trained, and a code changes it"
        yield Fault(key, f"{study.plan.strategy!r}: {says}")
    if uplink.share is not None and uplink.codec != "top-k":
        yield Fault("plan.uplink.share", "only codec = 'top-k' reads it")
    if uplink.levels is not None and uplink.codec != "int8":
        yield Fault("plan.uplink.levels", "only codec = 'int8' reads it")
    if study.privacy.aggregation is None:
        yield from _open(uplink)
    else:
        yield from _masked(uplink)
        yield from _grid(study, uplink)


def coded_as(uplink: Uplink) -> str:
    """Return the code of updates, in a few words."""
    grid = "" if uplink.range is None else f" on a grid up to {uplink.range:g} for all sites"
    return f"{uplink.codec}{grid}{', packed' if uplink.packed else ''}"


def uplink_lines(study: Study, sites: int) -> list[str]:
    """Return in what form updates leave, in sentences; nothing where they leave plain.

    Args:
        study: The study.
        sites: Sites of a sum behind masks, at most.
    """
    uplink = study.plan.uplink
    if uplink is None:
        return []
    if study.privacy.aggregation is None:
        return [
            f"Updates leave as {coded_as(uplink)}, in fewer bytes than stated, once the gate "
            "has judged them plain."
        ]
    unit, octets = study.study.unit, ring_bits(sites, uplink.steps) // 8
    return [
        f"Updates leave as {uplink.codec} behind masks, once the gate has judged them plain: "
        f"{uplink.steps} steps each way up to {uplink.range:g}, the same for all sites, in "
        f"{octets} byte{'s' if octets > 1 else ''} a value with {sites} sites in a sum. Values "
        "beyond are cut to that, and their number is summed as well. A site with more than "
        f"{uplink.max_patients:,} {unit}s in training refuses."
    ]


def _open(uplink: Uplink) -> Iterator[Fault]:
    for name in ("range", "max_patients"):
        if getattr(uplink, name) is not None:
            says = "one grid for all sites is for sums behind masks: set privacy.aggregation"
            yield Fault(f"plan.uplink.{name}", says)


def _masked(uplink: Uplink) -> Iterator[Fault]:
    key = "plan.uplink.codec"
    if uplink.codec == "bf16":
        yield Fault(key, "masks add whole numbers, and 'bf16' sends others: use 'int8'")
    if uplink.codec == "top-k":
        says = "sites send different places, and masked sums need the same: use 'int8'"
        yield Fault(key, says)
    if uplink.packed:
        yield Fault("plan.uplink.packed", "behind masks bytes are random: nothing packs them")
    if uplink.steps and None in {uplink.range, uplink.max_patients}:
        says = "masked steps add up on one grid for all sites: set range and max_patients"
        yield Fault("plan.uplink", says)


def _grid(study: Study, uplink: Uplink) -> Iterator[Fault]:
    """Yield what is wrong with the grid that all sites share, where the study has one."""
    if not uplink.steps or uplink.range is None or uplink.max_patients is None:
        return
    clip, least, key = study.privacy.clip, study.study.min_patients, "plan.uplink.range"
    if uplink.range > clip:
        yield Fault(key, f"no value of an update is larger than privacy.clip, {clip:g}")
    step = uplink.range * uplink.max_patients / (uplink.steps * least)
    if uplink.range + step >= UPDATE_LIMIT:
        says = (
            f"one step of a site with study.min_patients would be {step:g}, and means stay "
            f"below {UPDATE_LIMIT:g}: lower plan.uplink.range or max_patients"
        )
        yield Fault(key, says)
