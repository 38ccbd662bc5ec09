"""A whole federation on one machine, from one data file to the report.

    check the data -> deal rows to sites -> train (hub and sites as in a real federation)
    -> variants -> pooled and local comparisons -> findings -> report

Only the comparisons need all rows in one place; training does not use that they are. Every
step is stored when it is finished, so the same call goes on where a killed one stopped.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path

from pydantic import TypeAdapter

from modelward.core.canonical import Json
from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.engines.jetstream.loopback import WireFigures
from modelward.errors import RunMismatch, StudyFileError
from modelward.evaluate.findings import Findings
from modelward.hub.run import Outcome
from modelward.readers.cohort import Cohort
from modelward.readers.open import open_cohort
from modelward.recipes.networks import backbone
from modelward.report.page import write
from modelward.simulation import data_check
from modelward.simulation.background import Background
from modelward.simulation.comparisons import compare
from modelward.simulation.dealing import Dealing, Special, deal
from modelward.simulation.evaluation import Means
from modelward.simulation.findings import assemble
from modelward.simulation.fitting import check_data, check_dealt, check_sites
from modelward.simulation.folder import RunFolder
from modelward.simulation.left_out import left_out_models
from modelward.simulation.own_sites import hash_of_data, link_sites, own_sites
from modelward.simulation.split import write_sites
from modelward.simulation.stage import Stage
from modelward.simulation.training import How, Wire, train
from modelward.simulation.without_bound import without_bound
from modelward.study.read import from_json

Watch = Callable[[Stage], None]

LEAVE_OUT = "leave_out"
"""Key of run.json under which it is kept that sites are left out one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What to simulate.

    Attributes:
        study: The study.
        data: CSV, Parquet or .npz with all units; or a folder of sites, each with dataset.toml.
        dealing: How rows become sites.
        special: Columns that are not features.
        out: Folder of the run.
        workers: Processes; one per core if None. Changes no bit of the result.
        variants: Other ways to train the same question, for comparison.
        background: What the report says beside the figures.
        wire: How hub and sites talk. Changes no bit of the result.
        leave_out: Whether the study is run again without each site, to judge it there.
    """

    study: Study
    data: Path
    dealing: Dealing
    special: Special = field(default_factory=Special)
    out: Path
    workers: int | None = None
    variants: Mapping[str, Study] = field(default_factory=dict)
    background: Background = field(default_factory=Background)
    wire: Wire = "inprocess"
    leave_out: bool = False

    @property
    def counts_rows(self) -> bool:
        """Whether every row of one table is taken for a patient, since no column names them."""
        table = inputs(self.study).kind == "table" and self.data.is_file()
        return table and self.study.study.unit == "patient" and self.special.patient is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished simulation.

    Attributes:
        study: The study.
        outcome: What the hub ended with.
        findings: Every figure of the report.
        folder: Where everything lies.
        report: The HTML file.
        wire: What the wire carried, if there was one.
    """

    study: Study
    outcome: Outcome
    findings: Findings
    folder: Path
    report: Path
    wire: WireFigures | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """What goes with a study: variants, words for the report, and sites left out."""

    variants: Mapping[str, Study]
    background: Background
    leave_out: bool = False


def simulate(request: Simulation, watch: Watch = lambda _: None) -> Result:
    """Run `request` to its end, going on where an earlier call stopped.

    Studies of sums train nothing and are analysis.py's business.

    Raises:
        DataError: If the data do not fit the study, or no outcome can be learnt.
        RunMismatch: If the folder holds another run.
        StorageError: If something cannot be written; nothing is half-written.
    """
    require_trained(request.study)
    folder = prepare(request)
    how = How(workers=request.workers, wire=request.wire, watch=watch)
    beside = Beside(request.variants, request.background, leave_out=request.leave_out)
    return _finish(folder, request.study, beside, how)


def prepare(request: Simulation) -> RunFolder:
    """Return the folder of the run, with every site's data in place.

    Raises:
        DataError: If the data do not fit the study.
        RunMismatch: If the folder holds another run.
        StorageError: If something cannot be written; nothing is half-written.
    """
    folder = RunFolder(request.out)
    backbone.look_in(request.data.resolve().parent / backbone.FOLDER)
    identity = _identity(request)
    if folder.claim(identity):
        names = _place(request, folder)
        check_sites(request.study, cohorts_of(folder, names, request.study))
        folder.seal({**identity, **({LEAVE_OUT: True} if request.leave_out else {})}, names)
    return folder


