"""`modelward study plan`: what a study will take and cost, before anybody signs it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from modelward.gate.policy import Policy
    from modelward.simulation.forecast import Forecast
    from modelward.simulation.price import Price

SIZES = [200, 1000, 5000]
"""Training units of sites that nobody has asked about."""


def add_to(app: typer.Typer) -> None:
    """Add the command to `modelward study`."""
    app.command()(plan)


def plan(
    file: Annotated[Path, typer.Argument(help="The study file, such as study.toml.")],
    patients: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Training units of a site; repeat it for several."),
    ] = None,
    sites: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many take part; those it names, or its minimum, if absent."
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(help="A site's policy.toml to hold it against; the standard if absent."),
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")
    ] = False,
) -> None:
    """Say what a study will take before it is signed: bytes, steps, memory, privacy, refusals.

    All of it is computed from the study. With [privacy.dp] one noised step is timed here, too.
    """
    from modelward.simulation.forecast import forecast
    from modelward.simulation.price import price
    from modelward.study.read import read

    study, sizes = read(file), patients or SIZES
    found = price(study, sites, sizes, _policy(policy))
    noised = None if study.privacy.dp is None else forecast(study, sizes)
    if as_json:
        privacy = None if noised is None else noised.to_json()
        typer.echo(json.dumps({**found.to_json(), "privacy": privacy}))
        return
    typer.echo("\n".join([*_traffic(found), *_work(found), *_memory(found)]))
    typer.echo("\n".join([*_privacy(found, noised), *_refused(found, named=policy)]))


def _policy(path: Path | None) -> "Policy":
    """Return the policy in a file, or the standard one.

    Raises:
        GateRefused: If there is no such file: a mistyped path is no standard.
    """
    from modelward.errors import GateRefused
    from modelward.gate.policy import Policy
    from modelward.gate.policy_file import read_policy

    if path is None:
        return Policy()
    if not path.is_file():
        raise GateRefused(
            f"there is no policy file {path}",
            why="what a site would refuse is asked of that site's own bounds",
            remedy="give the path of its policy.toml, or leave --policy out for the standard",
        )
    return read_policy(path)


def _traffic(found: "Price") -> list[str]:
    rows = [
        f"  {leg.kind + (f', {leg.phase}' if leg.phase else ''):<26}{leg.times:>6,}"
        f"{leg.up:>16,}{leg.down:>18,}"
        for leg in found.legs
    ]
    up, down, answers = found.up, found.down, found.answers
    return [
        found.headline,
        "",
        f"{'At one site':<28}{'times':>6}{'bytes up each':>16}{'bytes down each':>18}",
        *rows,
        f"  {'in all, at most':<26}{answers:>6,}{up:>16,}{down:>18,}",
        *found.notes,
        "",
    ]


def _work(found: "Price") -> list[str]:
    head = (
        f"{'training units':>16}{'steps a round':>15}{'steps in all':>14}"
        f"{'units looked at':>17}{'bytes as arrays':>17}"
    )
    rows = [
        f"{each.units:>16,}{each.steps or '-':>15}{each.steps * found.rounds or '-':>14}"
        f"{each.looked_at:>17,}{each.as_arrays:>17,}"
        for each in found.work
    ]
    return [head, *rows, ""]


def _memory(found: "Price") -> list[str]:
    lines = ["Memory, the least that arrays of a round take:"]
    for who, held in (("a site", found.at_a_site), ("the hub", found.at_the_hub)):
        lines.append(f"  {who:<44}{sum(held.values()):>16,} bytes")
        lines += [f"    {what:<42}{size:>16,}" for what, size in held.items()]
    return [
        *lines,
        "A site's units come on top, as do activations, gradients of single units, and Python.",
        "",
    ]


def _privacy(found: "Price", noised: "Forecast | None") -> list[str]:
    if noised is None:
        return [f"Privacy: {found.privacy}.", ""]
    head = f"{'units':>8}{'in a step':>11}{'noise/signal':>14}{'seconds a round':>17}  says"
    rows = [
        f"{each.units:>8,}{each.in_a_step:>11.1f}{each.noise_to_signal:>14.2f}"
        f"{each.seconds:>17.1f}  {each.says}"
        for each in noised.sites
    ]
    return [*noised.lines, "", head, *rows, "", *noised.notes, ""]


def _refused(found: "Price", *, named: Path | None) -> list[str]:
    from modelward.simulation.price import JUDGED

    whose = f"By {named}" if named else "By the standard policy (--policy FILE: a site's own)"
    if not found.refused:
        return [f"{whose} nothing of these terms would be refused.", JUDGED]
    lines = [f"{whose} would be refused:"]
    for clause in found.refused:
        lines.append(f"  {clause.rule:<14}{clause.says}")
        lines += [f"{'':16}try: {clause.remedy}"] if clause.remedy else []
    return [*lines, JUDGED]
