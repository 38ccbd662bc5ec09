"""A whole federation on one machine, from one data file to the report.

    check the data -> deal rows to sites -> train (hub and sites as in a real federation)
    -> variants -> pooled and local comparisons -> findings -> report

Only the comparisons need all rows in one place; training does not use that they are. Every
step is stored when it is finished, so the same call goes on where a killed one stopped.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from os import sched_getaffinity
from pathlib import Path

from pydantic import TypeAdapter

from modelward.core.canonical import Json
from modelward.core.study import Study
from modelward.engines.inprocess import InProcess
from modelward.errors import DataError, RunMismatch
from modelward.evaluate.findings import Findings
from modelward.hub.registry import AnswerRow, Registry
from modelward.hub.run import Hub, Outcome, Progress
from modelward.readers.arrays import read_arrays
from modelward.readers.cohort import Cohort
from modelward.readers.dataset import Dataset, Source
from modelward.readers.open import open_cohort
from modelward.readers.table import read_table
from modelward.report.page import write
from modelward.simulation.background import Background
from modelward.simulation.comparisons import compare
from modelward.simulation.dealing import Dealing, Special, deal
from modelward.simulation.findings import assemble
from modelward.simulation.folder import RunFolder, hash_of
from modelward.simulation.split import write_sites
from modelward.simulation.stage import Stage
from modelward.site.keys import signing_key
from modelward.study.read import from_json

Watch = Callable[[Stage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What to simulate.

    Attributes:
        study: The study.
        data: CSV, Parquet or .npz with all units.
        dealing: How rows become sites.
        special: Columns that are not features.
        out: Folder of the run.
        workers: Processes; one per core if None. Changes no bit of the result.
        variants: Other ways to train the same question, for comparison.
        background: What the report says beside the figures.
    """

    study: Study
    data: Path
    dealing: Dealing
    special: Special = field(default_factory=Special)
    out: Path
    workers: int | None = None
    variants: Mapping[str, Study] = field(default_factory=dict)
    background: Background = field(default_factory=Background)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished simulation.

    Attributes:
        study: The study.
        outcome: What the hub ended with.
        findings: Every figure of the report.
        folder: Where everything lies.
        report: The HTML file.
    """

    study: Study
    outcome: Outcome
    findings: Findings
    folder: Path
    report: Path


def simulate(request: Simulation, watch: Watch = lambda _: None) -> Result:
    """Run `request` to its end, going on where an earlier call stopped.

    Raises:
        DataError: If the data do not fit the study, or no outcome can be learnt.
        RunMismatch: If the folder holds another run.
        StorageError: If something cannot be written; nothing is half-written.
    """
    folder = RunFolder(request.out)
    identity = _identity(request)
    if folder.claim(identity):
        check_data(request)
        rows = deal(request.data, request.study, request.dealing, request.special)
        write_sites(request.data, rows, folder.sites, request.special)
        check_sites(request.study, _cohorts(folder, rows, request.study))
        folder.seal(identity, rows)
    return _finish(
        folder, request.study, request.variants, request.background, request.workers, watch
    )


def resume(path: Path, workers: int | None = None, watch: Watch = lambda _: None) -> Result:
    """Go on with the run in the folder at `path`.

    Raises:
        RunMismatch: If there is no run in the folder.
    """
    folder = RunFolder(path)
    terms = folder.stored()
    study = stored_study(folder)
    variants = {
        name: from_json(json.dumps(variant).encode())
        for name, variant in terms["variants"].items()
    }
    background = TypeAdapter(Background).validate_python(terms["background"])
    return _finish(folder, study, variants, background, workers, watch)


def stored_study(folder: RunFolder) -> Study:
    """Return the study of the run in `folder`.

    Raises:
        RunMismatch: If there is no run in the folder.
    """
    return from_json(json.dumps(folder.stored()["terms"]).encode())


def rewrite_report(path: Path, out: Path | None) -> list[Path]:
    """Write the report of the finished run at `path` again, into `out` if it is given.

    Raises:
        RunMismatch: If the run is not finished.
    """
    folder = RunFolder(path)
    stored = folder.report / "report.json"
    if not stored.exists():
        raise RunMismatch(
            f"{path} holds no finished run",
            why="a report is written from the findings of a finished run",
            remedy=f"finish it first: modelward study run {path}",
        )
    findings = Findings.from_json(stored.read_bytes())
    written = write(findings, out or folder.report)
    return [written.html, written.json, written.text]


def check_data(request: Simulation) -> None:
    """Raise DataError, with every fault and original line numbers, unless the data fit."""
    study, special = request.study, request.special
    if study.image is not None:
        whole = read_arrays(request.data, study)
    else:
        source = Source(
            kind="table",
            path=str(request.data),
            patient=special.patient,
            split=special.split,
            missing=special.missing,
        )
        whole = read_table(request.data, Dataset(dataset=source), study)
    _, labels = whole.fold("train")
    if len(set(labels.tolist())) < 2:  # noqa: PLR2004 - an outcome has two classes
        raise DataError(
            f"all {len(labels)} training labels of {study.target_name!r} are equal",
            why="there is nothing to tell apart",
            remedy="check the target's definition and the data it is read from",
        )
    if not whole.count("test"):
        raise DataError(
            "there are no test units",
            why="a report on training data would mislead",
            remedy="hold some back: [plan] test = 0.2, or a split column",
        )


def check_sites(study: Study, cohorts: Mapping[str, Cohort]) -> None:
    """Raise DataError unless enough sites have enough training units."""
    floor = study.study.min_patients
    small = {site: c.count("train") for site, c in cohorts.items() if c.count("train") < floor}
    if len(cohorts) - len(small) >= study.sites.minimum:
        return
    listed = ", ".join(f"{site} has {count}" for site, count in small.items())
    raise DataError(
        f"{len(cohorts) - len(small)} of {len(cohorts)} sites have {floor} training units; "
        f"below: {listed or 'none'}",
        why=f"the study needs {study.sites.minimum} sites with that many each",
        remedy="deal the rows to fewer sites, or lower min_patients in the study",
    )


def _finish(
    folder: RunFolder,
    study: Study,
    variants: Mapping[str, Study],
    background: Background,
    workers: int | None,
    watch: Watch,
) -> Result:
    """Train, compare and report over sites that are in place."""
    count = workers or len(sched_getaffinity(0))
    names = folder.site_names()
    cohorts = _cohorts(folder, names, study)
    outcomes, answers = _train(folder, {study.id: study, **variants}, names, count, watch)
    models = compare(folder, study, cohorts, count, watch)
    findings = assemble(folder, outcomes, models, cohorts, answers, background)
    page = write(findings, folder.report).html
    return Result(
        study=study,
        outcome=outcomes[study.id],
        findings=findings,
        folder=folder.path,
        report=page,
    )


def _cohorts(folder: RunFolder, names: Iterable[str], study: Study) -> dict[str, Cohort]:
    """Return every site's units."""
    return {site: open_cohort(folder.sites / site / "dataset.toml", study) for site in names}


