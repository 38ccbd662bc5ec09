"""A site's own report of a study, with exact figures: written where the data are, for them.

    model.safetensors (+ card, + study) -> snapshot -> the model alone -> report.*

Nothing of it is put before the gate, because nothing leaves. It needs the data, so it is run
by somebody who may read them, not by the gatekeeper; the verdict is the one that the site's
trainer came to when the hub asked for the report.
"""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from modelward.artifact import card
from modelward.core.study import Study
from modelward.errors import DataError, StudyFileError
from modelward.evaluate.facts.ledgers import ledger_facts
from modelward.evaluate.facts.record import NO_PRIVACY, Record, RunFacts, SiteFacts, facts_of
from modelward.evaluate.findings import Findings, find
from modelward.evaluate.measures.intervals import SEED
from modelward.evaluate.predictions import Predictions
from modelward.evaluate.told.site_figures import margin_of
from modelward.ledger import archive
from modelward.ledger.log import ENTRIES, KEY
from modelward.ledger.verify import read_key
from modelward.readers.cohort import Cohort
from modelward.readers.open import open_cohort
from modelward.site.answering.alone import fit, predicted, trained_patients
from modelward.site.isolation.snapshot import read_facts, read_snapshot, snapshot_folder
from modelward.study.method import method
from modelward.study.model import Model

KEEP = (
    "Written at this hospital for itself, with exact figures and no smallest cell: keep it"
    " here. What left is in its ledger."
)


def own_findings(folder: Path, site: str, model: Model, path: Path) -> Findings:
    """Return what a finished model is worth at one site.

    Args:
        folder: The site's folder.
        site: Its name.
        model: The study's model, as it was exported.
        path: Its bundle; the card lies beside it.

    Raises:
        StudyFileError: If the study is one of sums, which has its own report.
        DataError: If the site has no test units, or its data do not fit the study.
    """
    study = model.study
    if study.plan.strategy == "sums":
        raise StudyFileError(
            f"{study.id} is a study of sums, and has no model to compare",
            why="its result is the same for every site",
            remedy="ask the hub for its report",
        )
    cohort = cohort_of(folder, study)
    if not cohort.count("test"):
        raise DataError(
            f"{site} has no test units for {study.id}",
            why="a report on training data would mislead",
            remedy="hold some back: [plan] test in the study, or a split column of its data",
        )
    fitted, federated = fit(study, cohort, site), predicted(model, cohort)
    judged: dict[str, Mapping[str, Predictions]] = {"federated": {site: federated}}
    if fitted.model is not None:
        judged[f"local:{site}"] = {site: predicted(fitted.model, cohort)}
    entry = card.from_json(path.with_suffix(".card.json").read_bytes())
    notes = [KEEP]
    if fitted.model is None:
        notes.append(f"No model of its own: {fitted.reason}.")
    if fitted.chosen:
        notes.append(f"The pass of its own training is kept {fitted.chosen}.")
    if study.plan.personal is not None:
        notes.append("What this site kept of its own ([plan.personal]) is not judged here.")
    record = Record(
        study=facts_of(study, method(study)),
        sites=(_site(folder, site, study, cohort),),
        run=RunFacts(
            rounds=entry.round_no,
            seconds=0.0,
            model_sha256=entry.sha256,
            ended=f"the model of round {entry.round_no} is kept",
            versions={"modelward": version("modelward")},
        ),
        simulated_sites=False,
        in_one_process=False,
        privacy=NO_PRIVACY if study.privacy.dp is None else _private(study),
        notes=(*notes, *cohort.notes),
    )
    return find(judged, record, seed=SEED, margin=margin_of(study))


def cohort_of(folder: Path, study: Study) -> Cohort:
    """Return the cohort that the site trained on: its snapshot, else what its data hold now."""
    facts = read_facts(folder, study.sha256)
    if facts is None:
        return open_cohort(folder / "dataset.toml", study)
    try:
        return read_snapshot(snapshot_folder(folder, study.sha256), facts.bundle)[1]
    except DataError as error:
        raise DataError(
            error.what,
            why="the report is about exactly the cohort that was trained on",
            remedy="run it as somebody who may read the site's snapshots, such as root",
        ) from error


def _site(folder: Path, site: str, study: Study, cohort: Cohort) -> SiteFacts:
    ledger, (_, labels) = folder / "ledger", cohort.fold("train")
    facts = SiteFacts(
        name=site,
        train=len(labels),
        train_positives=int(labels.sum()),
        patients=trained_patients(cohort),
    )
    if not (ledger / ENTRIES).exists():
        return facts
    own = [
        entry
        for entry in archive.read(ledger, read_key(ledger / KEY)).entries()
        if entry.get("study") == study.sha256
    ]
    released = [entry for entry in own if entry["kind"] == "release"]
    return SiteFacts(
        name=site,
        train=len(labels),
        train_positives=int(labels.sum()),
        releases=len(released),
        refusals=sum(entry["kind"] == "refusal" for entry in own),
        bytes_out=sum(int(str(entry.get("bytes") or 0)) for entry in released),
        ledger=ledger_facts(ledger),
        patients=facts.patients,
    )


def _private(study: Study) -> str:
    dp = study.privacy.dp
    return (
        "What left was noised; figures of this report are not. What was spent: modelward site"
        f" budget. The study's bound is epsilon {dp.epsilon:g} for each {dp.unit}. What it"
        " costs in AUC was not measured: a run without it would leave every hospital in the"
        " lane without a bound, so it is a study of its own, to be proposed and approved as"
        " one; or train the study in a simulation with [evaluation.without_dp]."
        if dp
        else NO_PRIVACY
    )
