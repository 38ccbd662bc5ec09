"""`modelward study shares`: who is due what, by the rule that the study signed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(shares)


def shares(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished run.", metavar="RUN")],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("shares.json"),
    check: Annotated[
        Path | None, typer.Option(help="Compute it again and hold this statement against it.")
    ] = None,
) -> None:
    """Write the signed statement of each site's share, or check one."""
    from modelward import durable
    from modelward.hub import shares as statements
    from modelward.hub.registry import Registry
    from modelward.simulation.folder import RunFolder
    from modelward.simulation.simulate import stored_study
    from modelward.simulation.worth import validated
    from modelward.site.keys import signing_key

    run = RunFolder(folder)
    study = stored_study(run)
    stores = {site: run.sites / site / "outbox" for site in run.site_names()}
    registry = Registry(run.hub)
    try:
        said = statements.statement(registry, study, stores, validated(run, study))
    finally:
        registry.close()
    if check is not None:
        key = statements.check(check.read_bytes(), said)
        typer.echo(f"{check} is what the registry and the updates give; signed by {key}")
        return
    durable.write_whole(out, statements.signed(said, signing_key(run.hub / "hub.key")))
    for line in table(said):
        typer.echo(line)
    typer.echo(f"signed: {out}")


def table(said: Mapping[str, Any]) -> list[str]:
    """Return a statement as lines of a table."""
    lines = [f"rule: {said['rule']}, over {said['rounds']} rounds"]
    for site, each in said["sites"].items():
        line = f"{site:<24} {each['share']:7.2%}  {each['patients']:>7,} patients"
        found = each.get("contribution")
        if found:
            spread = (
                "" if found["low"] is None else f" [{found['low']:.3f}, {found['high']:.3f}]"
            )
            line += f"  added {found['shapley']:.3f}{spread}"
            if found["same_as"]:
                line += f"  updates like {', '.join(found['same_as'])}"
        lines.append(line)
    return lines
