"""What a report repeats of a finished simulation: terms, sites, rounds, ledgers, notes."""

from collections.abc import Mapping

from modelward.core.study import Study
from modelward.evaluate.facts.ledgers import ledger_facts
from modelward.evaluate.facts.record import Published, Record, RunFacts, SiteFacts
from modelward.hub.run import Outcome
from modelward.hub.run_facts import Ended, run_facts, study_facts
from modelward.hub.standing import AnswerRow
from modelward.hub.switchboard import alarms_at
from modelward.readers.cohort import Cohort
from modelward.simulation.background import Background
from modelward.simulation.folder import RunFolder
from modelward.simulation.predicted import Models
from modelward.simulation.privacy_words import privacy_words
from modelward.site.answering.alone import Fitted, trained_patients


def record(
    folder: RunFolder,
    models: Models,
    outcomes: Mapping[str, Outcome],
    answers: list[AnswerRow],
    background: Background,
) -> Record:
    """Return the facts of a run, without notes on single sites.

    Args:
        folder: Where its ledgers are.
        models: Whose study and tested sites count.
        outcomes: By name, the study itself first.
        answers: What the hub got for the study.
        background: What the report says beside the figures.
    """
    study, tested = models.study, models.tested
    taught = {site for each in next(iter(outcomes.values())).history for site in each.released}
    return Record(
        study=study_facts(study),
        sites=tuple(_site_facts(folder, s, tested[s], answers) for s in tested),
        run=_run_facts(outcomes, study, len(folder.site_names())),
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
        notes=background.notes,
        apart=tuple(site for site in tested if site not in taught),
    )


LEFT_EARLY = (
    "Units that left before the horizon without the event are in no yes/no figure (AUC, "
    "accuracy, calibration, verdicts), because nobody knows their answer. The C-index and the "
    "integrated Brier score count them as far as they were followed."
)
"""What is said of a time to event, which is judged by yes or no as well."""


def notes(
    cohorts: Mapping[str, Cohort],
    answers: list[AnswerRow],
    compared: Mapping[str, Fitted],
    tested: Mapping[str, Cohort],
) -> tuple[str, ...]:
    """Return what happened at single sites, in sentences."""
    said = [f"{site}: {note}" for site, c in cohorts.items() for note in c.notes]
    said += [
        f"{name}: no model of its own can be fitted, because {fitted.reason}."
        for name, fitted in compared.items()
        if fitted.model is None
    ]
    said += _how_chosen(compared)
    refusing = sorted({a.site for a in answers if a.decision != "released"})
    said += [
        f"{site}: its gate refused at least one answer; why is in its ledger (modelward ledger"
        f" show RUN/sites/{site}/ledger)."
        for site in refusing
    ]
    said += [f"{site}: no test units, so no verdict." for site in cohorts if site not in tested]
    if any(cohorts[site].count("test") > c.count("test") for site, c in tested.items()):
        said.append(LEFT_EARLY)
    return tuple(said)


def _how_chosen(compared: Mapping[str, Fitted]) -> list[str]:
    """Return which comparison models the watched figure did not choose, and what did."""
    alike: dict[str, list[str]] = {}
    for name, fitted in compared.items():
        if fitted.chosen:
            alike.setdefault(fitted.chosen, []).append(name)
    return [
        f"{', '.join(names)}: the pass of {'its' if len(names) == 1 else 'their'} own training"
        f" is kept {words}."
        for words, names in alike.items()
    ]


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
        patients=trained_patients(cohort),
    )
