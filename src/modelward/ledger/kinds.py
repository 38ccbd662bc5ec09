"""What an entry may say: twenty kinds, each with its fields, and how each reads in words.

Whoever records something asks `fields` for the entry, and gets it only if every field of
the kind is there, of its type, and nothing else is. So a ledger can be read years later
with this page beside it. log.py itself takes any table: a reader that is older than a kind
still verifies it, and `words` shows it as it stands.

Only `release`, `refusal` and `hold` carry `task`: the last entry of a task is its answer.
The kinds are listed in docs/formats/ledger.md. No field holds patient data; a finding may
hold counts, and the salt of every entry (entry.py) keeps its hash from telling them.
"""

import difflib
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from modelward.core.canonical import Json
from modelward.errors import BadArtifact
from modelward.ledger.entry import RESERVED

Check = Callable[[object], bool]

_HEX = frozenset(string.digits + "abcdef")


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and _HEX.issuperset(value)  # noqa: PLR2004


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value)


def _is_tables(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(_is_table, value))


def _is_hashes(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_hash, value))


def _is_state(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) == {"size", "root"}
        and _is_count(value["size"])
        and _is_hash(value["root"])
    )


def _is_findings(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(
            isinstance(each, Mapping)
            and set(each) == {"rule", "says", "remedy"}
            and all(map(_is_text, each.values()))
            for each in value
        )
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of entry.

    Attributes:
        says: The entry in words; field names stand in braces.
        needs: Required fields, each with what it must be.
        may: Optional fields.
    """

    says: str
    needs: Mapping[str, Check]
    may: Mapping[str, Check] = field(default_factory=dict)


_ASKED = {"study": _is_hash, "round": _is_count, "task": _is_hash, "artifact": _is_text}
_SIGNED = {"decision": _is_hash, "key": _is_hash, "number": _is_count}
"""What a person signed (artifact/decision.py): its hash, the key, its place in order."""

_JUDGED = {"policy": _is_hash, "leakage": _is_hash}
_REVIEWED = {"by": _is_text, "key": _is_hash, "review": _is_hash}
"""Who decided about what was held (artifact/review.py): name, key, hash of what was signed."""

KINDS: Mapping[str, Kind] = {
    "approval": Kind(
        "{by} approved study {study} for the roster {roster}",
        {"study": _is_hash, "by": _is_text, "roster": _is_hash},
        {"policy": _is_hash, **_SIGNED},
    ),
    "decline": Kind(
        "{by} declined study {study} with the roster {roster}",
        {"study": _is_hash, "by": _is_text, "roster": _is_hash},
        {"reason": _is_text, **_SIGNED},
    ),
    "release": Kind(
        "released {artifact} {sha256}, {bytes} bytes from {patients} patients,"
        " for round {round} of study {study}",
        {
            **_ASKED,
            "sha256": _is_hash,
            "bytes": _is_count,
            "patients": _is_count,
            "privacy": _is_table,
        },
        {**_JUDGED, "plaintext": _is_hash, "cut": _is_count, **_REVIEWED},
    ),
    "refusal": Kind(
        "refused {artifact} for round {round} of study {study}: {findings}",
        {**_ASKED, "findings": _is_findings},
        {**_JUDGED, **_REVIEWED},
    ),
    "hold": Kind(
        "holds {artifact} for round {round} of study {study} until {awaits} decides:"
        " {findings}",
        {**_ASKED, "findings": _is_findings, "awaits": _is_text},
        {**_JUDGED, "card": _is_hash},
    ),
    "reservation": Kind(
        "reserved {events} on cohort {cohort} under {reservation} for study {study}",
        {"study": _is_hash, "reservation": _is_text, "cohort": _is_hash, "events": _is_tables},
    ),
    "privacy": Kind(
        "booked {event} on cohort {cohort} for round {round} of study {study}",
        {"study": _is_hash, "round": _is_count, "cohort": _is_text, "event": _is_table},
        {"asked": _is_hash},
    ),
    "closure": Kind(
        "gave back what was not used of reservation {reservation} for study {study}",
        {"study": _is_hash, "reservation": _is_text},
    ),
    "gap": Kind(
        "took {spent} as spent for what is missing before this entry: {by}",
        {"alarm": _is_text, "by": _is_text, "spent": _is_table},
        {"settlements": _is_hashes},
    ),
    "policy": Kind(
        "{by} changed the policy from {before} to {after}",
        {"by": _is_text, "before": _is_hash, "after": _is_hash},
        {"reason": _is_text},
    ),
    "withdrawal": Kind(
        "{by} withdrew from study {study}",
        {"study": _is_hash, "by": _is_text},
        {"reason": _is_text, "roster": _is_hash, **_SIGNED},
    ),
    "intake": Kind(
        "let task {asked} not in, round {round} of study {study}: {findings}",
        {"study": _is_hash, "round": _is_count, "asked": _is_hash, "findings": _is_findings},
    ),
    "failure": Kind(
        "got no answer to task {asked}, round {round} of study {study}: {findings}",
        {"study": _is_hash, "round": _is_count, "asked": _is_hash, "findings": _is_findings},
    ),
    "message": Kind(
        "refused a message: {finding}",
        {"finding": _is_text},
        {"study": _is_hash},
    ),
    "receipt": Kind(
        "received model {sha256}, {bytes} bytes from {source}, for round {round} of"
        " study {study}",
        {
            "study": _is_hash,
            "round": _is_count,
            "sha256": _is_hash,
            "bytes": _is_count,
            "source": _is_text,
        },
    ),
    "cohort": Kind(
        "uses {units} units for study {study}, after leaving out {opted_out} whose patients"
        " opted out",
        {"study": _is_hash, "snapshot": _is_hash, "units": _is_count, "opted_out": _is_count},
    ),
    "letter": Kind(
        "wrote letter {number} to the network, {about}, on question {study}",
        {"study": _is_hash, "number": _is_count, "about": _is_text, "sha256": _is_hash},
        {"card": _is_hash},
    ),
    "turned-away": Kind(
        "did not take {card} from {source}: {findings}",
        {"study": _is_hash, "card": _is_hash, "source": _is_text, "findings": _is_findings},
    ),
    "decision": Kind(
        "{by} decided about {subject}: {said}, because {reason}",
        {
            "study": _is_hash,
            "subject": _is_text,
            "said": _is_text,
            "by": _is_text,
            "reason": _is_text,
        },
        {"cards": _is_hashes},
    ),
    "alarm": Kind(
        "alarm, {finding}: {origin} showed {shown} after {held}",
        {"origin": _is_text, "finding": _is_text, "held": _is_state, "shown": _is_state},
    ),
}
"""Every kind there is; adding one means a line here and a line in docs/formats/ledger.md."""


def fields(kind: str, /, **said: Json) -> dict[str, Json]:
    """Return the fields of an entry of `kind`, to be handed to `Ledger.append`.

    Raises:
        BadArtifact: If there is no such kind, or if a field is missing, unknown or not what
            it must be; all faults at once.
    """
    if kind not in KINDS:
        raise _refuse(kind, [f"there is no such kind{_nearest(kind, KINDS)}"])
    needs, may = KINDS[kind].needs, KINDS[kind].may
    known = {**needs, **may}
    faults = [f"{name} is missing" for name in needs if name not in said]
    faults += [
        f"{name} is not a field of it{_nearest(name, known)}"
        for name in said
        if name not in known
    ]
    faults += [
        f"{name} is not {check.__name__.removeprefix('_is_')}: {str(said[name])[:40]!r}"
        for name, check in known.items()
        if name in said and not check(said[name])
    ]
    if faults:
        raise _refuse(kind, faults)
    return {"kind": kind, **said}


def known(kind: str | None) -> None:
    """Check that a kind somebody asks for is one there is, or None.

    Raises:
        BadArtifact: If there is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise BadArtifact(
            f"there is no kind {kind!r} of entry{_nearest(kind, KINDS)}",
            why="entries are of the kinds in docs/formats/ledger.md",
            remedy=f"ask for one of {', '.join(KINDS)}",
        )


def words(entry: Mapping[str, Json]) -> str:
    """Return an entry as one sentence; one of an unknown kind as its fields."""
    kind = KINDS.get(str(entry.get("kind")))
    if kind is None or any(name not in entry for name in kind.needs):
        left = {name: value for name, value in entry.items() if name not in RESERVED}
        return printable(f"says {left}")
    said = kind.says.format_map({name: _spoken(value) for name, value in entry.items()})
    if "cut" in entry:
        said = f"{said}, telling that {_spoken(entry['cut'])} values were cut"
    return f"{said}, after {_spoken(entry['by'])} reviewed it" if "review" in entry else said


def _spoken(value: Json) -> str:
    """Return one value as people read it: hashes shortened, tables as `name value`."""
    if _is_hash(value):
        return f"{str(value)[:12]}…"
    if type(value) is int:
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return "; ".join(map(_spoken, value))
    if isinstance(value, Mapping) and "says" in value:
        return printable(f"{value.get('rule')}: {value['says']}")
    if isinstance(value, Mapping):
        return ", ".join(f"{printable(name)} {_spoken(inner)}" for name, inner in value.items())
    return printable(str(value))


def printable(text: str) -> str:
    """Return a text with what would move a cursor or hide a letter spelled out."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _nearest(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _refuse(kind: str, faults: list[str]) -> BadArtifact:
    return BadArtifact(
        f"this cannot be recorded as {kind!r}: {'; '.join(faults)}",
        why="an entry must be readable long after it was written (docs/formats/ledger.md)",
        remedy="give every field of the kind, and no other; the page lists them",
    )
