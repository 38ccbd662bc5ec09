"""From a finished simulation to its findings.

Test units are predicted here, where all rows are; what comes out is numbers and sentences
(evaluate/findings.py).
"""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from modelward.core.columns import columns, inputs, summed_columns
from modelward.core.study import Study
from modelward.errors import DataError, LedgerBroken
from modelward.evaluate.choice import Choice, choose
from modelward.evaluate.deviation import deviations
from modelward.evaluate.findings import Findings, Judged, find
from modelward.evaluate.predictions import Predictions
from modelward.evaluate.record import (
    Curve,
    LedgerFacts,
    Published,
    Record,
    RunFacts,
    SiteFacts,
    StudyFacts,
)
from modelward.hub.analysed import facts_of
from modelward.hub.registry import AnswerRow
from modelward.hub.run import Outcome
from modelward.hub.switchboard import alarms_at
from modelward.learn.group import numeric_path
from modelward.ledger.verify import verify
from modelward.readers.cohort import Cohort, Fold
from modelward.recipes.catalogue import recipe
from modelward.simulation.background import Background
from modelward.simulation.baselines import Fitted
from modelward.simulation.beyond import beyond
from modelward.simulation.comparisons import POOLED
from modelward.simulation.folder import RunFolder
from modelward.simulation.own_models import own_models
from modelward.simulation.privacy_words import privacy_words
from modelward.site.predict import probabilities
from modelward.study.method import method
from modelward.study.model import Model
from modelward.study.own import LAYERS

OWN = "own"
"""Name of the sites' own models among the findings."""

SEED = 2026
"""Of the bootstrap: the same models give the same intervals, whatever they were seeded with."""


def assemble(
    folder: RunFolder,
    outcomes: Mapping[str, Outcome],
    compared: Mapping[str, Fitted],
    cohorts: Mapping[str, Cohort],
    answers: list[AnswerRow],
    background: Background,
) -> Findings:
    """Return the findings of a run.

    Args:
        folder: Where its ledgers are.
        outcomes: By name, the study itself first and its variants after it.
        compared: Pooled and local models.
        cohorts: Every site's units.
        answers: What the hub got for the study.
        background: What the report says beside the figures.
    """
    main, *variants = outcomes
    study = outcomes[main].model.study
    tested = {site: c for site, c in cohorts.items() if c.count("test")}
    if not tested:
        raise DataError(
            "no site has test units",
            why="a report on training data would mislead",
            remedy="hold some back: [plan] test = 0.2, or a split column",
        )
    models = {"federated": outcomes[main].model}
    models |= {name: outcomes[name].model for name in variants}
    models |= {
        name if name == POOLED else f"local:{name}": fitted.model
        for name, fitted in compared.items()
        if fitted.model is not None and (name == POOLED or name in tested)
    }
    own = {
        site: model
        for site, model in own_models(folder.sites, study, outcomes[main], cohorts).items()
        if site in tested
    }
    judged = {name: _predict(model, tested) for name, model in models.items()}
    judged = _with_own(judged, study, own, tested)
    record = Record(
        study=_study_facts(study),
        sites=tuple(_site_facts(folder, s, cohorts[s], answers) for s in tested),
        run=_run_facts(outcomes, study, len(cohorts)),
        privacy=privacy_words(folder, study, list(tested)),
        simulated_sites=background.simulated,
        in_one_process=True,
        data_source=background.source,
        licence=background.licence,
        labels=background.labels,
        published=tuple(
            Published(name=name, metric=metric, value=value, source=source)
            for name, metric, value, source in background.published
        ),
        alarms=tuple(each.sentence for each in alarms_at(folder.hub)),
        notes=(*background.notes, *_notes(cohorts, answers, compared, tested)),
    )
    found = find(judged, record, seed=SEED)
    return replace(
        found,
        choices=_choices(models, own, cohorts, found, judged),
        beyond=beyond(study, models, tested, seed=SEED),
    )


def _choices(
    models: Mapping[str, Model],
    own: Mapping[str, Model],
    cohorts: Mapping[str, Cohort],
    found: Findings,
    judged: Judged,
) -> tuple[Choice, ...]:
    """Return what each site should use, where it has a model of its own beside others."""
    choices = []
    for place, site in enumerate(found.record.sites):
        cohort, local = cohorts[site.name], models.get(f"local:{site.name}")
        if site.name not in own or local is None or not cohort.count("validation"):
            continue
        candidates = {"local": local, "federated": models["federated"], OWN: own[site.name]}
        if OWN not in judged:
            del candidates["federated"]  # it is the site's own: layers of it are
        names = {"local": f"local:{site.name}", "federated": "federated", OWN: OWN}
        if OWN not in judged:
            names[OWN] = "federated"
        choices.append(
            choose(
                site.name,
                {n: _predicted(m, cohort, "validation") for n, m in candidates.items()},
                {n: judged[names[n]][site.name] for n in candidates},
                unit=found.record.study.unit,
                rng=np.random.default_rng([SEED, 1, place]),
            )
        )
    return tuple(choices)


def _with_own(
    judged: dict[str, dict[str, Predictions]],
    study: Study,
    own: Mapping[str, Model],
    tested: Mapping[str, Cohort],
) -> dict[str, dict[str, Predictions]]:
    """Return `judged` with the sites' own models.

    Own layers are part of the common model at their site; a second model stands beside it.
    """
    if not own:
        return judged
    chosen = study.plan.personal
    name = "federated" if chosen is not None and chosen.kind in LAYERS else OWN
    mine = {site: _predicted(model, tested[site], "test") for site, model in own.items()}
    return {**judged, name: {**judged["federated"], **mine}}


