"""A study in plain words, for whoever has to approve it."""

from modelward.core.columns import columns
from modelward.core.study import CategoryFeature, ImageFeature, NumberFeature, Study
from modelward.study.answers import answer_to
from modelward.study.model import parameter_schema


def explain(study: Study) -> str:
    """Return what the study asks, computes and sends, in about twenty lines."""
    about, plan = study.study, study.plan
    update = answer_to(study, "newton" if plan.strategy == "newton" else "train")[1]
    parts = [
        f"{about.id} version {about.version}: {about.purpose}",
        f"hash {study.sha256}",
        "",
        f"Who: every {about.unit} with a known {study.target_name}"
        + (" and every feature known" if study.cohort.complete else "")
        + f"; a site with fewer than {about.min_patients} in training sits out.",
        f"Held back: {plan.validation:.0%} for validation, {plan.test:.0%} for the test, "
        "unless the data name their own folds.",
        "",
        "Features:",
        *(f"  {name}: {_feature(feature)}" for name, feature in study.features.items()),
        "",
        f"Trained: {study.recipe.name} with {parameter_schema(study).size:,} parameters, "
        f"{_method(study)}, at most {plan.rounds} rounds.",
        f"Leaves a site each round: {update.nbytes:,} bytes of "
        + ("sums over patients." if plan.strategy == "newton" else "parameter differences,")
        + (
            ""
            if plan.strategy == "newton"
            else f" scaled down to an L2 norm of {study.privacy.clip:g}."
        )
        + " A short header names them.",
        f"Before the first round: sums over {len(columns(study))} columns, for scaling.",
        *(
            [f"After each round: validation scores in bins, for {study.stop.metric}."]
            if study.stop.metric
            else []
        ),
        "",
        "Raw records are not sent by the protocol. No differential privacy is applied: "
        "what leaves can leak information about patients.",
    ]
    return "\n".join(parts)


def _feature(feature: object) -> str:
    if isinstance(feature, NumberFeature):
        low, high = feature.range
        return f"number in {feature.unit}, from {low:g} to {high:g}"
    if isinstance(feature, CategoryFeature):
        return f"one of {', '.join(feature.levels)}"
    if isinstance(feature, ImageFeature):
        return f"grey image, {feature.size[0]} x {feature.size[1]} pixels"
    return "yes or no"


def _method(study: Study) -> str:
    plan = study.plan
    if plan.strategy == "newton":
        return "exact Newton steps on sums over all sites"
    server = "" if plan.server.name == "none" else f" and {plan.server.name} at the hub"
    adjusted = ", adjusted for label skew" if plan.label_skew != "none" else ""
    return f"averaged local training{server}{adjusted}"
