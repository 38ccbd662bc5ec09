"""`modelward hub`: the coordinator's side of joining and running."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelward.cli import alarms
from modelward.core.clock import now

if TYPE_CHECKING:
    from modelward.joining.hub_folder import HubFolder

app = typer.Typer(no_args_is_help=True, help="Run a hub: admit sites, serve studies.")

Folder = Annotated[Path, typer.Argument(help="Folder of the hub.", metavar="HUB")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]


@app.command()
def init(
    folder: Folder,
    url: Annotated[
        str, typer.Option(help="Address that sites dial, such as tls://hub.example.org:4222.")
    ],
    listen: Annotated[
        str | None,
        typer.Option(help="Address to listen on; 127.0.0.1 and the port of --url if absent."),
    ] = None,
    websocket: Annotated[
        str | None,
        typer.Option(help="Address to listen on for WebSocket as well, such as 0.0.0.0:443."),
    ] = None,
    *,
    external: Annotated[
        bool,
        typer.Option("--external", help="Somebody else runs the server; see server-config."),
    ] = False,
) -> None:
    """Make a hub: its authority, keys and folders."""
    from urllib.parse import urlsplit

    from modelward.joining.hub_folder import HubFolder

    where = listen or f"127.0.0.1:{urlsplit(url).port or 4222}"
    hub = HubFolder.create(
        folder, url=url, listen=where, now=now(), websocket=websocket, external=external
    )
    typer.echo(f"hub at {hub.url}, listening on {hub.listen}")
    typer.echo(f"fingerprint  {hub.spoken}")
    typer.echo(f"next         modelward hub admit {folder} REQUEST, for each site")


@app.command()
def admit(
    folder: Folder,
    request: Annotated[Path, typer.Argument(help="The site's request.json.")],
    out: Annotated[
        Path | None, typer.Option(help="Membership file; SITE-membership.json if absent.")
    ] = None,
) -> None:
    """Admit a site: sign its certificate and write its membership file."""
    from modelward import durable
    from modelward.engines.jetstream import folders
    from modelward.engines.jetstream.server.configuration import Limits
    from modelward.joining.files import Request
    from modelward.joining.hub_folder import HubFolder

    hub = HubFolder.open(folder)
    asked = Request.read(read(request), file=request.name)
    given = hub.admit(asked, now())
    target = out or Path(f"{asked.site}-membership.json")
    durable.write_whole(target, given.to_bytes())
    folders.apply(hub, Limits())
    typer.echo(f"admitted {asked.site}{_when(hub)}")
    typer.echo(f"compare by voice, before you send the file:   {asked.spoken}  ({asked.site})")
    typer.echo(f"the site compares the hub's fingerprint:      {hub.spoken}  (hub)")
    typer.echo(f"send it      {target}")


@app.command()
def renew(
    folder: Folder,
    site: Annotated[str, typer.Argument(help="Name of the site.")],
    out: Annotated[
        Path | None, typer.Option(help="Membership file; SITE-membership.json if absent.")
    ] = None,
) -> None:
    """Renew a site that was away for longer than its certificate, for the keys it has."""
    from modelward import durable
    from modelward.joining.hub_folder import HubFolder

    hub = HubFolder.open(folder)
    given = hub.readmit(site, now())
    target = out or Path(f"{site}-membership.json")
    durable.write_whole(target, given.to_bytes())
    member = hub.member(site)
    typer.echo(f"renewed {site}, for the keys with the fingerprint it has always had:")
    typer.echo(f"             {member.spoken if member else ''}  ({site})")
    typer.echo(f"             {hub.spoken}  (hub)")
    typer.echo(f"send it      {target}; there: modelward site join SITE {target.name}")


@app.command()
def restored(folder: Folder) -> None:
    """Say that this folder came from a backup that is older than what sites have seen."""
    from modelward.engines.jetstream.messages import count_from
    from modelward.joining.hub_folder import HubFolder

    number = count_from.restored(HubFolder.open(folder).path / "letters", now())
    typer.echo(f"messages of this hub count on from {number:,}")
    typer.echo(f"next    modelward hub up {folder}")


@app.command()
def server_config(
    folder: Folder,
    out: Annotated[Path, typer.Argument(help="Folder to write the files into.")],
    at: Annotated[
        Path, typer.Option(help="Where the server's machine will have them; absolute.")
    ] = Path("/etc/modelward-server"),
) -> None:
    """Write what an external nats-server needs: configuration, certificates, its key."""
    from modelward.engines.jetstream import folders
    from modelward.engines.jetstream.server.configuration import Limits
    from modelward.joining.hub_folder import HubFolder

    hub = HubFolder.open(folder)
    hub.renew_own(now())
    for path in folders.export(hub, out, at, Limits()):
        typer.echo(path)
    typer.echo(f"copy them to {at}, start: nats-server -c {at / 'nats.conf'}")
    typer.echo("again after every admit and remove, and every two weeks for the certificate;")
    signal = "quit" if hub.websocket else "reload"
    typer.echo(f"then: nats-server --signal {signal}={at / 'nats.pid'}")


@app.command()
def remove(
    folder: Folder, site: Annotated[str, typer.Argument(help="Name of the site.")]
) -> None:
    """Remove a site, at once: its open connections are closed, and new ones refused."""
    from modelward.engines.jetstream import folders
    from modelward.engines.jetstream.server.configuration import Limits
    from modelward.joining.hub_folder import HubFolder

    hub = HubFolder.open(folder)
    hub.remove(site)
    in_force = folders.apply(hub, Limits())
    typer.echo(f"removed {site}" + (", shut out now" if in_force else _when(hub)))


@app.command()
def up(
    folder: Folder,
    *,
    until_done: Annotated[
        bool, typer.Option("--until-done", help="End when every proposed study is finished.")
    ] = False,
) -> None:
    """Start the server, propose and run studies until SIGTERM; logs are JSON on stderr."""
    import signal

    from modelward.engines.jetstream.at_hub.hub_node import HubNode
    from modelward.engines.jetstream.journal import to_stream
    from modelward.joining.hub_folder import HubFolder

    node = HubNode(HubFolder.open(folder), to_stream(now))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: node.stop())
    node.serve(now, until_done=until_done)


@app.command()
def status(
    folder: Folder,
    *,
    require_up: Annotated[
        bool, typer.Option("--require-up", help="Exit code 1 unless the hub serves.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say who is a member, who is there, which studies are served, and why one rests."""
    from modelward.engines.jetstream.at_hub.hub_state import hub_state
    from modelward.joining.hub_folder import HubFolder

    state = hub_state(HubFolder.open(folder), now())
    _tell(state, folder, as_json=as_json)
    if require_up and not state["up"]:
        raise typer.Exit(1)


