"""`modelward site audit`: what training a study at this site would give away, tried out."""

import json

import typer

from modelward.cli.audit import Canaries, Seed
from modelward.cli.decide import Folder, Json, Study, site_name


def audit(
    folder: Folder,
    study: Study,
    *,
    canaries: Canaries = 200,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Audit the training of a proposed study on this site's cohort; the gate acts on it.

    Run it as a user who may read the snapshot, before or after the study is approved.
    Nothing leaves the site, and no budget is charged.
    """
    from modelward.gate.policy_file import read_policy
    from modelward.recipes.brought import require
    from modelward.simulation.leakage_card import card, to_json
    from modelward.site.answering import audits
    from modelward.site.answering.auditing import audit as run
    from modelward.site.approving.approvals import Approvals
    from modelward.site.isolation.snapshot import read_snapshot, snapshot_folder
    from modelward.site.rooms.isolated import IsolatedTrainer

    policy, name = read_policy(folder / "policy.toml"), site_name(folder)
    asked = Approvals(folder, name, policy.approvers).proposal(study).study
    require(asked.recipe.name, policy.recipes)
    facts = IsolatedTrainer(folder, name, policy.isolation).prepare(asked)
    _, cohort = read_snapshot(snapshot_folder(folder, asked.sha256), facts.bundle)
    found = run(asked, cohort, canaries=canaries, seed=seed)
    audits.keep(folder, asked, found)
    against = audits.objections(folder, asked.sha256, policy.leakage)
    if as_json:
        rules = [finding.says for finding in against]
        typer.echo(json.dumps({"site": name, **to_json(found), "refused": rules}))
    else:
        typer.echo(card(name, found).replace(". ", ".\n"))
        for finding in against:
            typer.echo(f"{finding.rule}: {finding.says}\n    {finding.remedy}")
        stays = "nothing of this study leaves" if against else "the gate has nothing against it"
        typer.echo(f"{stays} at {name}")
    if against:
        raise typer.Exit(4)


def add_to(app: typer.Typer) -> None:
    """Add `audit` to `modelward site`."""
    app.command()(audit)
