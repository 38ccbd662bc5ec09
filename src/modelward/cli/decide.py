"""`modelward site studies|show|approve|decline|withdraw|person`: what a site agrees to."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelward.cli.passphrase import NewPassphrase, Passphrase

if TYPE_CHECKING:
    from modelward.artifact.decision import Word
    from modelward.site.approving.approvals import Approvals
    from modelward.study.agreement import Agreement

Folder = Annotated[Path, typer.Argument(help="Folder of the site.", metavar="SITE")]
Study = Annotated[str, typer.Argument(help="A study's name, or the start of its hash.")]
Person = Annotated[str, typer.Option("--as", help="Who decides, as policy.toml spells it.")]
Key = Annotated[Path, typer.Option(help="That person's key file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]

POLICY_CHANGED = (
    "policy.toml was changed since the node was started: stop it and start it again, and the"
    " change counts"
)
"""What is said where a node runs with an older policy."""


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `modelward site`."""
    for command in (studies, show, approve, decline, withdraw, person):
        app.command()(command)


def studies(folder: Folder, *, as_json: Json = False) -> None:
    """List the studies that this site was asked to join, and what it decided."""
    approvals = approvals_of(folder)
    rows = []
    for each in approvals.proposals():
        made = approvals.decided(each.study.sha256)
        word: str = made[-1].word if made else "undecided"
        if made and made[-1].roster != each.fingerprint:
            word = "undecided (the roster has changed)"
        rows.append(
            {
                "id": each.study.id,
                "version": each.study.study.version,
                "study": each.study.sha256,
                "roster": each.fingerprint,
                "decision": word,
                "person": made[-1].person if made else None,
                "time": made[-1].time if made else None,
            }
        )
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        who = f"  {row['person']}, {row['time']}" if row["person"] else ""
        named = f"{row['id']} version {row['version']}"
        typer.echo(f"{named:<30}  {str(row['study'])[:12]}  {row['decision']}{who}")
    if not rows:
        typer.echo("no study has been proposed yet")


def show(folder: Folder, study: Study) -> None:
    """Say in plain words what a study computes, what leaves, how much, and with whom."""
    from modelward.study.explain import explain_agreement

    agreement = approvals_of(folder).proposal(study)
    _require_recipe(folder, agreement)
    fits = _fits(folder, agreement)
    if fits:
        typer.echo(f"{fits}\n")
    typer.echo(explain_agreement(agreement, site_name(folder)))
    _warn_of_policy(folder, agreement)


def _warn_of_policy(folder: Path, agreement: "Agreement") -> None:
    """Say what the site's own policy will refuse of a study, whoever approves it."""
    from modelward.gate.policy_file import read_policy
    from modelward.gate.terms import clauses

    found = clauses(agreement.study, read_policy(folder / "policy.toml"))
    wrong = [clause for clause in found if not clause.passes]
    if not wrong:
        return
    typer.echo("\nPolicy.toml as it stands refuses this study, whoever approves it:")
    for clause in wrong:
        typer.echo(f"  {clause.rule}: {clause.says}\n    try: {clause.remedy}")
    typer.echo(
        "What was refused once stays refused: change the policy before the study starts."
    )


def _fits(folder: Path, agreement: "Agreement") -> str:
    """Return whether a private study would fit this site's budget; "" for any other."""
    from modelward.gate.policy_file import read_policy
    from modelward.ledger import archive
    from modelward.ledger.log import KEY
    from modelward.ledger.verify import read_key
    from modelward.site.budget.outlook import outlook

    place = folder / "ledger"
    begun = (place / KEY).exists()
    entries = archive.read(place, read_key(place / KEY)).entries() if begun else []
    return outlook(entries, folder, agreement.study, read_policy(folder / "policy.toml"))


def approve(
    folder: Folder, study: Study, *, name: Person, key: Key, passphrase: Passphrase
) -> None:
    """Approve a study with its roster, as it stands; signed with your own key.

    The site has to be READY: its data are checked now unless `site check` has done so.
    """
    _check_data(folder, study)
    _decide("approved", folder, study, name, (key, passphrase))
    _warn_of_policy(folder, approvals_of(folder).proposal(study))


