"""Which recipes are installed, and what a study file may say about them.

Those of `INSTALLED` are trained; those of `ANALYSES` are computed from sums (analysis.py).

A recipe is chosen by name and version; its code is here, at every site, and never travels.
To add one here: write its file, list it in `INSTALLED`. Other packages bring theirs by an
entry point (brought.py); a name that is listed here is never looked for there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ValidationError

from modelward.core.study import RecipeChoice
from modelward.errors import StudyFileError
from modelward.recipes.analysis import Analysis
from modelward.recipes.brought import Entry, brought, versions
from modelward.recipes.networks import (
    cnn,
    densenet,
    fusion,
    gru,
    hazard,
    lora,
    mlp,
    monai,
    transformer,
    unet,
)
from modelward.recipes.recipe import Recipe
from modelward.recipes.regression import logistic, scattering
from modelward.recipes.statistics import combat, cox, describe, glm, km, km_strata
from modelward.recipes.torch_present import require_monai, require_torch
from modelward.recipes.trees import trees

OptionFault = tuple[str, str, str]
"""Key below `[recipe]`, what is wrong with it, what to do."""


LEVELS = frozenset({"boolean", "category"})
MASKS = frozenset({"mask"})
TIMES = frozenset({"time-to-event"})

INSTALLED = {
    ("logistic", 1): Entry(logistic.Logistic, logistic.Options, torch=False),
    ("lora", 1): Entry(lora.Lora, lora.Options, torch=True, predicts=LEVELS, reads="image"),
    ("mlp", 1): Entry(mlp.Mlp, mlp.Options, torch=True, predicts=LEVELS),
    ("cnn", 1): Entry(cnn.Cnn, cnn.Options, torch=True, predicts=LEVELS, reads="image"),
    ("densenet", 1): Entry(
        densenet.Densenet, densenet.Options, torch=True, predicts=LEVELS, reads="image"
    ),
    ("fusion", 1): Entry(
        fusion.Fusion,
        fusion.Options,
        torch=True,
        predicts=LEVELS | TIMES,
        reads="image-and-table",
    ),
    ("gru", 1): Entry(
        gru.Gru, gru.Options, torch=True, predicts=LEVELS | TIMES, reads="sequence"
    ),
    ("hazard", 1): Entry(hazard.Hazard, hazard.Options, torch=True, predicts=TIMES),
    ("monai", 1): Entry(
        monai.Monai,
        monai.Options,
        torch=True,
        predicts=LEVELS | MASKS,
        reads="image",
        narrowed=lambda options: options.predicts,
    ),
    ("scattering", 1): Entry(
        scattering.Scattering, scattering.Options, torch=False, reads="image"
    ),
    ("transformer", 1): Entry(
        transformer.Transformer,
        transformer.Options,
        torch=True,
        predicts=LEVELS | TIMES,
        reads="sequence",
    ),
    ("trees", 1): Entry(trees.Trees, trees.Options),
    ("unet", 1): Entry(unet.Unet, unet.Options, torch=True, predicts=MASKS, reads="image"),
}
"""Every recipe that comes with modelward, by name and version."""


@dataclass(frozen=True, slots=True)
class Statistical:
    """One version of a statistical recipe: its class and the type of its options."""

    make: Callable[[Any], Analysis]
    options: type[BaseModel]


ANALYSES = {
    ("combat", 1): Statistical(combat.Combat, combat.Options),
    ("cox", 1): Statistical(cox.Cox, cox.Options),
    ("describe", 1): Statistical(describe.Describe, describe.Options),
    ("glm", 1): Statistical(glm.Glm, glm.Options),
    ("km", 1): Statistical(km.Km, km.Options),
    ("km", 2): Statistical(km_strata.StratifiedKm, km_strata.Options),
}
"""Every statistical recipe, by name and version; a name is here or in `INSTALLED`."""


def analysis(choice: RecipeChoice) -> Analysis:
    """Return the statistical recipe that a study chose.

    Raises:
        StudyFileError: If it is none, or with every fault of its options.
    """
    faults = option_faults(choice)
    entry = ANALYSES.get((choice.name, choice.version))
    if faults or entry is None:
        raise _refuse(faults or [("name", f"{choice.name!r} is no statistical recipe", "")])
    return entry.make(entry.options(**choice.options))


def summing(choice: RecipeChoice) -> Analysis:
    """Return the recipe whose sites answer with sums: a statistical one, or `trees`.

    Raises:
        StudyFileError: If it is none, or with every fault of its options.
    """
    if is_analysis(choice):
        return analysis(choice)
    made = recipe(choice)
    if isinstance(made, trees.Trees):
        return made
    raise _refuse([("name", f"{choice.name!r} is not computed from sums", "use 'trees'")])


def is_analysis(choice: RecipeChoice) -> bool:
    """Return whether a study chose a statistical recipe."""
    return any(name == choice.name for name, _ in ANALYSES)


def smallest_cell(choice: RecipeChoice) -> int | None:
    """Return the fewest units that a study has in a cell of a table; None if it makes none."""
    key = choice.name, choice.version
    entry = ANALYSES.get(key) or INSTALLED.get(key)
    if entry is None or "min_cell" not in entry.options.model_fields:
        return None
    standard = int(entry.options.model_fields["min_cell"].default)
    asked = choice.options.get("min_cell", standard)
    return asked if isinstance(asked, int) else standard


def recipe(choice: RecipeChoice) -> Recipe:
    """Return the recipe that a study chose.

    Raises:
        StudyFileError: With every fault of `option_faults`, if there are any.
    """
    faults = option_faults(choice)
    entry = entry_of(choice)
    if faults or entry is None:
        says = f"{choice.name!r} is computed from sums and trains nothing"
        raise _refuse(faults or [("name", says, "set plan.strategy = 'sums'")])
    return entry.make(entry.options(**choice.options))


def _refuse(faults: list[OptionFault]) -> StudyFileError:
    return StudyFileError(
        "; ".join(f"recipe.{key}: {what}" for key, what, _ in faults),
        why="a recipe runs with the options that were signed, or not at all",
        remedy="; ".join(dict.fromkeys(remedy for _, _, remedy in faults)),
    )


def load(choice: RecipeChoice) -> None:
    """Import now what the recipe trains with, so that forked workers have it.

    Raises:
        MissingExtra: If the recipe needs torch, or MONAI, and it is not installed.
    """
    entry = entry_of(choice)
    if choice.name == monai.Monai.name:
        require_monai()
        monai.Monai(monai.Options()).computed()
    if entry is not None and entry.torch:
        require_torch()
        import_module("modelward.recipes.gradients.torch_cpu").single_thread()


def entry_of(choice: RecipeChoice) -> Entry | None:
    """Return what is installed under a name and version, here or by another package.

    Raises:
        StudyFileError: If two packages bring the name, or one brings no recipe under it.
    """
    if is_analysis(choice):
        return None
    if any(name == choice.name for name, _ in INSTALLED):
        return INSTALLED.get((choice.name, choice.version))
    return versions(choice.name).get(choice.version)


def option_faults(choice: RecipeChoice) -> list[OptionFault]:
    """Return everything that is wrong with a `[recipe]` table; empty if nothing is."""
    entry = ANALYSES.get((choice.name, choice.version)) or entry_of(choice)
    if entry is None:
        return [_unknown_recipe(choice)]
    try:
        entry.options(**choice.options)
    except ValidationError as error:
        return [_option_fault(dict(entry_), entry.options) for entry_ in error.errors()]
    return []


def _unknown_recipe(choice: RecipeChoice) -> OptionFault:
    known_versions = [v for name, v in (*INSTALLED, *ANALYSES) if name == choice.name]
    known_versions = known_versions or list(versions(choice.name))
    if known_versions:
        known = ", ".join(map(str, known_versions))
        what = f"version {choice.version} of {choice.name!r} is not installed"
        return "version", what, f"installed here: {known}"
    own = {name for name, _ in (*INSTALLED, *ANALYSES)}
    names = sorted(own | {found.name for found in brought()})
    return "name", f"there is no recipe {choice.name!r}", _nearest(choice.name, names)


def _option_fault(error: dict[str, Any], options: type[BaseModel]) -> OptionFault:
    """Return one of Pydantic's findings in our words."""
    key = ".".join(["options", *(str(step) for step in error["loc"][:1])])
    if error["type"] == "extra_forbidden":
        near = _nearest(str(error["loc"][0]), sorted(options.model_fields))
        return key, "there is no such option", near
    said = error["msg"].removeprefix("Value error, ")
    what = said[0].lower() + said[1:]
    if error["loc"]:
        field = options.model_fields[str(error["loc"][0])]
        return key, f"{what} (found {error['input']!r})", f"the default is {field.default!r}"
    return key, what, "change one of the two"


def _nearest(word: str, valid: list[str]) -> str:
    close = get_close_matches(word, valid, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"valid here: {', '.join(valid)}"
