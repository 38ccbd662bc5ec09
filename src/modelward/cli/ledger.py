"""`modelward ledger`: check what left a site."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Check what left a site.")


@app.callback()
def root() -> None:
    """Check what left a site."""


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="Folder of the ledger.")],
    key: Annotated[
        str | None, typer.Option(help="The site's public key, or a file with it.")
    ] = None,
) -> None:
    """Check that no entry was changed, removed, added or reordered."""
    from modelward.ledger.verify import verify as verify_ledger

    found = verify_ledger(path, key)
    typer.echo(f"ok: {found.entries} entries of {found.origin}, root {found.root.hex()}")
    if found.key_from_ledger:
        typer.echo(
            "note: the key was taken from the ledger itself, which shows that it is whole, "
            "not whose it is; compare it with the one the site gave you (--key)"
        )