def _train(
    folder: RunFolder,
    studies: Mapping[str, Study],
    names: list[str],
    workers: int,
    watch: Watch,
) -> tuple[dict[str, Outcome], list[AnswerRow]]:
    """Return the outcome of every study over the same sites, and the first one's answers."""
    sites = {name: folder.sites / name for name in names}
    keys = {name: signing_key(path / "site.key").public_key() for name, path in sites.items()}
    registry = Registry(folder.hub)
    try:
        with InProcess(
            list(studies.values()), sites, registry.store.folder, workers=workers
        ) as engine:
            outcomes = {}
            for name, study in studies.items():
                shown = partial(_show, watch, name, study)
                outcomes[name] = Hub(engine, registry, keys, watch=shown).run(study)
        return outcomes, registry.answers(next(iter(studies.values())))
    finally:
        registry.close()


def _show(watch: Watch, name: str, study: Study, progress: Progress) -> None:
    """Pass the hub's progress on, in the simulation's words."""
    finished = progress.finished
    metric = study.stop.metric
    value = finished.metrics.get(metric) if finished and metric else None
    watch(
        Stage(
            name=name,
            done=progress.round_no if finished else max(0, progress.round_no - 1),
            total=study.plan.rounds,
            answered=progress.answered,
            asked=progress.asked,
            metric=None if metric is None or value is None else (metric, value),
        )
    )


def _identity(request: Simulation) -> dict[str, Json]:
    """Return what must stay the same for a run to go on."""
    return {
        "study": request.study.sha256,
        "terms": request.study.model_dump(mode="json"),
        "variants": {
            name: study.model_dump(mode="json") for name, study in request.variants.items()
        },
        "data": hash_of(request.data),
        "dealing": request.dealing.to_json(),
        "columns": {
            "patient": request.special.patient,
            "split": request.special.split,
            "missing": list(request.special.missing),
        },
        "background": json.loads(json.dumps(asdict(request.background))),
    }
