"""From a finished simulation to its findings.

Models and what they say of test units are predicted.py's, the facts of the run facts.py's,
what is asked beyond the figures of every model evaluation.py's; evaluate/findings.py judges.
"""

from collections.abc import Mapping
from dataclasses import replace

from modelward.evaluate.findings import Findings, find
from modelward.evaluate.measures.intervals import SEED
from modelward.hub.run import Outcome
from modelward.readers.cohort import Cohort
from modelward.simulation import data_check
from modelward.simulation.background import Background
from modelward.simulation.beyond import beyond
from modelward.simulation.evaluation import Means, bound_cost_of, evaluation
from modelward.simulation.facts import notes, record
from modelward.simulation.predicted import choices, judged_models, models_of
from modelward.simulation.spread import aside
from modelward.site.answering.alone import Fitted
from modelward.study.method import shares_note


def assemble(
    means: Means,
    outcomes: Mapping[str, Outcome],
    compared: Mapping[str, Fitted],
    cohorts: Mapping[str, Cohort],
    background: Background,
) -> Findings:
    """Return the findings of a run.

    Args:
        means: Where its ledgers are, and what was trained beside it.
        outcomes: By name, the study itself first and its variants after it.
        compared: Pooled and local models.
        cohorts: Every site's units.
        background: What the report says beside the figures.

    Raises:
        DataError: If no site has test units.
    """
    name = next(iter(outcomes))
    models = models_of(
        means.folder, outcomes, compared, cohorts, aside(means.how, f"{name}: own models")
    )
    judged = judged_models(models, aside(means.how, f"{name}: predicting"))
    facts = record(means.folder, models, outcomes, means.answers, background)
    told = notes(cohorts, means.answers, compared, models.tested)
    shares = shares_note(models.study, "RUN")
    said = (*facts.notes, *data_check.kept(means.folder), *told, *shares)
    terms = models.study.evaluation
    margin = terms.margin if terms is not None else None
    found = find(
        judged,
        replace(facts, notes=said),
        seed=SEED,
        margin=margin,
        aside=aside(means.how, f"{name}: judging"),
    )
    return replace(
        found,
        choices=choices(models, judged, SEED),
        beyond=beyond(
            models.study,
            models.common,
            {s: cohorts[s] for s in models.tested},
            seed=SEED,
            aside=aside(means.how, f"{name}: grades, masks, lifetimes"),
        ),
        evaluation=evaluation(means, models, judged, found.verdicts, outcomes[name]),
        bound=bound_cost_of(means, models, judged),
    )
