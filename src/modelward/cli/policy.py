"""`modelward site policy show|check|explain`: what may leave, and what a study would meet."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from modelward.core.study import Study

app = typer.Typer(no_args_is_help=True, help="What this site allows to leave, whoever asks.")

Folder = Annotated[Path, typer.Argument(help="Folder of the site.", metavar="SITE")]
Asked = Annotated[
    str, typer.Argument(help="A study file, or the name or hash of a proposed study.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]


@app.command()
def show(folder: Folder, *, as_json: Json = False) -> None:
    """Print every bound that holds here, those of policy.toml and the standard ones."""
    from modelward.gate.policy_file import as_toml, read_policy

    policy = read_policy(_there(folder) / "policy.toml")
    if as_json:
        typer.echo(json.dumps({**policy.describe(), "sha256": policy.sha256}))
        return
    typer.echo(as_toml(policy))
    typer.echo(f"\n# sha256 {policy.sha256}")


@app.command()
def check(folder: Folder) -> None:
    """Say whether policy.toml can be used as written; every fault at once."""
    from modelward.gate.policy_file import read_policy

    policy = read_policy(_there(folder) / "policy.toml")
    typer.echo(f"policy.toml is understood to the last key: sha256 {policy.sha256}")
    if not (folder / "policy.toml").exists():
        typer.echo("there is no such file, so the standard bounds hold")
    if not policy.approvers:
        typer.echo("nobody is named under [approvers], so no study can be approved here")
    if policy.isolation == "none":
        typer.echo('isolation = "none": a recipe could read and send what the node can')
    typer.echo("a running node takes it when it starts again, and records the change")


@app.command()
def explain(folder: Folder, study: Asked, *, as_json: Json = False) -> None:
    """Say for every rule whether a study would pass, and why. Exit code 4 if it would not."""
    from modelward.gate.policy_file import read_policy
    from modelward.gate.terms import clauses
    from modelward.site.isolation.snapshot import read_facts

    asked = _study(_there(folder), study)
    facts = read_facts(folder, asked.sha256)
    found = clauses(
        asked, read_policy(folder / "policy.toml"), None if facts is None else facts.units
    )
    passes = all(clause.passes for clause in found)
    if as_json:
        rules = [
            {"rule": c.rule, "passes": c.passes, "says": c.says, "remedy": c.remedy}
            for c in found
        ]
        typer.echo(json.dumps({"study": asked.sha256, "passes": passes, "rules": rules}))
    else:
        for c in found:
            typer.echo(f"{'pass' if c.passes else 'FAIL'}  {c.rule:<14}{c.says}")
            if c.remedy:
                typer.echo(f"{'':20}try: {c.remedy}")
        typer.echo("rules about values are asked of every artifact again (docs/gate.md)")
    if not passes:
        raise typer.Exit(4)


def _there(folder: Path) -> Path:
    """Return `folder` if it is one: a mistyped path is no site with the standard bounds.

    Raises:
        GateRefused: If there is no such folder.
    """
    from modelward.errors import GateRefused

    if not folder.is_dir():
        raise GateRefused(
            f"{folder} is no folder of a site",
            why="standard bounds hold for a site without a policy.toml, and this is no site",
            remedy="check the path, or make the site: modelward site init",
        )
    return folder


def _study(folder: Path, asked: str) -> "Study":
    """Return the study in a file, or the proposed one."""
    from modelward.cli.decide import site_name
    from modelward.site.approving.approvals import Approvals
    from modelward.study.read import read

    if Path(asked).is_file():
        return read(Path(asked))
    return Approvals(folder, site_name(folder), {}).proposal(asked).study
