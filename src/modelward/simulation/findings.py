"""From a finished simulation to its findings.

Test units are predicted here, where all rows are; what comes out is numbers and sentences
(evaluate/findings.py).
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from modelward.core.study import Study
from modelward.errors import DataError
from modelward.evaluate.choice import Choice, choose
from modelward.evaluate.findings import Findings, Judged, find
from modelward.evaluate.intervals import SEED
from modelward.evaluate.ledgers import ledger_facts
from modelward.evaluate.predictions import Predictions
from modelward.evaluate.record import (
    Published,
    Record,
    RunFacts,
    SiteFacts,
)
from modelward.hub.registry import AnswerRow
from modelward.hub.run import Outcome
from modelward.hub.run_facts import Ended, run_facts, study_facts
from modelward.hub.switchboard import alarms_at
from modelward.readers.cohort import Cohort, Fold
from modelward.simulation.background import Background
from modelward.simulation.comparisons import POOLED
from modelward.simulation.folder import RunFolder
from modelward.simulation.own_models import own_models
from modelward.simulation.privacy_words import privacy_words
from modelward.site.alone import Fitted
from modelward.site.predict import probabilities
from modelward.study.model import Model
from modelward.study.own import LAYERS

OWN = "own"
"""Name of the sites' own models among the findings."""


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
        study=study_facts(study),
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
    return replace(found, choices=_choices(models, own, cohorts, found, judged))


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


def _run_facts(outcomes: Mapping[str, Outcome], study: Study, sites: int) -> RunFacts:
    main, *_ = outcomes
    outcome = outcomes[main]
    histories = {
        "federated" if name == main else name: each.history for name, each in outcomes.items()
    }
    ended = Ended(outcome.reason, outcome.kept_round, outcome.seconds, outcome.sha256)
    return run_facts(study, ended, histories, sites)


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
        ledger=ledger_facts(folder.sites / site / "ledger"),
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
