"""One thing that was looked at, and what to do if it is not as it should be."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from modelward.errors import ModelwardError

State = Literal["ok", "warning", "failed"]
"""ok: as it should be; warning: works now, or less well; failed: the node cannot work so."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was found.

    Attributes:
        name: What was looked at, in a word or two; stable, for programs.
        state: How it is.
        says: What was found, with figures.
        why: Why that matters; "" where it is ok.
        remedy: What to do now; "" where it is ok.
    """

    name: str
    state: State
    says: str
    why: str = ""
    remedy: str = ""


def ok(name: str, says: str) -> Check:
    """Return a check that found things as they should be."""
    return Check(name, "ok", says)


def tried(name: str, look: Callable[[], Iterable[Check]]) -> list[Check]:
    """Return what `look` finds; an error of ours becomes a failed check in its own words.

    A doctor goes on after the first thing that is wrong, so this catches the base class.
    """
    try:
        return list(look())
    except ModelwardError as error:
        return [Check(name, "failed", error.what, error.why, error.remedy)]
