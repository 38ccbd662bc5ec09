"""Views over FHIR resources that a site writes itself: SQL on FHIR v2, as far as it is needed.

For records that the reader of fhir.py does not find, such as a score in an extension. A
ViewDefinition (JSON) turns a resource into rows; `[events]` in dataset.toml says which of its
columns are code, time, value and unit, and `[dataset] patient` which is the patient.

Read are `resource`, `constant`, `where`, and `select` with `column`, `forEach`,
`forEachOrNull`, `unionAll` and nested `select` (sql-on-fhir.org, 2.0). `type`, descriptions
and metadata are passed over. Paths are fhir_path.py's business.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from modelward.core.faults import Fault, lines
from modelward.errors import DataError
from modelward.readers.events.fhir_path import BadPath, Expression, Scope, compiled, plain, true

Row = dict[str, Any]
Rows = Callable[[Any, Scope], list[Row]]

PARTS = {"column", "select", "forEach", "forEachOrNull", "unionAll"}
"""What a selection may have."""


@dataclass(frozen=True, slots=True)
class View:
    """A view that was read.

    Attributes:
        resource: Type of the resources that it looks at.
        constants: Name -> value.
        where: All must be true of a resource.
        rows: Rows of a resource.
        columns: Names of its columns.
    """

    resource: str
    constants: Mapping[str, Any]
    where: tuple[Expression, ...]
    rows: Rows
    columns: tuple[str, ...]

    def of(self, resource: Mapping[str, Any]) -> list[Row]:
        """Return the rows of one resource of the view's type."""
        if not all(true(rule([resource], self.constants)) for rule in self.where):
            return []
        return self.rows(resource, self.constants)


def read_view(path: Path) -> View:
    """Return the view written at `path`.

    Raises:
        DataError: If it cannot be read, or asks for what is not understood here.
    """
    try:
        text = json.loads(path.read_text("utf-8"))
        columns: list[str] = []
        rows = _all([_selection(each, columns) for each in text["select"]])
        where = tuple(compiled(each["path"]) for each in text.get("where", ()))
        constants = {each["name"]: _constant(each) for each in text.get("constant", ())}
        names = _named_once(columns, text)
        return View(str(text["resource"]), constants, where, rows, names)
    except (OSError, UnicodeDecodeError) as error:
        raise _refuse(path, f"cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        raise _refuse(path, f"is not JSON: {error}") from error
    except (BadPath, KeyError, TypeError, AttributeError) as error:
        said = str(error) if isinstance(error, BadPath) else "is no ViewDefinition"
        raise _refuse(path, said) from error


def _named_once(columns: list[str], text: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of columns; branches of a union have the same ones."""
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice and "unionAll" not in json.dumps(text):
        raise BadPath(f"the column {twice[0]!r} is there twice")
    return tuple(dict.fromkeys(columns))


def _constant(each: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of any type
    return next(value for key, value in each.items() if key.startswith("value"))


def _selection(text: Mapping[str, Any], columns: list[str]) -> Rows:
    strange = sorted(set(text) - PARTS)
    if strange:
        raise BadPath(f"{strange[0]!r} in a selection is not understood")
    before = len(columns)
    parts = [_columns(text.get("column", ()), columns)]
    parts += [_selection(each, columns) for each in text.get("select", ())]
    if text.get("unionAll"):
        parts.append(_union([_selection(each, columns) for each in text["unionAll"]]))
    whole = _all(parts)
    path, null = text.get("forEach"), text.get("forEachOrNull")
    if path is None and null is None:
        return whole
    each_of = compiled(str(path or null))
    names = tuple(columns[before:])

    def unnested(node: Any, scope: Scope) -> list[Row]:  # noqa: ANN401 - parsed JSON
        found = [row for item in plain(each_of([node], scope)) for row in whole(item, scope)]
        return found or ([dict.fromkeys(names)] if null is not None else [])

    return unnested


def _columns(texts: Any, columns: list[str]) -> Rows:  # noqa: ANN401 - parsed JSON
    paths = {each["name"]: compiled(each["path"]) for each in texts}
    columns += paths

    def row(node: Any, scope: Scope) -> list[Row]:  # noqa: ANN401 - parsed JSON
        return [{name: _one(path([node], scope)) for name, path in paths.items()}]

    return row


def _one(items: list[Any]) -> Any:  # noqa: ANN401 - whatever the column holds
    """Return the only item; the first of several, as a value of an event is one."""
    found = plain(items)
    return found[0] if found else None


def _all(parts: list[Rows]) -> Rows:
    """Return rows that have the columns of all parts: every combination."""

    def crossed(node: Any, scope: Scope) -> list[Row]:  # noqa: ANN401 - parsed JSON
        return list(_joined(part(node, scope) for part in parts))

    return crossed


def _joined(groups: Iterator[list[Row]]) -> Iterator[Row]:
    for combination in product(*groups):
        yield {name: value for row in combination for name, value in row.items()}


def _union(parts: list[Rows]) -> Rows:
    return lambda node, scope: [row for part in parts for row in part(node, scope)]


def _refuse(path: Path, says: str) -> DataError:
    return DataError(
        lines(str(path), [Fault("", says)]),
        why="a view that is half understood would find other records than it was written for",
        remedy="write it with the parts that docs/formats/dataset.md names",
    )
