"""The part of FHIRPath that SQL-on-FHIR views need, over parsed JSON.

    path       name.name, name[0], choices of a type by name.ofType(Type)
    functions  where, exists, empty, not, first, join, ofType, extension,
               getResourceKey, getReferenceKey
    operators  =, !=, and, or; texts in single quotes, numbers, true, false, %constants

FHIRPath 2.0 (hl7.org/fhirpath), the subset named in SQL on FHIR v2 (sql-on-fhir.org, 2.0,
"required additional functions" and "required expressions"). What is not in it is refused
when the view is read, with the expression. A collection is a list; nothing is ever executed
but what is written here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Items = list[Any]
Scope = Mapping[str, Any]
Expression = Callable[[Items, Scope], Items]

TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<constant>%\w+)"
    r"|(?P<name>[A-Za-z_$]\w*)|(?P<mark>!=|[=.()\[\],]))"
)


class BadPath(ValueError):
    """An expression outside the subset; its text says what was not understood."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of an element that may have several types, such as `valueQuantity`."""

    kind: str
    value: Any


def compiled(text: str) -> Expression:
    """Return the expression that `text` writes.

    Raises:
        BadPath: If it is not within the subset.
    """
    reading = _Reading(_tokens(text))
    expression = reading.either()
    if reading.left():
        raise BadPath(f"{text!r}: {reading.peek()!r} is not understood there")
    return expression


def plain(items: Items) -> Items:
    """Return items with choices opened."""
    return [item.value if isinstance(item, Choice) else item for item in items]


def true(items: Items) -> bool:
    """Return whether a collection counts as true: a single true, or a single other thing."""
    found = plain(items)
    return len(found) == 1 and found[0] is not False


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        if match is None:
            raise BadPath(f"{text!r}: {text[at:].strip()[:20]!r} is not understood")
        found.append((str(match.lastgroup), match[match.lastgroup or 0]))
        at = match.end()
    if not found:
        raise BadPath("an expression is empty")
    return found


