"""Every model of a finished run, and what each says of every site's test units.

Test units are predicted here, where all rows are; what comes out is probabilities beside
outcomes, which evaluate/ turns into numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from modelward.core.study import Study
from modelward.errors import DataError
from modelward.evaluate.comparing.choice import Choice, choose
from modelward.evaluate.judged import Judged
from modelward.evaluate.piece import Aside, Piece, in_turn
from modelward.evaluate.predictions import Predictions
from modelward.hub.run import Outcome
from modelward.readers.cohort import Cohort, Fold
from modelward.simulation.comparisons import POOLED
from modelward.simulation.folder import RunFolder
from modelward.simulation.own_models import own_models
from modelward.site.answering.alone import Fitted
from modelward.site.answering.folds import answerable
from modelward.site.predict import probabilities
from modelward.study.model import Model
from modelward.study.own import LAYERS

OWN = "own"
"""Name of the sites' own models among the findings."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Models:
    """The models of a run.

    Attributes:
        study: The study itself.
        common: `federated`, variants, `pooled` and `local:SITE`, by name.
        own: Each site's own model, where the study gives it one.
        tested: Sites with test units of which yes or no is known, by name.
    """

    study: Study
    common: dict[str, Model]
    own: dict[str, Model]
    tested: dict[str, Cohort]


def models_of(
    folder: RunFolder,
    outcomes: Mapping[str, Outcome],
    compared: Mapping[str, Fitted],
    cohorts: Mapping[str, Cohort],
    aside: Aside = in_turn,
) -> Models:
    """Return every model of a run.

    Args:
        folder: Where sites keep their own.
        outcomes: By name, the study itself first and its variants after it.
        compared: Pooled and local models.
        cohorts: Every site's units.
        aside: Makes the sites' own models, where they are trained on; changes no bit.

    Raises:
        DataError: If no site has test units.
    """
    main, *variants = outcomes
    study = outcomes[main].model.study
    known = {site: answerable(study, c) for site, c in cohorts.items()}
    tested = {site: c for site, c in known.items() if c.count("test")}
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
        for site, model in own_models(
            folder.sites, study, outcomes[main], cohorts, aside
        ).items()
        if site in tested
    }
    return Models(study=study, common=models, own=own, tested=tested)


def judged_models(models: Models, aside: Aside = in_turn) -> Judged:
    """Return every model's probabilities on every site's test units, by name of the model.

    Own layers are part of the common model at their site; a second model stands beside it.

    Args:
        models: The models and the units.
        aside: Asks them; changes no bit.
    """
    asked = [(name, model, list(models.tested)) for name, model in models.common.items()]
    chosen = models.study.plan.personal
    mine = "federated" if chosen is not None and chosen.kind in LAYERS else OWN
    asked += [(mine, model, [site]) for site, model in models.own.items()]
    answers = aside(
        [
            Piece(
                name,
                float(sum(models.tested[site].count("test") for site in sites)),
                partial(_said, model, [models.tested[site] for site in sites]),
            )
            for name, model, sites in asked
        ]
    )
    judged: dict[str, dict[str, Predictions]] = {}
    for (name, _, sites), answer in zip(asked, answers, strict=True):
        # A site's own model stands where the common one would: those are first in `asked`.
        of = judged.setdefault(name, dict(judged.get("federated", {})))
        said, first = np.frombuffer(answer, np.float64), 0
        for site in sites:
            _, y = models.tested[site].fold("test")
            whose = models.tested[site].owners("test")
            of[site] = Predictions.of(y, said[first : first + len(y)], whose)
            first += len(y)
    return judged


def _said(model: Model, cohorts: Sequence[Cohort]) -> bytes:
    """Return a model's probabilities for the test units of some sites, one after another."""
    found = [probabilities(model, cohort.fold("test")[0]) for cohort in cohorts]
    return np.concatenate(found).astype(np.float64).tobytes()


def choices(models: Models, judged: Judged, seed: int) -> tuple[Choice, ...]:
    """Return what each site should use, where it has a model of its own beside others."""
    found = []
    for place, (site, cohort) in enumerate(models.tested.items()):
        local = models.common.get(f"local:{site}")
        if site not in models.own or local is None or not cohort.count("validation"):
            continue
        candidates = {
            "local": local,
            "federated": models.common["federated"],
            OWN: models.own[site],
        }
        names = {"local": f"local:{site}", "federated": "federated", OWN: OWN}
        if OWN not in judged:
            del candidates["federated"]  # it is the site's own: layers of it are
            names[OWN] = "federated"
        found.append(
            choose(
                site,
                {n: predicted(m, cohort, "validation") for n, m in candidates.items()},
                {n: judged[names[n]][site] for n in candidates},
                unit=models.study.study.unit,
                rng=np.random.default_rng([seed, 1, place]),
            )
        )
    return tuple(found)


def predicted(model: Model, cohort: Cohort, fold: Fold) -> Predictions:
    """Return a model's probabilities for the units of one fold."""
    x, y = cohort.fold(fold)
    return Predictions.of(y, probabilities(model, x), cohort.owners(fold))
