"""A bar on stderr: round, sites done, metric, time left."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from modelward.simulation.stage import Stage

Watch = Callable[[Stage], None]


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watch]:
    """Yield a function that shows the stages of a simulation as they come."""
    console = Console(stderr=True, quiet=quiet)
    hidden = quiet or not console.is_terminal
    bar = Progress(
        TextColumn("{task.description:<34}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(),
        console=console,
        disable=hidden,
    )
    tasks: dict[str, int] = {}
    latest: dict[str, str] = {}

    def show(stage: Stage) -> None:
        if stage.name not in tasks:
            tasks[stage.name] = int(bar.add_task(stage.name, total=stage.total, said=""))
        if stage.metric is not None and not math.isnan(stage.metric[1]):
            latest[stage.name] = f"{stage.metric[0]} {stage.metric[1]:.3f}"
        elif stage.latest:
            latest[stage.name] = stage.latest
        sites = f"sites {stage.answered}/{stage.asked}" if stage.asked else ""
        said = "  ".join(part for part in (sites, latest.get(stage.name, "")) if part)
        bar.update(
            tasks[stage.name],  # type: ignore[arg-type]
            completed=stage.done,
            total=stage.total,
            said=said,
        )

    with bar:
        yield show
