"""Which recipes are installed, and what a study file may say about them.

A recipe is chosen by name and version; its code is here, at every site, and never travels.
To add one: write its file, list it in `INSTALLED`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ValidationError

from modelward.core.study import RecipeChoice
from modelward.errors import StudyFileError
from modelward.recipes import cnn, logistic, mlp
from modelward.recipes.recipe import Recipe
from modelward.recipes.torch_present import require_torch

OptionFault = tuple[str, str, str]
"""Key below `[recipe]`, what is wrong with it, what to do."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One installed recipe: its class, the type of its options, whether torch trains it."""

    make: Callable[[Any], Recipe]
    options: type[BaseModel]
    torch: bool


INSTALLED = {
    ("logistic", 1): _Entry(logistic.Logistic, logistic.Options, torch=False),
    ("mlp", 1): _Entry(mlp.Mlp, mlp.Options, torch=True),
    ("cnn", 1): _Entry(cnn.Cnn, cnn.Options, torch=True),
}
"""Every recipe this installation can train, by name and version."""


def recipe(choice: RecipeChoice) -> Recipe:
    """Return the recipe that a study chose.

    Raises:
        StudyFileError: With every fault of `option_faults`, if there are any.
    """
    faults = option_faults(choice)
    if faults:
        raise StudyFileError(
            "; ".join(f"recipe.{key}: {what}" for key, what, _ in faults),
            why="a recipe runs with the options that were signed, or not at all",
            remedy="; ".join(dict.fromkeys(remedy for _, _, remedy in faults)),
        )
    entry = INSTALLED[choice.name, choice.version]
    return entry.make(entry.options(**choice.options))


def load(choice: RecipeChoice) -> None:
    """Import now what the recipe trains with, so that forked workers have it.

    Raises:
        MissingExtra: If the recipe needs torch and torch is not installed.
    """
    if INSTALLED[choice.name, choice.version].torch:
        require_torch()
        import_module("modelward.recipes.torch_cpu").single_thread()


def option_faults(choice: RecipeChoice) -> list[OptionFault]:
    """Return everything that is wrong with a `[recipe]` table; empty if nothing is."""
    entry = INSTALLED.get((choice.name, choice.version))
    if entry is None:
        return [_unknown_recipe(choice)]
    try:
        entry.options(**choice.options)
    except ValidationError as error:
        return [_option_fault(dict(entry_), entry.options) for entry_ in error.errors()]
    return []


def _unknown_recipe(choice: RecipeChoice) -> OptionFault:
    versions = [version for name, version in INSTALLED if name == choice.name]
    if versions:
        known = ", ".join(map(str, versions))
        what = f"version {choice.version} of {choice.name!r} is not installed"
        return "version", what, f"installed here: {known}"
    names = sorted({name for name, _ in INSTALLED})
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
