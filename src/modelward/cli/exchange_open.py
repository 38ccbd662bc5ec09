"""Opening an institution for a command, and printing what a verb returned."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelward.core.clock import now

if TYPE_CHECKING:
    from modelward.core.ports import Carrier
    from modelward.exchange.institution.folder import Institution

Folder = Annotated[Path, typer.Argument(help="Folder of the site.", metavar="SITE")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
By = Annotated[str, typer.Option(help="Your name: who decides this.")]
Reason = Annotated[str, typer.Option(help="Why, in one line; it is recorded.")]
Epsilon = Annotated[
    float | None,
    typer.Option(
        help="What it may tell about a patient, booked in the budget; no bound if absent."
    ),
]
CardArg = Annotated[str, typer.Argument(help="An artifact: the start of its card's hash.")]

CARRIER = "carrier.json"
"""In the exchange folder: which wire the institution uses."""


@contextmanager
def opened(site: Path) -> "Iterator[Institution]":
    """Open the institution in a site folder, over the carrier that it was set up with."""
    from modelward.exchange.institution.folder import Institution

    with Institution.open(site, carrier_of(site), clock=now) as here:
        yield here


def carrier_of(site: Path) -> "Carrier":
    """Return the wire that `exchange init` wrote down."""
    from modelward.core.canonical import parse_strict
    from modelward.engines.shared_folder import SharedFolder
    from modelward.errors import NotAdmitted
    from modelward.exchange.documents import members

    try:
        raw = (site / "exchange" / CARRIER).read_bytes()
        own = members.read((site / "exchange" / "introduction.json").read_bytes())
    except OSError as error:
        raise NotAdmitted(
            f"{site} is not in a network",
            why="a network needs keys, a question and a carrier",
            remedy="modelward exchange init SITE --name NAME --question FILE --carrier FOLDER",
        ) from error
    where = parse_strict(raw, what="carrier")
    if "folder" in where:
        return SharedFolder(Path(where["folder"]), own.name)
    if "leaf" in where:
        from modelward.cli.exchange_leaf import carrier

        return carrier(site, where["leaf"])
    from modelward.engines.jetstream import folders
    from modelward.engines.jetstream.boxes import Boxes
    from modelward.joining.site_folder import SiteFolder

    return Boxes(folders.site_identity(SiteFolder(site)))


def as_json(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return a value as JSON holds it: dataclasses are tables, arrays lists, NaN null."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    elif is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    elif hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {_key(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(each) for each in value]
    return None if isinstance(value, float) and isnan(value) else value


def _key(key: object) -> str:
    return ": ".join(key) if isinstance(key, tuple) else str(key)


def say(text: object, *, err: bool = False) -> None:
    """Print lines; what would move a cursor or hide a letter is spelled out.

    Much of what the network's commands say was written by others.
    """
    from modelward.ledger.kinds import printable

    typer.echo("\n".join(map(printable, str(text).split("\n"))), err=err)


def printed(value: object) -> None:
    """Print a value as one line of JSON."""
    typer.echo(json.dumps(as_json(value), default=str))