class _Reading:
    """One pass over the tokens of an expression, by descent."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def left(self) -> bool:
        return self._at < len(self._tokens)

    def peek(self) -> str:
        return self._tokens[self._at][1] if self.left() else ""

    def take(self, wanted: str = "") -> tuple[str, str]:
        if not self.left() or (wanted and self.peek() != wanted):
            raise BadPath(f"{wanted or 'something'!r} is missing before {self.peek()!r}")
        self._at += 1
        return self._tokens[self._at - 1]

    def either(self) -> Expression:
        parts = [self.both()]
        while self.peek() == "or":
            self.take()
            parts.append(self.both())
        if len(parts) == 1:
            return parts[0]
        return lambda items, scope: [any(true(part(items, scope)) for part in parts)]

    def both(self) -> Expression:
        parts = [self.equal()]
        while self.peek() == "and":
            self.take()
            parts.append(self.equal())
        if len(parts) == 1:
            return parts[0]
        return lambda items, scope: [all(true(part(items, scope)) for part in parts)]

    def equal(self) -> Expression:
        here = self.path()
        if self.peek() not in {"=", "!="}:
            return here
        same = self.take()[1] == "="
        there = self.path()

        def compare(items: Items, scope: Scope) -> Items:
            left, right = plain(here(items, scope)), plain(there(items, scope))
            return [(left == right) == same] if left and right else []

        return compare

    def path(self) -> Expression:
        steps = [self.first_step()]
        while self.peek() in {".", "["}:
            if self.take()[1] == ".":
                steps.append(self.step())
            else:
                steps.append(_place(int(self.take()[1])))
                self.take("]")

        def follow(items: Items, scope: Scope) -> Items:
            for step in steps:
                items = step(items, scope)
            return items

        return follow

    def first_step(self) -> Expression:
        kind, text = self._tokens[self._at] if self.left() else ("", "")
        if kind == "text":
            self.take()
            return _always(re.sub(r"\\(.)", r"\1", text[1:-1]))
        if kind == "number":
            self.take()
            return _always(float(text) if "." in text else int(text))
        if kind == "constant":
            self.take()
            return lambda _, scope: [scope[text[1:]]]
        if text in {"true", "false"}:
            self.take()
            return _always(text == "true")
        if text == "(":
            self.take()
            inner = self.either()
            self.take(")")
            return inner
        return self.step()

    def step(self) -> Expression:
        kind, name = self.take()
        if kind != "name":
            raise BadPath(f"{name!r} is no name")
        if self.peek() != "(":
            return _child(name) if name != "$this" else lambda items, _: items
        self.take("(")
        arguments: list[tuple[str, Expression]] = []
        while self.peek() != ")":
            start = self.peek()
            arguments.append((start, self.either()))
            if self.peek() != ")":
                self.take(",")
        self.take(")")
        return _function(name, arguments)


def _always(value: Any) -> Expression:  # noqa: ANN401 - a text, a number or a truth
    return lambda _items, _scope: [value]


def _place(number: int) -> Expression:
    return lambda items, _: items[number : number + 1]


def _child(name: str) -> Expression:
    choice = re.compile(rf"{re.escape(name)}([A-Z]\w*)$")

    def children(items: Items, _: Scope) -> Items:
        found: Items = []
        for item in plain(items):
            if not isinstance(item, dict):
                continue
            if name in item:
                value = item[name]
                found += value if isinstance(value, list) else [value]
                continue
            found += [Choice(match[1], value) for key, value in item.items()
                      if (match := choice.match(key))]  # fmt: skip
        return found

    return children


def _function(name: str, arguments: list[tuple[str, Expression]]) -> Expression:
    known: dict[str, tuple[int, int]] = {
        "where": (1, 1), "exists": (0, 1), "empty": (0, 0), "not": (0, 0), "first": (0, 0),
        "join": (0, 1), "ofType": (1, 1), "extension": (1, 1), "getResourceKey": (0, 0),
        "getReferenceKey": (0, 1),
    }  # fmt: skip
    least, most = known.get(name, (0, -1))
    if not least <= len(arguments) <= most:
        raise BadPath(f"the function {name}() is not one that is read here, or not so")
    word = arguments[0][0] if arguments else ""
    inner = arguments[0][1] if arguments else (lambda items, _: items)

    def where(items: Items, scope: Scope) -> Items:
        return [item for item in items if true(inner([item], scope))]

    functions: dict[str, Expression] = {
        "where": where,
        "exists": lambda items, scope: [bool(where(items, scope) if arguments else items)],
        "empty": lambda items, _: [not items],
        "not": lambda items, _: [not true(items)] if items else [],
        "first": lambda items, _: items[:1],
        "join": lambda items, scope: [
            (inner(items, scope)[0] if arguments else "").join(map(str, plain(items)))
        ],
        "ofType": lambda items, _: [
            item.value if isinstance(item, Choice) else item
            for item in items
            if not isinstance(item, Choice) or item.kind.lower() == word.lower()
        ],
        "extension": lambda items, scope: [
            each
            for item in plain(items)
            if isinstance(item, dict)
            for each in item.get("extension", ())
            if each.get("url") == inner(items, scope)[0]
        ],
        "getResourceKey": lambda items, _: [
            item["id"] for item in items if isinstance(item, dict) and "id" in item
        ],
        "getReferenceKey": lambda items, _: _keys(items, word),
    }
    return functions[name]


def _keys(items: Items, kind: str) -> Items:
    """Return the ids that references lead to, of one type if it is named."""
    found = []
    for item in plain(items):
        reference = item.get("reference") if isinstance(item, dict) else None
        if not isinstance(reference, str):
            continue
        parts = reference.removeprefix("urn:uuid:").split("/")
        if kind and len(parts) > 1 and parts[-2] != kind:
            continue
        found.append(parts[-1])
    return found
