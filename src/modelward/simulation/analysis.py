"""A study of sums over simulated hospitals, from one data file to tables and plots.

    check the data -> deal rows to sites -> rounds of sums (hub and sites as in a real
    federation) -> report

Sums over sites are exact, so there is no pooled or local fit to compare with. notebook.py has
it in one call.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from modelward.core.study import Study
from modelward.engines.jetstream.loopback import WireFigures
from modelward.evaluate.facts.ledgers import ledger_facts
from modelward.evaluate.sums.analysed import Analysed
from modelward.hub.analysed import found
from modelward.hub.registry import Registry
from modelward.hub.run import Outcome
from modelward.readers.cohort import Cohort
from modelward.report.analysis import write
from modelward.simulation import data_check
from modelward.simulation.folder import RunFolder
from modelward.simulation.simulate import Simulation, cohorts_of, prepare, stored_study
from modelward.simulation.stage import Stage
from modelward.simulation.training import How, Trained, train

Watch = Callable[[Stage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysedRun:
    """A finished study of sums.

    Attributes:
        study: The study.
        outcome: What the hub ended with.
        found: Every figure of the report.
        folder: Where everything lies.
        report: The HTML file.
        wire: What the wire carried, if there was one.
    """

    study: Study
    outcome: Outcome
    found: Analysed
    folder: Path
    report: Path
    wire: WireFigures | None = None


def run(request: Simulation, watch: Watch = lambda _: None) -> AnalysedRun:
    """Run `request`, whose study is one of sums, to its end; for errors see simulate.py."""
    folder = prepare(request)
    how = How(workers=request.workers, wire=request.wire, watch=watch)
    return _finish(folder, request.study, how)


def go_on(path: Path, workers: int | None = None, watch: Watch = lambda _: None) -> AnalysedRun:
    """Go on with the run in the folder at `path`, or write its report again.

    Raises:
        RunMismatch: If there is no run in the folder.
    """
    folder = RunFolder(path)
    return _finish(folder, stored_study(folder), How(workers=workers, watch=watch))


def _finish(folder: RunFolder, study: Study, how: How) -> AnalysedRun:
    names = folder.site_names()
    cohorts = cohorts_of(folder, names, study)
    return report_on(folder, study, train(folder, {study.id: study}, names, how), cohorts)


def report_on(
    folder: RunFolder, study: Study, trained: Trained, cohorts: Mapping[str, Cohort]
) -> AnalysedRun:
    """Write the report of a study whose rounds are done."""
    notes = list(data_check.kept(folder))
    notes += [f"{site}: {note}" for site, cohort in cohorts.items() for note in cohort.notes]
    with closing(Registry(folder.hub)) as registry:
        told = found(
            registry,
            study,
            ledgers=lambda site: ledger_facts(folder.sites / site / "ledger"),
            simulated=True,
            notes=notes,
        )
    return AnalysedRun(
        study=study,
        outcome=trained.outcomes[study.id],
        found=told,
        folder=folder.path,
        report=write(told, folder.report).html,
        wire=trained.wire,
    )
