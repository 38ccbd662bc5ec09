"""What is wrong with a file people write, all of it at once.

A fault names the file, the key, what is wrong with it and, for a key that does not exist,
the nearest one that does. study.toml and the site's own files are explained the same way.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from modelward.core.terms import NAME

MOST = 100
"""Faults told at once: nobody reads more, and a file of a million is not worth explaining."""

MOST_TABLES = 2
"""Tables that are named because they have a key; with more, the name says nothing."""

_LONGEST = 120

MEMBERS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "tuple[int, ...]": "a list of whole numbers",
}
"""Types that a value may have one of, as Pydantic names them in the path of an error."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one key.

    Attributes:
        key: Dotted, such as `plan.rounds`; empty for the file as a whole.
        says: What is wrong.
    """

    key: str
    says: str

    def line(self) -> str:
        """Return the fault as one line."""
        return f"{self.key[:_LONGEST]}: {self.says}" if self.key else self.says


def from_validation(
    error: ValidationError, model: type[BaseModel], said_by: Mapping[str, str] | None = None
) -> list[Fault]:
    """Return the faults of a Pydantic error, with the nearest valid key for unknown ones.

    Args:
        error: What was raised.
        model: Of the whole file.
        said_by: Words that are no value here, in small letters, and what says them instead.
    """
    told = [*islice(error.errors(include_url=False), MOST)]
    found = [_fault(entry, model, said_by or {}) for entry in _united(told)]
    left = error.error_count() - len(told)
    return [*found, Fault("", f"and {left:,} more")] if left else found


def lines(file: str, faults: Iterable[Fault]) -> str:
    """Return the faults as indented lines under the file's name."""
    listed = list(faults)
    count = "1 fault" if len(listed) == 1 else f"{len(listed)} faults"
    return f"{file}: {count}" + "".join(f"\n    {fault.line()}" for fault in listed)


def nearest(word: str, valid: Iterable[str]) -> str:
    """Return 'did you mean ...?' for the closest valid word, or the list of valid ones.

    Words that differ in capitals alone are closest; other words are compared as written first.
    """
    choices, word = sorted(valid), word[:_LONGEST]
    small = {choice.casefold(): choice for choice in reversed(choices)}
    close = small.get(word.casefold())
    for key in () if close else get_close_matches(word, choices, n=1, cutoff=0.6):
        close = key
    for key in () if close else get_close_matches(word.casefold(), small, n=1, cutoff=0.6):
        close = small[key]
    return f"did you mean {close!r}?" if close else f"valid here: {', '.join(choices)}"


def _united(told: Sequence[Any]) -> list[Any]:
    """Return errors with those of one value, one for each type that it is not, as one.

    A list is not too short besides, where entries of it are wrong: Pydantic drops these first.
    """
    inner = {entry["loc"][:n] for entry in told for n in range(len(entry["loc"]))}
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for entry in told:
        loc = entry["loc"]
        if entry["type"] == "too_short" and loc in inner:
            continue
        place = next((n for n, step in enumerate(loc) if n and step in MEMBERS), None)
        alone = (*loc, len(groups))  # two errors of one key are not one
        groups.setdefault(alone if place is None else loc[:place], []).append(entry)
    return [each for loc, group in groups.items() for each in _as_one(loc, group)]


def _as_one(loc: tuple[Any, ...], group: Sequence[Any]) -> Sequence[Any]:
    tried = list(dict.fromkeys(entry["loc"][len(loc)] for entry in group if len(group) > 1))
    if len(tried) < 2:  # noqa: PLR2004 - of one type only: no union
        return group
    *some, last = [MEMBERS[each] for each in tried]
    says = f"input should be {', '.join(some)} or {last}"
    return [{"type": "union", "loc": loc, "msg": says, "input": group[0].get("input")}]


def _fault(entry: Any, model: type[BaseModel], said_by: Mapping[str, str]) -> Fault:  # noqa: ANN401 - pydantic's ErrorDetails
    path = [str(step) for step in entry["loc"]]
    path = [step for step in path if step not in {"[key]"}]
    kind = entry["type"]
    if kind == "extra_forbidden":
        return Fault(_dotted(path, model), f"there is no such key{_rather(path, model)}")
    if kind == "missing":
        if path[-1].isdecimal() and len(path) > 1:  # of a list that is to have so many entries
            found = len(entry.get("input", ()))
            return Fault(_dotted(path[:-1], model), f"has {entries(found)}, and needs more")
        return Fault(_dotted(path, model), "is missing")
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _type_fault(_dotted(path, model), entry["ctx"], _tags_at(model, path))
    counted = _of_length(kind, entry.get("ctx", {}))
    if counted is not None and not isinstance(entry["input"], dict):
        return Fault(_dotted(path, model), counted)
    said = entry["msg"].removeprefix("Value error, ")
    given = entry.get("input")
    shown = f" (found {_short(given)})" if isinstance(given, str | int | float | bool) else ""
    said = _in_plain_words(entry) or said[0].lower() + said[1:]
    return Fault(_dotted(path, model), said + shown + _meant(entry, said_by))


