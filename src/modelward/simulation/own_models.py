"""What each site predicts with in the end, where a study gives it a model of its own.

Own layers are those of the round whose model is kept; a second model is that of the last
round; a fine-tuned one is made here, from the kept model, on the site's own units, the way the
site would make it. In a real federation each of these exists at its site only.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from modelward.artifact import bundle
from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.evaluate.piece import Aside, Piece, in_turn
from modelward.hub.run import Outcome
from modelward.learn import personal
from modelward.readers.cohort import Cohort
from modelward.recipes.catalogue import recipe
from modelward.site.answering.folds import examples
from modelward.site.answering.own_round import personal_parameters, terms_of
from modelward.study.model import Model
from modelward.study.own import LAYERS, kept_schema

PASSES = 10
"""Of fine-tuning at most, where a study names none."""


def own_models(
    sites: Path,
    study: Study,
    outcome: Outcome,
    cohorts: Mapping[str, Cohort],
    aside: Aside = in_turn,
) -> dict[str, Model]:
    """Return each site's own model; sites without one are left out.

    Args:
        sites: Folder of the sites' folders.
        study: The study.
        outcome: What its hub ended with.
        cohorts: Every site's units.
        aside: Trains on, where that is asked; changes no bit.
    """
    chosen = study.plan.personal
    if chosen is None:
        return {}
    if chosen.kind == "fine-tune":
        return _fine_tuned(study, outcome, cohorts, aside)
    kept = {site: _kept(sites / site, study, outcome, site) for site in cohorts}
    return {site: model for site, model in kept.items() if model is not None}


def _kept(folder: Path, study: Study, outcome: Outcome, site: str) -> Model | None:
    """Return the model that a site's last released round, or the kept one, left it with."""
    schema, layers = kept_schema(study), study.plan.personal is not None
    layers = layers and study.plan.personal.kind in LAYERS  # type: ignore[union-attr]
    last = outcome.kept_round if layers else len(outcome.history)
    rounds = [r.round_no for r in outcome.history[:last] if site in r.released]
    if schema is None or not rounds:
        return None
    where = folder / "kept" / study.sha256
    paths = sorted(where.glob(f"{rounds[-1]:06d}-*.safetensors"))
    if not paths:
        return None
    kept = bundle.parse(paths[0].read_bytes(), schema)
    flat = personal_parameters(replace(outcome.model, kept=kept))
    return None if flat is None else Model(study, flat, outcome.model.scaling)


def _fine_tuned(
    study: Study, outcome: Outcome, cohorts: Mapping[str, Cohort], aside: Aside
) -> dict[str, Model]:
    """Return the kept model, trained on for each site in which something can be held out."""
    able = {
        site: cohort
        for site, cohort in cohorts.items()
        if cohort.count("train") and cohort.count("validation")
    }
    answers = aside(
        [
            Piece(site, float(c.count("train")), partial(_trained_on, study, outcome, site, c))
            for site, c in able.items()
        ]
    )
    return {
        site: Model(study, np.frombuffer(flat, np.float32).copy(), outcome.model.scaling)
        for site, flat in zip(able, answers, strict=True)
    }


def _trained_on(study: Study, outcome: Outcome, site: str, cohort: Cohort) -> bytes:
    """Return the parameters of the kept model, trained on for one site."""
    model, chosen = outcome.model, study.plan.personal
    flat, _ = personal.fine_tuned(
        recipe(study.recipe),
        model.parameters,
        (examples(cohort, "train", model), examples(cohort, "validation", model)),
        terms_of(study, 1, site),
        (chosen.epochs if chosen else None) or PASSES,
        inputs(study),
    )
    return np.asarray(flat, np.float32).tobytes()
