"""Every error has its section, and what a section shows is what the code says."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from modelward import errors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text("utf-8")
ERRORS: list[type[errors.ModelwardError]] = [
    errors.ModelwardError,
    *errors.ModelwardError.__subclasses__(),
]
EXAMPLES = re.findall(r"```\n(.*?)\n  because (.*?)\n  try     (.*?)\n```", PAGE, re.S)


def section(name: str) -> str:
    """Return what the page says under the heading `name`."""
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert found, f"docs/errors.md has no section {name}"
    return found[1]


@pytest.mark.parametrize("error", ERRORS, ids=lambda cls: cls.__name__)
def test_every_error_has_a_section_with_its_exit_code(error):
    assert f"Exit {error.exit_code}." in section(error.__name__)


def test_every_section_is_of_an_error_that_exists():
    assert re.findall(r"^## (\w+)", PAGE, re.M) == [error.__name__ for error in ERRORS]


def test_exit_codes_are_never_shared():
    codes = [error.exit_code for error in ERRORS]

    assert len(set(codes)) == len(codes)
    assert not {0, 130} & set(codes)


def test_the_tree_at_the_top_of_the_file_is_the_tree():
    drawn = re.findall(r"(\w+) +exit (\d+)", errors.__doc__ or "")

    assert drawn == [(error.__name__, str(error.exit_code)) for error in ERRORS]


@pytest.mark.slow
@pytest.mark.parametrize("sentences", EXAMPLES, ids=lambda parts: parts[0][:30])
def test_an_example_says_what_the_code_says(sentences):
    _, why, remedy = sentences

    assert any(re.fullmatch(p, why, re.S) for p in said_as("why")), why
    assert any(re.fullmatch(p, remedy, re.S) for p in said_as("remedy")), remedy


def test_examples_were_found():
    assert len(EXAMPLES) >= 10


def said_as(argument: str) -> Iterator[str]:
    """Yield a pattern for every sentence that the code passes as `argument` to an error."""
    for path in (ROOT / "src").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == argument:
                yield _pattern(node.value, constants)


def _pattern(node: ast.expr, constants: Mapping[str, ast.expr]) -> str:
    """Return a pattern of what an expression of text may say; nothing if it is no text."""
    if isinstance(node, ast.Name) and node.id in constants:
        return _pattern(constants[node.id], constants)
    if isinstance(node, ast.Constant):
        return re.escape(str(node.value))
    if isinstance(node, ast.JoinedStr):
        parts = [v.value if isinstance(v, ast.Constant) else None for v in node.values]
        return "".join(".+" if part is None else re.escape(str(part)) for part in parts)
    if isinstance(node, ast.BinOp):
        return _pattern(node.left, constants) + _pattern(node.right, constants)
    if isinstance(node, ast.IfExp):
        return f"(?:{_pattern(node.body, constants)}|{_pattern(node.orelse, constants)})"
    return r"\Z\A"
