"""A finished study of sums as one JSON object, or as its report in plain text."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from modelward.simulation.analysis import AnalysedRun


def of_sums(folder: Path) -> bool:
    """Return whether the run in `folder` is of a study of sums.

    Raises:
        RunMismatch: If there is no run in the folder.
    """
    from modelward.simulation.folder import RunFolder
    from modelward.simulation.simulate import stored_study

    return stored_study(RunFolder(folder)).plan.strategy == "sums"


def show(result: "AnalysedRun", *, as_json: bool) -> None:
    """Print what was found."""
    from modelward.report.analysis import tell
    from modelward.report.text import as_text

    if as_json:
        ledgers = [site.ledger for site in result.found.sites if site.ledger is not None]
        typer.echo(
            json.dumps(
                {
                    **result.found.to_object(),
                    "ledger": {
                        "path": str(result.folder / "sites"),
                        "entries": sum(ledger.entries for ledger in ledgers),
                        "verified": all(ledger.verified for ledger in ledgers),
                    },
                    "report": str(result.report),
                }
            )
        )
        return
    typer.echo(as_text(tell(result.found)))
    typer.echo(f"report   {result.report}")


def rewrite(folder: Path, out: Path | None) -> list[Path]:
    """Write the report of the run in `folder` again; return its files."""
    from modelward.report.analysis import write
    from modelward.simulation.analysis import go_on

    written = write(go_on(folder).found, out or folder / "report")
    return [written.html, written.json, written.text]
