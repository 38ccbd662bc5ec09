"""`modelward exchange leaf`: run a hospital's own leaf server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelward.cli.exchange_open import Folder, say
from modelward.core.clock import now

if TYPE_CHECKING:
    from modelward.core.ports import Carrier
    from modelward.engines.jetstream.leaf import Leaf

PORT = 4322
PLACE = "leaf"
"""Folder of the leaf in the site's folder; the hub's file names it."""


def leaf(
    folder: Folder,
    above: Annotated[str, typer.Option(help="HOST:PORT where the hub listens for leafs.")],
    port: Annotated[int, typer.Option(help="Port on this machine.")] = PORT,
) -> None:
    """Run the leaf server until Ctrl-C; offers are published there while the link is down."""
    from modelward.engines.jetstream.leaf import RunningLeaf, prepare
    from modelward.engines.jetstream.server.supervised import running
    from modelward.errors import EngineFailed

    host, _, behind = above.rpartition(":")
    if not host or not behind.isdigit():
        raise typer.BadParameter(f"{above!r} is not HOST:PORT", param_hint="--above")
    made = leaf_of(folder, above, port)
    if there := running(made.folder):
        raise EngineFailed(
            f"the leaf of {made.site} runs already, as process {there}",
            why="two servers would write over each other's streams",
            remedy=f"use that one, or end it first: Ctrl-C, or kill {there}",
        )
    prepare(made, now())
    with RunningLeaf(made):
        say(f"leaf of {made.site} on {made.inner.url}, for the hub at {above}")
        say("Ctrl-C ends it; what was published stays on disk")
        _until_told()


def _until_told() -> None:
    """Wait for SIGTERM, as service managers send it; Ctrl-C raises by itself."""
    import signal
    from threading import Event

    over = Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    over.wait()


def leaf_of(site: Path, above: str, port: int) -> "Leaf":
    """Return the leaf server of a site that has joined a hub."""
    from dataclasses import replace

    from modelward.engines.jetstream import folders
    from modelward.engines.jetstream.leaf import Leaf
    from modelward.joining.site_folder import SiteFolder

    identity = folders.site_identity(SiteFolder(site.resolve()))
    return Leaf(
        folder=site.resolve() / PLACE,
        site=identity.name,
        port=port,
        above=replace(identity, url=f"tls://{above}"),
    )


def carrier(site: Path, port: int) -> "Carrier":
    """Return the wire of an institution that posts to its own leaf."""
    from modelward.engines.jetstream import folders
    from modelward.engines.jetstream.boxes import Boxes
    from modelward.engines.jetstream.leaf import LeafBoxes
    from modelward.joining.site_folder import SiteFolder

    identity = folders.site_identity(SiteFolder(site))
    own = Boxes(leaf_of(site, "", port).inner)
    return LeafBoxes(own, lambda: Boxes(identity), identity.name)
