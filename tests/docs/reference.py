"""Write docs/reference from the code: every key of a study, every command with its help.

python -m tests.docs.reference        writes both pages
tests/docs/test_reference.py          says when they are behind
"""

import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

from modelward.cli.app import app
from modelward.core.cohort import Cohort, Criterion, Index
from modelward.core.features import BooleanFeature, CategoryFeature, ImageFeature, NumberFeature
from modelward.core.judging import EvaluationTerms, WithoutDp
from modelward.core.reporting import Reporting
from modelward.core.sequences import SequenceFeature, SequenceItem
from modelward.core.sharing import Sharing
from modelward.core.study import (
    About,
    DifferentialPrivacy,
    Plan,
    Privacy,
    RecipeChoice,
    Robust,
    ServerOptimiser,
    Sites,
    Stop,
)
from modelward.core.targets import (
    CategoryTarget,
    MaskTarget,
    NumberTarget,
    Target,
    TimeToEventTarget,
)
from modelward.core.training import LocalTraining, Personal, Uplink
from modelward.recipes.catalogue import ANALYSES, INSTALLED
from tests.docs.combinations import combinations_page

FOLDER = Path(__file__).parents[2] / "docs" / "reference"

TABLES: dict[str, type[BaseModel]] = {
    "[study]": About,
    "[cohort]": Cohort,
    "[cohort.index]": Index,
    "[cohort.all.NAME], [cohort.any.NAME], [cohort.exclude.NAME]": Criterion,
    "[features.NAME] with type = \"number\"": NumberFeature,
    "[features.NAME] with type = \"boolean\"": BooleanFeature,
    "[features.NAME] with type = \"category\"": CategoryFeature,
    "[features.NAME] with type = \"image\"": ImageFeature,
    "[features.NAME] with type = \"sequence\"": SequenceFeature,
    "[features.NAME.items.ITEM]": SequenceItem,
    "[target.NAME]": Target,
    "[target.NAME] with type = \"category\"": CategoryTarget,
    "[target.NAME] with type = \"mask\"": MaskTarget,
    "[target.NAME] with type = \"number\"": NumberTarget,
    "[target.NAME] with type = \"time-to-event\"": TimeToEventTarget,
    "[recipe]": RecipeChoice,
    "[plan]": Plan,
    "[plan.server]": ServerOptimiser,
    "[plan.robust]": Robust,
    "[plan.local]": LocalTraining,
    "[plan.personal]": Personal,
    "[plan.uplink]": Uplink,
    "[stop]": Stop,
    "[privacy]": Privacy,
    "[privacy.dp]": DifferentialPrivacy,
    "[sites]": Sites,
    "[sharing]": Sharing,
    "[report]": Reporting,
    "[evaluation]": EvaluationTerms,
    "[evaluation.without_dp]": WithoutDp,
}  # fmt: skip
"""Every table of a study file, in the order of the model."""

STUDY_INTRO = """\
# Every key of study.toml

Written from the code by `make reference`; do not edit. A key that is not listed
here is refused. What the file means is in [formats/study.md](../formats/study.md), and
`modelward study schema` prints the same for editors.
"""

CLI_INTRO = """\
# Every command

Written from the code by `make reference`; do not edit. Errors are printed on
stderr in three sentences, and their exit codes are in [errors.md](../errors.md).
"""


def commands(command: object = None, prefix: str = "") -> list[str]:
    """Return the name of every command, the program itself first."""
    here = typer.main.get_command(app) if command is None else command
    below = getattr(here, "commands", {})
    names = [commands(each, f"{prefix} {name}".strip()) for name, each in below.items()]
    return [prefix, *(name for group in names for name in group)]


def study_page() -> str:
    """Return docs/reference/study.md."""
    parts = [STUDY_INTRO]
    parts += [
        _table(title, kind.model_json_schema(), kind.__doc__) for title, kind in TABLES.items()
    ]
    for (name, version), options in _options():
        title = f"[recipe] options of {name}, version {version}"
        parts.append(_table(title, options.model_json_schema(), ""))
    return "\n".join(parts)


def _options() -> Iterator[tuple[tuple[str, int], type[BaseModel]]]:
    yield from ((key, entry.options) for key, entry in INSTALLED.items())
    yield from ((key, entry.options) for key, entry in ANALYSES.items())


def cli_page() -> str:
    """Return docs/reference/cli.md."""
    return "\n".join([CLI_INTRO, *(_command(command) for command in commands())])


def help_of(command: str) -> str:
    """Return what `modelward COMMAND --help` prints on a terminal of 80 columns."""
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"
    said = StringIO()
    try:
        with redirect_stdout(said):
            words = [*command.split(), "--help"]
            typer.main.get_command(app).main(words, "modelward", standalone_mode=False)
    finally:
        os.environ.pop("COLUMNS")
        if columns is not None:
            os.environ["COLUMNS"] = columns
    return said.getvalue()


def _command(command: str) -> str:
    name = f"modelward {command}".strip()
    return f"## {name}\n\n```console\n$ {name} --help\n{help_of(command)}```\n"


def _table(title: str, schema: dict[str, Any], about: str | None) -> str:
    first = (about or "").split("\n", maxsplit=1)[0]
    said = first.partition(": ")[2] or first
    lines = [f"## {title}\n"]
    if said:
        lines.append(f"{said[0].upper()}{said[1:]}\n")
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    required = schema.get("required", ())
    for key, entry in schema["properties"].items():
        default = "required" if key in required else f"`{_toml(entry.get('default'))}`"
        default = "absent" if default == "`None`" else default
        meaning = entry.get("description", "Which of the four it is." if key == "type" else "")
        values = " or ".join(dict.fromkeys(_values(entry, schema.get("$defs", {}))))
        lines.append(f"| `{key}` | {values} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def _values(entry: dict[str, Any], defs: dict[str, Any]) -> Iterator[str]:
    """Yield what a key may be, in words."""
    for choice in entry.get("anyOf", ()):
        if choice.get("type") != "null":
            yield from _values(choice, defs)
    if "const" in entry:
        yield f"`{_toml(entry['const'])}`"
    elif "enum" in entry:
        yield ", ".join(f"`{_toml(each)}`" for each in entry["enum"])
    elif "$ref" in entry or entry.get("type") == "object":
        yield "a table"
    elif entry.get("type") == "array":
        yield _array(entry, defs)
    elif "type" in entry:
        words = {
            "integer": "whole number",
            "number": "number",
            "string": "text",
            "boolean": "`true`, `false`",
        }
        yield f"{words[entry['type']]}{_bounds(entry)}"


def _array(entry: dict[str, Any], defs: dict[str, Any]) -> str:
    if "prefixItems" in entry:
        inner = ", ".join(next(_values(each, defs)) for each in entry["prefixItems"])
        return f"[{inner}]"
    return f"list of {next(_values(entry['items'], defs))}"


def _bounds(entry: dict[str, Any]) -> str:
    if "pattern" in entry:
        return f" like `{entry['pattern'].strip('^$')}`"
    low = {"minimum": "from", "exclusiveMinimum": "above"}
    high = {"maximum": "to", "exclusiveMaximum": "below"}
    said = [
        f"{word} {entry[key]:g}"
        for key, word in {**low, **high}.items()
        if key in entry and entry[key] < 2**31 - 1
    ]
    return " " + " ".join(said) if said else ""


def _toml(value: object) -> str:
    """Return a default as the file would spell it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return str(value)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "study.md").write_text(study_page(), "utf-8")
    (FOLDER / "cli.md").write_text(cli_page(), "utf-8")
    (FOLDER / "combinations.md").write_text(combinations_page(), "utf-8")
