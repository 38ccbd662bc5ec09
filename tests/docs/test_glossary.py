"""Every public class of the vocabulary has an entry in the glossary, with one sentence."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
CORE = sorted((ROOT / "src" / "modelward" / "core").glob("*.py"))

CLASSES = [
    node.name
    for path in CORE
    for node in ast.parse(path.read_text()).body
    if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
]
"""Names of public classes in core/, in the order of the files."""

WORDS = (
    "site", "hub", "study", "plan", "recipe", "round", "task", "answer", "update", "gate",
    "release", "refusal", "ledger", "checkpoint", "cohort", "patient", "artifact", "witness",
    "budget", "epsilon", "delta", "clip norm", "aggregator", "data officer",
)  # fmt: skip
"""The words that every page uses, one meaning each."""


def spoken(name: str) -> str:
    """Return a class name as words: `RecipeChoice` is `recipe choice`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def entries() -> str:
    """Return the glossary in lower case, without marks of emphasis."""
    return re.sub(r"[*_`]", "", GLOSSARY.read_text("utf-8")).lower()


@pytest.mark.parametrize("name", [*CLASSES, *WORDS])
def test_the_glossary_explains_it(name):
    word = re.escape(spoken(name) if name in CLASSES else name)
    alone = re.escape(name.lower())

    assert re.search(rf"^\W*(?:[^|:\n]*\b)?(?:{word}|{alone})\b", entries(), re.M), name


def test_there_are_classes_to_explain():
    assert {"Study", "Task", "Card", "Finding", "Release", "Refusal"} <= set(CLASSES)