def require_trained(study: Study) -> None:
    """Refuse a study that trains no model.

    Raises:
        StudyFileError: If it is a study of sums.
    """
    if study.plan.strategy == "sums":
        raise StudyFileError(
            f"{study.id} is a study of sums: recipe {study.recipe.name!r} trains no model",
            why="its result is tables and curves, not a model with a verdict",
            remedy="in Python, call modelward.analyse with the same arguments",
        )


def _place(request: Simulation, folder: RunFolder) -> list[str]:
    """Put every site's data in place, dealt from one file or linked; return the sites."""
    if request.data.is_dir():
        names = own_sites(request.data)
        link_sites(request.data, names, folder.sites)
        data_check.keep(folder, data_check.of_sites(folder, names, request.study))
        return names
    said = check_data(request.data, request.study, request.special)
    data_check.keep(folder, said)
    rows = deal(request.data, request.study, request.dealing, request.special)
    check_dealt(request.study, rows, request.dealing)
    write_sites(request.data, rows, folder.sites, request.special)
    return list(rows)


def resume(
    path: str | PathLike[str], workers: int | None = None, watch: Watch = lambda _: None
) -> Result:
    """Go on with the run in the folder at `path`.

    Raises:
        RunMismatch: If there is no run in the folder.
    """
    folder = RunFolder(Path(path))
    terms = folder.stored()
    study = stored_study(folder)
    require_trained(study)
    variants = {
        name: from_json(json.dumps(variant).encode())
        for name, variant in terms["variants"].items()
    }
    background = TypeAdapter(Background).validate_python(terms["background"])
    how = How(workers=workers, watch=watch)
    beside = Beside(variants, background, leave_out=bool(terms.get(LEAVE_OUT)))
    return _finish(folder, study, beside, how)


def stored_study(folder: RunFolder) -> Study:
    """Return the study of the run in `folder`.

    Raises:
        RunMismatch: If there is no run in the folder.
    """
    return from_json(json.dumps(folder.stored()["terms"]).encode())


def rewrite_report(path: Path, out: Path | None, *, hide: bool = False) -> list[Path]:
    """Write the report of the finished run at `path` again, into `out` if it is given.

    With `hide` small cells are taken out, as between institutions, and what is written lies
    beside the whole report, which later commands read.

    Raises:
        RunMismatch: If the run is not finished.
    """
    folder = RunFolder(path)
    stored = folder.report / "report.json"
    require_trained(stored_study(folder))
    if not stored.exists():
        raise RunMismatch(
            f"{path} holds no finished run",
            why="a report is written from the findings of a finished run",
            remedy=f"finish it first: modelward study run {path}",
        )
    findings = Findings.from_json(stored.read_bytes())
    beside = folder.path / "report-to-pass-on" if hide else folder.report
    written = write(findings, out or beside, everywhere=hide)
    return [written.html, written.json, written.text]


def _finish(folder: RunFolder, study: Study, beside: Beside, how: How) -> Result:
    """Train, compare and report over sites that are in place."""
    names = folder.site_names()
    cohorts = cohorts_of(folder, names, study)
    trained = train(folder, {study.id: study, **beside.variants}, names, how)
    models = compare(folder, study, cohorts, how)
    means = Means(
        folder=folder,
        how=how,
        answers=trained.answers,
        left_out=left_out_models(folder, study, names, how) if beside.leave_out else {},
        unbounded=without_bound(folder, study, names, how),
    )
    findings = assemble(means, trained.outcomes, models, cohorts, beside.background)
    page = write(findings, folder.report).html
    return Result(
        study=study,
        outcome=trained.outcomes[study.id],
        findings=findings,
        folder=folder.path,
        report=page,
        wire=trained.wire,
    )


def cohorts_of(folder: RunFolder, names: Iterable[str], study: Study) -> dict[str, Cohort]:
    """Return every site's units."""
    return {site: open_cohort(folder.sites / site / "dataset.toml", study) for site in names}


def _identity(request: Simulation) -> dict[str, Json]:
    """Return what must stay the same for a run to go on."""
    return {
        "study": request.study.sha256,
        "terms": request.study.model_dump(mode="json"),
        "variants": {
            name: study.model_dump(mode="json") for name, study in request.variants.items()
        },
        "data": hash_of_data(request.data),
        "dealing": request.dealing.to_json(),
        "columns": {
            "patient": request.special.patient,
            "split": request.special.split,
            "missing": list(request.special.missing),
        },
        "background": json.loads(json.dumps(asdict(request.background))),
    }