def decline(
    folder: Folder, study: Study, *, name: Person, key: Key, passphrase: Passphrase
) -> None:
    """Decline a study; the hub is told, and no task of it is answered."""
    _decide("declined", folder, study, name, (key, passphrase))


def withdraw(
    folder: Folder, study: Study, *, name: Person, key: Key, passphrase: Passphrase
) -> None:
    """Withdraw an approval, effective at once; what has left cannot be called back."""
    _decide("withdrawn", folder, study, name, (key, passphrase))


def person(
    name: Annotated[str, typer.Argument(help="Who will decide, such as 'Dr Ada Byron'.")],
    *,
    key: Annotated[Path, typer.Option(help="File to write the person's key to.")],
    passphrase: NewPassphrase,
) -> None:
    """Make a person's key, and print what the site's policy needs to know of it."""
    from modelward.artifact.card import fingerprint
    from modelward.site.approving import person_key

    made = person_key.make(key, passphrase)
    typer.echo(f"wrote {key}; it stays with {name}")
    typer.echo("add to policy.toml of the site:\n\n[approvers]")
    typer.echo(f'{json.dumps(name, ensure_ascii=False)} = "{fingerprint(made.public_key())}"')


def site_name(folder: Path) -> str:
    """Return the name that the site in `folder` was admitted under, or has asked for."""
    from modelward.errors import NotAdmitted

    for file in ("membership.json", "request.json"):
        path = folder / file
        if path.exists():
            name = json.loads(path.read_bytes()).get("site")
            if isinstance(name, str):
                return name
    raise NotAdmitted(
        f"{folder} is not the folder of a site",
        why="a decision is made in the name of a site that a hub knows",
        remedy="make it one: modelward site init SITE --name NAME --hub-url URL",
    )


def approvals_of(folder: Path) -> "Approvals":
    """Return the proposals and decisions of the site in `folder`."""
    from modelward.gate.policy_file import read_policy
    from modelward.site.approving.approvals import Approvals

    policy = read_policy(folder / "policy.toml")
    return Approvals(folder, site_name(folder), policy.approvers)


def _check_data(folder: Path, named: str) -> None:
    """Refuse while the site is not READY; check its data if nobody has, where they are seen."""
    from modelward.site.approving.readiness import check_now, recorded, require_ready

    study = approvals_of(folder).proposal(named).study
    if recorded(folder, study.sha256) is None and (folder / "dataset.toml").exists():
        check_now(folder, study, datetime.now(UTC))
    require_ready(folder, study)


def _require_recipe(folder: Path, agreement: "Agreement") -> None:
    """Refuse a recipe that the policy does not allow, before its code is imported."""
    from modelward.gate.policy_file import read_policy
    from modelward.recipes.brought import require

    require(agreement.study.recipe.name, read_policy(folder / "policy.toml").recipes)


def _decide(word: "Word", folder: Path, study: str, name: str, lock: tuple[Path, str]) -> None:
    from modelward.engines.jetstream.at_site.site_state import policy_changed
    from modelward.site.approving.approvals import settle_now
    from modelward.site.approving.person_key import unlock

    approvals, now = approvals_of(folder), datetime.now(UTC)
    if word == "approved":
        _require_recipe(folder, approvals.proposal(study))
    made = approvals.decide(word, study, name, unlock(*lock), now)
    typer.echo(f"{made.person} has {made.word} {made.study[:12]}… for {made.site}")
    typer.echo(f"with the roster {made.roster[:16]}…; compare it with the other sites")
    if settle_now(folder, approvals, made.site, now):
        typer.echo("recorded in the ledger; the hub is told when the node runs")
    elif policy_changed(folder, now):
        typer.echo(POLICY_CHANGED)
    else:
        typer.echo("the running node records it and tells the hub")
