"""Several runs as one page: figures, differences on the same test units, and what each cost."""

import json
from pathlib import Path

from modelward.durable import make_folder, write_whole
from modelward.evaluate.side_by_side import Run, SideBySide, kept
from modelward.report.blocks import Block, Cell, Figure, Section, Story, Table, Words, cells
from modelward.report.numbers import (
    MISSING,
    counted,
    decimal,
    duration,
    nbytes,
    p_value,
    signed,
    spelled,
)
from modelward.report.page import Written, as_page
from modelward.report.pictures import plots
from modelward.report.sections.score_cells import bracket, estimate
from modelward.report.text import as_text


def write(found: SideBySide, folder: Path) -> Written:
    """Write `comparison.html`, `.json` and `.txt` into `folder`, each whole or not.

    Raises:
        StorageError: If the folder or a file cannot be written.
    """
    written = Written(*(folder / f"comparison.{end}" for end in ("html", "json", "txt")))
    story = tell(found)
    make_folder(folder)
    plain = json.dumps(found.to_object(), indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(written.html, as_page(story, written.json.name).encode())
    write_whole(written.json, f"{plain}\n".encode())
    write_whole(written.text, as_text(story).encode())
    return written


def tell(found: SideBySide) -> Story:
    """Return the comparison as a page and a text have it."""
    first, *_ = found.runs
    return Story(
        kicker="Modelward comparison of runs",
        title=f"{spelled(len(found.runs)).capitalize()} runs side by side",
        standfirst=f"Held against {first.name}.",
        sections=(
            Section("What each reached", (_reached(found),)),
            Section("Which is better", better(found)),
            Section("What each did and moved", (_moved(found),)),
            Section("Limits", (Words(_LIMITS),)),
        ),
    )


_LIMITS = (
    "Whoever picks the best of several runs by their test units reports a figure that is partly"
    " luck: choose on validation units, and report that one. Runs with other test units can be"
    " read beside each other and not compared."
)


def better(found: SideBySide) -> tuple[Block, ...]:
    """Return each run minus the first, on the same test units."""
    first, *_ = found.runs
    known = [one for one in found.against if one.auc is not None]
    table = Table(
        caption=f"On the same test units, minus {first.name}",
        head=(
            "Run",
            "In",
            "Difference",
            "DeLong",
            "Bootstrap",
            "Adjusted p",
            "Kept",
        ),
        words=2,
        rows=tuple(
            (
                Cell(one.name, one.note),
                Cell(figure),
                Cell(MISSING if made is None else signed(made.difference.value)),
                bracket(made.difference if made is not None and figure == "AUC" else None),
                bracket(again),
                Cell(MISSING if adjusted is None else p_value(adjusted)),
                Cell("yes" if kept(adjusted) else "no"),
            )
            for one in found.against
            for figure, made, again, adjusted in one.figures
        ),
        notes=(
            "Paired 95% intervals: DeLong's, and a stratified bootstrap's. Of the Brier score"
            " less is better. p values are DeLong's for AUC, the bootstrap's for the Brier"
            f" score, adjusted over all {2 * len(known)} comparisons here (Holm), and kept"
            " below 0.05.",
        ),
    )
    rows = [
        plots.ForestRow(
            one.name,
            "",
            one.auc.difference.value,
            one.auc.difference.interval.low if one.auc.difference.interval else None,
            one.auc.difference.interval.high if one.auc.difference.interval else None,
        )
        for one in known
        if one.auc is not None and one.auc.difference.value is not None
    ]
    if not rows:
        return (table,)
    drawn = plots.forest(rows, f"AUC minus {first.name}: right is better")
    return (Figure((drawn,), "Difference in AUC with 95% interval (DeLong).", table),)


def _reached(found: SideBySide) -> Table:
    return Table(
        caption="The federated model on the test units of all hospitals",
        head=("Run", "AUC", "Accuracy", "Brier", "Lowest AUC of a hospital", "Verdicts"),
        rows=tuple(
            (
                Cell(run.name, run.study),
                estimate(run.auc),
                estimate(run.accuracy),
                estimate(run.brier),
                Cell(decimal(run.lowest[0]), run.lowest[1]),
                Cell("; ".join(f"{word}: {n}" for word, n in run.words.items())),
            )
            for run in found.runs
        ),
        notes=("95% intervals in brackets: DeLong; Wilson; stratified bootstrap.",),
    )


def _moved(found: SideBySide) -> Table:
    return Table(
        caption="How each was trained",
        head=(
            "Run",
            "How",
            "Privacy",
            "Hospitals",
            "Rounds",
            "Time",
            "Sent",
            "Model (SHA-256)",
        ),
        rows=tuple(_how(run) for run in found.runs),
        words=3,
    )


def _how(run: Run) -> tuple[Cell, ...]:
    return cells(
        run.name,
        run.strategy,
        run.privacy,
        counted(run.sites, "hospital").split()[0],
        f"{run.rounds:,}",
        duration(run.seconds),
        nbytes(run.sent),
        f"{run.model_sha256[:12]}…",
    )