def _in_plain_words(entry: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    """Return what a fault means to somebody who knows TOML and no Python; empty for most."""
    kind, context = entry["type"], entry.get("ctx", {})
    if kind == "string_pattern_mismatch" and context.get("pattern") == NAME:
        return "a name is a small letter, then small letters, digits, - and _, 63 in all"
    if kind in {"tuple_type", "list_type"}:
        return "is a list: write it in brackets, [...]"
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return "is a table of keys and values, not one value"
    if kind == "too_long" and isinstance(entry["input"], dict):
        return f"has {len(entry['input'])} tables, and {context['max_length']} is the most"
    return ""


def _rather(path: Sequence[str], model: type[BaseModel]) -> str:
    """Return where a key that is not valid here is, or the nearest one that is valid."""
    others, here = tables_with(path[-1], model), f"{_dotted(path[:-1], model)}."
    others = [name for name in others if name.startswith(here)] or others
    if 0 < len(others) <= MOST_TABLES:
        have = "has" if len(others) == 1 else "have"
        return f" here; {' and '.join(f'[{name}]' for name in others)} {have} one"
    return f"; {nearest(path[-1], fields_at(model, path[:-1]))}"


def tables_with(key: str, model: type[BaseModel], at: tuple[str, ...] = ()) -> list[str]:
    """Return the tables of the file that have this very key, as they are written."""
    found = [".".join(at)] if at and key in model.model_fields else []
    for name, field in model.model_fields.items():
        inner = _there(field.annotation)
        if _is_model(inner):
            found += tables_with(key, inner, (*at, name))
    return found


def _meant(entry: Any, said_by: Mapping[str, str]) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    """Return a guess at what was meant, where one is near; empty otherwise."""
    kind, given = entry["type"], entry.get("input")
    if not isinstance(given, str):
        return ""
    if kind == "string_pattern_mismatch" and entry["ctx"]["pattern"] == NAME:
        plain = re.sub("[^a-z0-9_-]+", "_", given.lower())
        return f"; did you mean {plain!r}?" if re.fullmatch(NAME, plain) else ""
    if kind == "literal_error":
        if given.lower() in said_by:
            return f"; {_short(given)} is {said_by[given.lower()]}"
        near = nearest(given, re.findall("'([^']*)'", entry["ctx"]["expected"]))
        return f"; {near}" if near.startswith("did") else ""
    if kind in {"int_type", "float_type"} and re.fullmatch(r"[-+]?\d+(\.\d+)?", given):
        return "; numbers stand without quotes"
    return ""


def _of_length(kind: str, found: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the number of entries of a list or table; None if nothing."""
    if kind == "too_long":
        actual = found.get("actual_length") or found["max_length"] + 1
        return f"has {entries(actual)}, and may have {found['max_length']} at most"
    if kind == "too_short":
        return f"has {entries(found['actual_length'])}, and needs {found['min_length']} or more"
    return None


def entries(number: int) -> str:
    """Return how many entries there are, in words.

    >>> entries(1)
    '1 entry'
    """
    return f"{number} entr{'y' if number == 1 else 'ies'}"


def _short(given: object) -> str:
    """Return a value as it stands in the file, cut where it is long."""
    shown = repr(given)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _type_fault(key: str, found: Mapping[str, Any], valid: Sequence[str]) -> Fault:
    """Return the fault of a table whose `type` says nothing, or nothing that exists."""
    if "tag" not in found:
        return Fault(f"{key}.type", f"is missing; {nearest('', valid)}")
    return Fault(
        f"{key}.type",
        f"there is no type {_short(found['tag'])}; {nearest(found['tag'], valid)}",
    )


def _tags_at(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """Return what `type` may say in the table at `path`."""
    here: Any = model
    for step in path:
        _, here = _step(here, step)
    fields = [m.model_fields.get("type") for m in _members(here) if _is_model(m)]
    return [tag for field in fields if field for tag in get_args(field.annotation)]


def _dotted(path: Sequence[str], model: type[BaseModel]) -> str:
    """Return `path` as the file spells it: without the tag of a tagged union."""
    spelled: list[str] = []
    here: Any = model
    for step in path:
        found, here = _step(here, step)
        if found:
            spelled.append(step)
    return ".".join(spelled)


def fields_at(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """Return the keys that are valid in the table at `path`."""
    here: Any = model
    for step in path:
        _, here = _step(here, step)
    here = _there(here)
    return list(here.model_fields) if _is_model(here) else []


def _there(annotation: Any) -> Any:  # noqa: ANN401 - a type annotation
    """Return what an optional table is where it is written; anything else as it is."""
    parts = get_args(annotation)
    tables = [part for part in parts if _is_model(part)]
    return tables[0] if type(None) in parts and len(tables) == 1 else annotation


def _step(here: Any, step: str) -> tuple[bool, Any]:  # noqa: ANN401 - a type annotation
    """Return whether `step` is spelled in the file, and the type it leads to.

    The tag of a tagged union (`number` in `features.age.number.unit`) is Pydantic's way to
    say which member it tried; it is not in the file.
    """
    here = _there(here)
    if _is_model(here):
        field = here.model_fields.get(step)
        return True, field.annotation if field else None
    members = [m for m in _members(here) if _is_model(m)]
    for member in members:
        tag = member.model_fields.get("type")
        if tag is not None and step in get_args(tag.annotation):
            return False, member
    arguments = get_args(here)
    return True, arguments[-1] if arguments else None


def _members(annotation: Any) -> list[Any]:  # noqa: ANN401 - a type annotation
    """Return the members of a union, looking through Annotated."""
    found: list[Any] = []
    for argument in get_args(annotation):
        found += [argument, *_members(argument)] if not isinstance(argument, str) else []
    return found


def _is_model(annotation: Any) -> bool:  # noqa: ANN401 - a type annotation
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
