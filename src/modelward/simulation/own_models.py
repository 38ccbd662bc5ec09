"""What each site predicts with in the end, where a study gives it a model of its own.

Own layers are those of the round whose model is kept; a second model is that of the last
round; a fine-tuned one is made here, from the kept model, on the site's own units, the way the
site would make it. In a real federation each of these exists at its site only.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from modelward.artifact import bundle
from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.hub.run import Outcome
from modelward.learn import personal
from modelward.readers.cohort import Cohort
from modelward.recipes.catalogue import recipe
from modelward.site.folds import examples
from modelward.site.own_round import personal_parameters, terms_of
from modelward.study.model import Model
from modelward.study.own import LAYERS, kept_schema

PASSES = 10
"""Of fine-tuning at most, where a study names none."""


def own_models(
    sites: Path, study: Study, outcome: Outcome, cohorts: Mapping[str, Cohort]
) -> dict[str, Model]:
    """Return each site's own model; sites without one are left out.

    Args:
        sites: Folder of the sites' folders.
        study: The study.
        outcome: What its hub ended with.
        cohorts: Every site's units.
    """
    chosen = study.plan.personal
    if chosen is None:
        return {}
    found = {}
    for site, cohort in cohorts.items():
        if chosen.kind == "fine-tune":
            made = _fine_tuned(study, outcome, site, cohort)
        else:
            made = _kept(sites / site, study, outcome, site)
        if made is not None:
            found[site] = made
    return found


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


def _fine_tuned(study: Study, outcome: Outcome, site: str, cohort: Cohort) -> Model | None:
    """Return the kept model, trained on for one site; None where nothing can be held out."""
    if not cohort.count("train") or not cohort.count("validation"):
        return None
    model, chosen = outcome.model, study.plan.personal
    flat, _ = personal.fine_tuned(
        recipe(study.recipe),
        model.parameters,
        (examples(cohort, "train", model), examples(cohort, "validation", model)),
        terms_of(study, 1, site),
        (chosen.epochs if chosen else None) or PASSES,
        inputs(study),
    )
    return Model(study, flat, model.scaling)