def _predict(model: Model, cohorts: Mapping[str, Cohort]) -> dict[str, Predictions]:
    """Return a model's probabilities on every site's test units."""
    return {site: _predicted(model, cohort, "test") for site, cohort in cohorts.items()}


def _predicted(model: Model, cohort: Cohort, fold: Fold) -> Predictions:
    x, y = cohort.fold(fold)
    return Predictions.of(y, probabilities(model, x))


def _study_facts(study: Study) -> StudyFacts:
    plan = study.plan
    combined = "federated averaging"
    if plan.robust is not None:
        mixing = ", mixed with nearest neighbours" if plan.robust.mixing else ""
        combined = f"{plan.robust.rule}{mixing}, against {plan.robust.byzantine} wrong sites"
    server = "" if plan.server.name == "none" else f", {plan.server.name} at the hub"
    skew = "" if plan.label_skew == "none" else ", logit adjustment for label skew"
    return facts_of(study, _words(study, f"{combined}{server}{skew}"))


def _words(study: Study, averaged: str) -> str:
    """Return how the study trained; `averaged` says it for plain averaging."""
    plan = study.plan
    if plan.strategy == "newton":
        return "exact Newton steps on federated sums"
    if plan.strategy == "fedavg" and plan.local is None and plan.label_skew != "class-weights":
        return averaged
    return method(study)


def _run_facts(outcomes: Mapping[str, Outcome], study: Study, sites: int) -> RunFacts:
    main, *_ = outcomes
    outcome = outcomes[main]
    curves = tuple(
        Curve(
            model="federated" if name == main else name,
            metric=f"validation {study.stop.metric}",
            values=tuple(_defined(r.metrics.get(study.stop.metric)) for r in each.history),
        )
        for name, each in outcomes.items()
        if study.stop.metric is not None
    )
    return RunFacts(
        rounds=len(outcome.history),
        seconds=round(outcome.seconds, 3),
        model_sha256=outcome.sha256,
        ended=f"{outcome.reason}; the model of round {outcome.kept_round} is kept",
        scaling=_scaling(study),
        numeric_path=_numeric_path(study, sites),
        versions={
            name: found for name in ("modelward", "numpy", "torch") if (found := _version(name))
        },
        curves=curves,
        deviations=deviations([each.deviations for each in outcome.history]),
    )


def _scaling(study: Study) -> str:
    if not columns(study):
        return "none"
    if not summed_columns(study):
        return "the study's ranges, which depend on no patient"
    noised = "noised " if study.privacy.dp else ""
    return f"global z-scores from {noised}federated sums, frozen into the model"


def _numeric_path(study: Study, sites: int) -> str:
    if study.plan.strategy == "newton" or study.recipe.name == "logistic":
        return "numpy float64; exact integer sums on the grid of 2^-40"
    path = numeric_path(recipe(study.recipe), inputs(study), sites)
    return f"torch float32, one thread a worker, {path}; integer sums on the grid of 2^-24"


def _site_facts(
    folder: RunFolder, site: str, cohort: Cohort, answers: list[AnswerRow]
) -> SiteFacts:
    own = [answer for answer in answers if answer.site == site]
    _, labels = cohort.fold("train")
    return SiteFacts(
        name=site,
        train=len(labels),
        train_positives=int(labels.sum()),
        releases=sum(answer.decision == "released" for answer in own),
        refusals=sum(answer.decision != "released" for answer in own),
        bytes_out=sum(answer.bytes or 0 for answer in own if answer.decision == "released"),
        ledger=ledger_facts(folder, site),
    )


def ledger_facts(folder: RunFolder, site: str) -> LedgerFacts:
    """Return where a site's ledger is, and whether it verifies now."""
    path = folder.sites / site / "ledger"
    key = path / "key.pub"
    try:
        found = verify(path, str(key))
    except LedgerBroken as error:
        return LedgerFacts(path=str(path), entries=0, root=error.what, verified=False)
    return LedgerFacts(
        path=str(path),
        entries=found.entries,
        root=found.root.hex(),
        verified=True,
        key=str(key),
        seen=found.witnessed.checkpoint.size if found.witnessed else 0,
        cosigned=len(found.witnessed.times) if found.witnessed else 0,
        witnesses=found.asked,
    )


def _notes(
    cohorts: Mapping[str, Cohort],
    answers: list[AnswerRow],
    compared: Mapping[str, Fitted],
    tested: Mapping[str, Cohort],
) -> list[str]:
    """Return what happened at single sites, in sentences."""
    said = [f"{site}: {note}" for site, c in cohorts.items() for note in c.notes]
    said += [
        f"{name}: no model of its own can be fitted, because {fitted.reason}."
        for name, fitted in compared.items()
        if fitted.model is None
    ]
    refusing = sorted({a.site for a in answers if a.decision != "released"})
    said += [
        f"{site}: its gate refused at least one answer; why is in its ledger."
        for site in refusing
    ]
    said += [f"{site}: no test units, so no verdict." for site in cohorts if site not in tested]
    return said


def _defined(value: float | None) -> float | None:
    return None if value is None or value != value else value  # noqa: PLR0124 - NaN


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