def _tell(state: Mapping[str, Any], folder: Path, *, as_json: bool) -> None:
    """Print how a hub is."""
    from modelward.engines.jetstream.lines.presence import RESTORED, WRONG, WRONG_S

    if as_json:
        typer.echo(json.dumps(state))
        return
    typer.echo(f"hub {state['url']}  {'up' if state['up'] else 'DOWN'}")
    for member in state["members"]:
        typer.echo(
            f"  {member['site']:<20}{'there' if member['present'] else 'silent':<8}"
            f"certificate until {member['certificate_until']}"
            + (f", protocol {member['protocol']}" if member["protocol"] else "")
        )
        if abs(member["clock_skew_s"] or 0.0) > WRONG_S:
            typer.echo(
                f"    its clock is {member['clock_skew_s']:+.1f} s from this one: {WRONG}"
            )
        if member["replays"]:
            typer.echo("    its messages are refused as replays; there: modelward site status")
    for site in state["refused_by"]:
        typer.echo(f"  {site} {RESTORED.format(node='hub', folder=folder)}")
    for study in state["studies"]:
        decided = ", ".join(f"{site} {word}" for site, word in study["decisions"].items())
        typer.echo(
            f"  study {study['id']} version {study['version']} ({study['study'][:12]}…): "
            f"round {study['rounds']}, {study['state']}"
        )
        if study["why"] is not None:
            typer.echo(f"    {study['why']}")
        typer.echo(f"    {decided}")
    alarms.warn(state["alarms"], "hub", folder)


alarms.add_to(app, "hub")


def _when(hub: "HubFolder") -> str:
    """Return when a change of membership takes effect, if not now."""
    from modelward.engines.jetstream.server.supervised import running

    if hub.external:
        return "; in force when the server has reloaded: modelward hub server-config"
    return "" if running(hub.path / "nats") else "; in force when the hub is up"


def read(path: Path) -> bytes:
    """Return the bytes of a joining file.

    Raises:
        NotAdmitted: If it cannot be read.
    """
    from modelward.errors import NotAdmitted

    try:
        return path.read_bytes()
    except OSError as error:
        raise NotAdmitted(
            f"{path} cannot be read: {error.strerror}",
            why="joining takes the file that the other side sent",
            remedy="check the path",
        ) from error
