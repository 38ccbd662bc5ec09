"""`modelward study shares`: who is due what, by the rule that the study signed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from modelward.core.study import Study
    from modelward.hub.registry import Registry
    from modelward.study.model import Model


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(shares)


def shares(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a finished run, or a hub.", metavar="RUN")
    ],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("shares.json"),
    check: Annotated[
        Path | None, typer.Option(help="Compute it again and hold this statement against it.")
    ] = None,
    study: Annotated[
        str, typer.Option(help="Of a hub: the study's name, or the start of its hash.")
    ] = "",
    handed: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="Of a hub: SITE=FOLDER with the outbox and ledger that the site handed over.",
        ),
    ] = None,
) -> None:
    """Write the signed statement of each site's share, or check one."""
    from modelward import durable
    from modelward.hub import shares_signed
    from modelward.hub.shares import statement

    with _inputs(folder, study, handed or []) as given:
        said = statement(given.registry, given.study, given.stores, given.judge)
        held = shares_signed.hold_to_ledgers(given.registry, given.study, given.ledgers)
    ledgers = f"{held} combined answers are in the ledgers of {len(given.ledgers)} sites"
    if check is not None:
        key = shares_signed.check(check.read_bytes(), said)
        typer.echo(f"{check} is what the registry and the updates give; signed by {key}")
        typer.echo(ledgers)
        return
    durable.write_whole(out, shares_signed.signed(said, given.key))
    for line in table(said):
        typer.echo(line)
    typer.echo(ledgers)
    typer.echo(f"signed: {out}")


@dataclass(frozen=True)
class _Given:
    """What a statement is made from, wherever it lies."""

    registry: "Registry"
    study: "Study"
    stores: Mapping[str, Path]
    ledgers: Mapping[str, Path]
    key: "Ed25519PrivateKey"
    judge: "Callable[[Model], float] | None" = None


@contextmanager
def _inputs(folder: Path, named: str, handed: list[str]) -> Iterator[_Given]:
    """Open a run or a hub; a hub measures nothing, as it has no units."""
    from modelward.hub.registry import Registry

    if (folder / "hub.toml").exists():
        from modelward.cli.propose import named_study
        from modelward.hub.consent import Consent
        from modelward.joining.hub_folder import HubFolder

        sites = _folders(handed)
        with closing(Registry(folder)) as registry:
            consent = Consent(registry)
            study = consent.agreement(named_study(consent, named)).study
            key = HubFolder.open(folder).key
            yield _Given(registry, study, _below(sites, "outbox"), _below(sites, "ledger"), key)
        return
    from modelward.simulation.folder import RunFolder
    from modelward.simulation.simulate import stored_study
    from modelward.simulation.worth import validated
    from modelward.site.approving.keys import signing_key

    run = RunFolder(folder)
    study, key = stored_study(run), signing_key(run.hub / "hub.key")
    sites = {site: run.sites / site for site in run.site_names()}
    with closing(Registry(run.hub)) as registry:
        yield _Given(
            registry,
            study,
            _below(sites, "outbox"),
            _below(sites, "ledger"),
            key,
            validated(run, study),
        )


def _below(sites: Mapping[str, Path], name: str) -> dict[str, Path]:
    """Return the folders of one name that there are."""
    return {site: path / name for site, path in sites.items() if (path / name).is_dir()}


def _folders(handed: list[str]) -> dict[str, Path]:
    """Return site -> folder.

    Raises:
        DataError: If one is not SITE=FOLDER.
    """
    from modelward.errors import DataError

    found = {}
    for each in handed:
        site, equals, path = each.partition("=")
        if not equals or not Path(path).is_dir():
            raise DataError(
                f"--from {each!r} names no folder of a site",
                why="outbox and ledger are read from what each site handed over",
                remedy="write --from north=handed/north, once for every site",
            )
        found[site] = Path(path)
    return found


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
            if found["repeats"]:
                line += f"  sent what the hub had told in {found['repeats']} rounds"
        lines.append(line)
    return lines
