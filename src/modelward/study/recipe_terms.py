"""Faults of what a study asks of its recipe: images or a table, and which kind of outcome."""

from collections.abc import Iterator

from modelward.core.columns import inputs
from modelward.core.faults import Fault
from modelward.core.study import Study
from modelward.core.targets import CategoryTarget, TimeToEventTarget
from modelward.recipes.brought import Entry
from modelward.recipes.catalogue import INSTALLED, TIMES, entry_of, option_faults

UNTRAINED = (
    "use a boolean target, `above` on a number, or a statistical recipe with "
    "plan.strategy 'sums'"
)


_WORDS = {
    "table": "tables",
    "image": "images",
    "sequence": "sequences",
    "image-and-table": "images with a table",
}


def recipe_faults(study: Study) -> list[Fault]:
    """Return what the recipe of `study` cannot be asked for; nothing of unknown recipes."""
    if option_faults(study.recipe):
        return []
    entry = entry_of(study.recipe)
    if entry is None:
        return list(_unread_intervals(study))
    return [*_input_faults(study, entry), *_target_faults(study, entry), *_skew_faults(study)]


def _input_faults(study: Study, entry: Entry) -> Iterator[Fault]:
    """Yield the fault of a recipe that reads something else than the features are."""
    given = inputs(study).kind
    if entry.reads != given:
        found = "the features are a table" if given == "table" else f"not {_WORDS[given]}"
        says = f"{study.recipe.name!r} reads {_WORDS[entry.reads]}, {found}"
        yield Fault("recipe.name", says)


def _target_faults(study: Study, entry: Entry) -> Iterator[Fault]:
    """Yield the fault of an outcome that the recipe does not predict."""
    kind, key = asked_kind(study), f"target.{study.target_name}.type"
    if kind in entry.predicts_with(study.recipe.options):
        if isinstance(study.outcome, TimeToEventTarget) and not study.outcome.intervals:
            says = (
                f"{study.recipe.name!r} predicts in which interval: write their last days, "
                f"rising to the horizon, {study.outcome.horizon}"
            )
            yield Fault(f"target.{study.target_name}.intervals", says)
        return
    able = sorted({name for (name, _), other in INSTALLED.items() if kind in other.predicts})
    if able:
        with_these = " with these options" * (kind in entry.predicts)
        says = f"{study.recipe.name!r} does not predict {kind!r}{with_these}: use "
        says += " or ".join(able)
        says += ", or cox or km with plan.strategy 'sums'" * (kind in TIMES)
    else:
        says = f"{kind!r} can be written down, but no recipe here trains it: {UNTRAINED}"
    yield Fault(key, says)


def _unread_intervals(study: Study) -> Iterator[Fault]:
    """Yield intervals of a statistical recipe, which takes times as they are."""
    if isinstance(study.outcome, TimeToEventTarget) and study.outcome.intervals:
        says = f"{study.recipe.name!r} takes times as they are: leave intervals out"
        yield Fault(f"target.{study.target_name}.intervals", says)


def asked_kind(study: Study) -> str:
    """Return the type of the target; two classes are a yes and a no."""
    outcome = study.outcome
    two = isinstance(outcome, CategoryTarget) and len(outcome.levels) == 2  # noqa: PLR2004
    return "boolean" if two else outcome.type


def _skew_faults(study: Study) -> Iterator[Fault]:
    """Yield corrections of label skew that there is no share of yes for."""
    kind, skew = asked_kind(study), study.plan.label_skew
    if skew == "none" or kind == "boolean":
        return
    if kind != "category":
        yield Fault("plan.label_skew", f"{skew!r} is about shares of classes, not {kind!r}")
    elif study.privacy.dp is not None:
        says = f"{skew!r} under privacy.dp needs a noised share of yes, and there are levels"
        yield Fault("plan.label_skew", f"{says}: use 'none', or a boolean target")
