"""What can be said of the meaning of a study of which some values cannot be read.

A study with a wrong word in one table and a disagreement between two others has two faults, and
both are told. So other values stand in for those that cannot be read, so that the rest can be,
and their places are marked. A check of meaning that looks at a marked place is stopped there
and says nothing; the others say what they find.

Where it is not clear what a key was meant to be (there is no such key, and none is near), or a
study has very many faults, nothing is said of its meaning. What is wrong with the values
themselves is core/faults.py's.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError

from modelward.core.faults import Fault, fields_at, nearest, tables_with
from modelward.core.study import Study

Check = Callable[[Study], list[Fault]]
Place = tuple[str, ...]
"""Of a key or table, as the file spells it."""

GONE = object()
"""Stands for a key that is taken out."""

STAND_INS: tuple[object, ...] = (GONE, "a", 1, 0.5, True, ["a"], [1], {}, {"type": "boolean"})
"""One value of each kind. Nobody looks at it: a mark takes its place."""

MOST = 20
"""Faults up to which a study is read in part; beyond, it is another kind of file."""


class Unreadable(Exception):
    """A check has looked at a value that could not be read."""


class _Mark:
    """Stands where a value could not be read; whoever looks at it is stopped."""

    def _stop(self, *_: object) -> NoReturn:
        raise Unreadable

    __getattr__ = __getitem__ = __iter__ = __len__ = __contains__ = __bool__ = _stop
    __float__ = __int__ = __index__ = __str__ = __repr__ = __format__ = _stop
    __eq__ = __ne__ = __hash__ = __lt__ = __le__ = __gt__ = __ge__ = _stop
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _stop
    __truediv__ = __rtruediv__ = __neg__ = __abs__ = __round__ = __call__ = _stop
    __class__: Any = property(_stop)  # isinstance asks for it


def half_read(table: str, checks: Sequence[Check]) -> list[Fault]:
    """Return what the checks find that look at nothing unreadable.

    Args:
        table: The study as JSON; it does not validate.
        checks: Each returns its faults, all or none.
    """
    mended = _mended(json.loads(table))
    if mended is None:
        return []
    found: list[Fault] = []
    for check in checks:
        try:
            found += check(mended)
        except Unreadable:
            continue  # what it would say depends on what nobody can read
    return found


def _mended(table: Any) -> Study | None:  # noqa: ANN401 - parsed JSON
    """Return the study with a mark at each place that cannot be read; None if it cannot be."""
    marked: list[Place] = []
    for _ in range(MOST):
        try:
            study = Study.model_validate_json(json.dumps(table), strict=True)
        except ValidationError as error:
            places = _mend(table, error.errors(include_url=False)[0])
            if not places:
                return None
            marked += places
        else:
            for place in marked:
                study = _with_mark(study, place)
            return study
    return None


def _mend(table: Any, entry: Any) -> list[Place]:  # noqa: ANN401 - parsed JSON, ErrorDetails
    """Have `table` without one fault; return the places to mark, none if that cannot be had."""
    loc = tuple(map(str, entry["loc"]))
    if entry["type"] == "extra_forbidden":
        place = _spelled(table, loc)
        _put(table, place, GONE)
        return _meant(loc, place[:-1])
    place = _place(table, entry)
    for end in range(len(place), 0, -1):
        if _stands_in(table, place[:end]):
            return [place[:end]]
    return []


def _stands_in(table: Any, place: Place) -> bool:  # noqa: ANN401 - parsed JSON
    """Return whether some value at `place` leaves no fault there; it is put there then."""
    within_names = len(place) == 2 and place[0] in {"features", "target"}  # noqa: PLR2004
    for value in STAND_INS[1:] if within_names else STAND_INS:
        _put(table, place, value)
        if not any(each[: len(place)] == place for each in _faulty(table)):
            return True
    return False


def _faulty(table: Any) -> Iterator[Place]:  # noqa: ANN401 - parsed JSON
    """Yield the places at which `table` has a fault."""
    try:
        Study.model_validate_json(json.dumps(table), strict=True)
    except ValidationError as error:
        yield from (_place(table, entry) for entry in error.errors(include_url=False))


def _place(table: Any, entry: Any) -> Place:  # noqa: ANN401 - parsed JSON, ErrorDetails
    """Return the key that a fault is about: the missing one, or the one that is wrong."""
    loc = tuple(map(str, entry["loc"]))
    if entry["type"] != "missing" or loc[-1].isdecimal():  # of a list that is too short
        return _spelled(table, loc)
    return (*_spelled(table, loc[:-1]), loc[-1])


def _spelled(table: Any, loc: Place) -> Place:  # noqa: ANN401 - parsed JSON
    """Return the key at `loc` as the file spells it: no tags, no types, no places in lists."""
    here, place = table, list[str]()
    for step in loc:
        if isinstance(here, dict) and step in here:
            place.append(step)
            here = here[step]
    return tuple(place)


def _meant(loc: Place, table: Place) -> list[Place]:
    """Return which keys may have been meant by one that does not exist in a table."""
    found = re.fullmatch(r"did you mean '(.*)'\?", nearest(loc[-1], fields_at(Study, loc[:-1])))
    elsewhere = [(*name.split("."), loc[-1]) for name in tables_with(loc[-1], Study)]
    return [*elsewhere, *([(*table, found[1])] if found else [])]


def _put(table: Any, place: Place, value: object) -> None:  # noqa: ANN401 - parsed JSON
    """Put a value at `place`, or take the key there out."""
    *above, last = place
    for step in above:
        table = table.setdefault(step, {})
    if value is GONE:
        table.pop(last, None)
    else:
        table[last] = value


def _with_mark(here: Any, place: Place) -> Any:  # noqa: ANN401 - a study, or a part of it
    """Return a part of a study with a mark at `place`."""
    if not place or type(here) is _Mark:
        return _Mark()
    first, rest = place[0], place[1:]
    if isinstance(here, BaseModel) and first in type(here).model_fields:
        return here.model_copy(update={first: _with_mark(getattr(here, first), rest)})
    if isinstance(here, dict):
        return {**here, first: _with_mark(here.get(first), rest)}
    return _Mark()
