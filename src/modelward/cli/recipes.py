"""`modelward recipes`: what can be trained here, and by whose code."""

import json
from typing import Annotated

import typer


def recipes(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")
    ] = False,
) -> None:
    """List installed recipes; those of other packages with the hash a policy allows."""
    from modelward.recipes.brought import RESTS_ON, brought
    from modelward.recipes.catalogue import ANALYSES, INSTALLED

    own: list[dict[str, object]] = [
        {"name": n, "version": v, "package": "modelward"} for n, v in (*INSTALLED, *ANALYSES)
    ]
    others: list[dict[str, object]] = [
        {"name": each.name, "package": each.package, "sha256": each.sha256 or None}
        for each in brought()
    ]
    if as_json:
        typer.echo(json.dumps([*own, *others]))
        return
    for row in own:
        typer.echo(f"{row['name']:<16}version {row['version']}, comes with modelward")
    for row in others:
        how = "computed by" if row["name"] in RESTS_ON else "brought by"
        typer.echo(f"{row['name']:<16}{how} {row['package']}")
        whole = row["sha256"] or "not whole, or installed for editing: install it from a wheel"
        typer.echo(f"{'':<16}{whole}")
    if others:
        typer.echo('to allow one at a site, add it to policy.toml:  [recipes]  NAME = "HASH"')
