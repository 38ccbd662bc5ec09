"""`modelward site budget`: what patients have spent, reserved and left."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from modelward.privacy.budget import Standing
    from modelward.site.budget.statement import Statement

SiteFolder = Annotated[Path, typer.Argument(help="Folder of the site.", metavar="SITE")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]

WIDTH = 40
"""Characters of a bar."""


def budget(folder: SiteFolder, *, as_json: Json = False) -> None:
    """Show what patients have spent, reserved and left, over all studies."""
    from modelward.cli.decide import site_name
    from modelward.gate.policy_file import read_policy
    from modelward.ledger import archive
    from modelward.ledger.log import KEY
    from modelward.ledger.verify import read_key
    from modelward.site.budget.statement import statement

    place = folder / "ledger"
    begun = (place / KEY).exists()
    if not begun:
        site_name(folder)  # a folder that is no site's is told so
    entries = archive.read(place, read_key(place / KEY)).entries() if begun else []
    found = statement(entries, folder, read_policy(folder / "policy.toml"))
    typer.echo(json.dumps(found.to_json()) if as_json else _statement(found))


def _statement(found: "Statement") -> str:
    named = max([0, *(len(each.name) + 2 for each in found.accounts if each.name)])
    head = (
        f"{'study':<14}{'name' if named else '':<{named}}{'patients':>9}{'spent':>8}"
        f"{'reserved':>10}{'left':>8}  no bound"
    )
    rows = [
        f"{each.study[:12]:<14}{each.name:<{named}}{each.patients:>9,}{_three(each.standing)}  "
        + (", ".join(f"{n:,} {kind}" for kind, n in each.unbounded.items()) or "-")
        for each in found.accounts
    ]
    whole = f"{'all studies':<14}{'':<{named}}{'':>9}{_three(found.whole)}"
    bars = [
        f"{each.study[:12]:<14}{_bar(each.standing, found.ceiling_study)}"
        for each in found.accounts
    ]
    return "\n".join(
        [
            f"epsilon of the most used patient, at delta {found.delta:g}; ceilings: "
            f"{found.ceiling_study:g} a study, {found.ceiling_lifetime:g} for ever",
            "",
            head,
            *rows,
            whole,
            "",
            *bars,
            f"{'all studies':<14}{_bar(found.whole, found.ceiling_lifetime)}",
            "",
            "# spent   = reserved   . left. Studies cost less together than their sum.",
            *_missing(found.missing),
            *(f"Refused {e.study[:12]}…: {e.says}; {e.fits}." for e in found.refused),
            "Releases without a bound (exact sums) are listed and never added.",
        ]
    )


def _missing(spent: float) -> list[str]:
    """Return what is said of entries that were lost, if any were."""
    if not spent:
        return []
    return [f"Of all studies, {spent:.2f} is for entries that are missing; nobody knows whose."]


def _three(found: "Standing") -> str:
    return f"{found.spent:>8.2f}{found.reserved:>10.2f}{found.left:>8.2f}"


def _bar(found: "Standing", ceiling: float) -> str:
    spent = min(WIDTH, round(WIDTH * found.spent / ceiling))
    taken = min(WIDTH, round(WIDTH * (found.spent + found.reserved) / ceiling))
    return f"[{'#' * spent}{'=' * (taken - spent)}{'.' * (WIDTH - taken)}] of {ceiling:g}"


def add_to(app: typer.Typer) -> None:
    """Add `budget` to `modelward site`."""
    app.command()(budget)
