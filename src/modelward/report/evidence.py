"""A record of processing for one study at one site, made of its ledger alone.

For a data protection officer (GDPR, article 30): purpose, legal basis, categories, what left
and when, its privacy cost, who decided, who else saw the ledger. Every sentence is a
`Claim`, and a claim without entries cannot be made: no entry, no sentence. What the ledger
does not say, such as whether the legal basis holds, is for the officer.

How it looks is evidence_page.py's business.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelward.core.canonical import Json
from modelward.core.features import CategoryFeature, ImageFeature, NumberFeature
from modelward.core.sequences import SequenceFeature
from modelward.core.study import Study
from modelward.errors import LedgerBroken
from modelward.ledger.cosignature import Witnessed
from modelward.ledger.kinds import words
from modelward.report.identifiers import RULES, search, texts_of

Entry = Mapping[str, Json]
DECIDED = frozenset({"approval", "decline", "withdrawal"})


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence and what it rests on.

    Attributes:
        text: The sentence.
        entries: Numbers of the ledger entries that say so, at least one.

    Raises:
        LedgerBroken: If there is none.
    """

    text: str
    entries: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.entries:
            raise LedgerBroken(
                f"no entry of the ledger says: {self.text[:80]}",
                why="an evidence page holds only what the ledger records",
                remedy="leave the sentence out, or record the fact first",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything the page says.

    Attributes:
        origin: Name of the ledger.
        study: The study's name.
        sha256: Its hash.
        root: Root of the ledger that was read, hex.
        size: Its number of entries.
        sections: Title -> claims; none is empty.
        cited: Every entry that a claim rests on, by number.
    """

    origin: str
    study: str
    sha256: str
    root: str
    size: int
    sections: Mapping[str, tuple[Claim, ...]]
    cited: Mapping[int, Entry]


def collect(
    study: Study,
    entries: Sequence[Entry],
    *,
    origin: str,
    root: bytes,
    witnessed: Witnessed | None,
    asked: int,
) -> Evidence:
    """Return what a verified ledger says of `study`.

    Args:
        study: The terms; their hash is what the entries name.
        entries: Of the whole ledger, oldest first.
        origin: Name of the ledger.
        root: Its root.
        witnessed: Its last cosigned checkpoint, cosignatures checked; None if none is kept.
        asked: Number of its witnesses.

    Raises:
        LedgerBroken: If no entry is about the study.
    """
    own = [each for each in entries if each.get("study") == study.sha256]
    if not own:
        raise LedgerBroken(
            f"no entry of {origin} is about study {study.id} ({study.sha256[:12]}…)",
            why="an evidence page holds only what the ledger records",
            remedy="check the study's name and version: modelward ledger show LEDGER",
        )
    around = [each for each in entries if each.get("kind") in {"policy", "alarm"}]
    made = {
        "Purpose and legal basis": _terms(study, own),
        "Who decided": _each(own, DECIDED),
        "Whose data were read": _each(own, {"cohort"}),
        "What left, and when": (*_left(own), *_reviewed(own)),
        "What was kept back": _kept_back(own),
        "Privacy cost": _privacy(own),
        "What came in": _each(own, {"receipt", "message"}),
        "Changes of the site's policy, and alarms": _each(around, {"policy", "alarm"}),
        "Who else saw this ledger": _seen(own, entries, witnessed, asked),
        "Text that looks like an identifier": _identifiers(own),
    }
    sections = {title: claims for title, claims in made.items() if claims}
    numbers = sorted(
        {n for claims in sections.values() for each in claims for n in each.entries}
    )
    by_number = {_seq(each): each for each in entries}
    return Evidence(
        origin=origin,
        study=study.id,
        sha256=study.sha256,
        root=root.hex(),
        size=len(entries),
        sections=sections,
        cited={number: by_number[number] for number in numbers},
    )


def _terms(study: Study, own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return what the terms say whose hash the entries name."""
    about = study.study
    where = _numbers(own, lambda each: each["kind"] == "approval") or (_seq(own[0]),)
    basis = about.legal_basis
    names = [f"{name} ({_category(feature)})" for name, feature in study.features.items()]
    says = [
        f"The purpose that the terms state is: {about.purpose}.",
        f"The legal basis that they name is: {basis}."
        if basis
        else "They name no legal basis.",
        f"The contact that they name is: {about.contact}."
        if about.contact
        else "They name no contact.",
        f"One {about.unit} is one unit; a site with fewer than {about.min_patients} sits out.",
        f"The categories of data that are read are: {', '.join(names)};"
        f" and as outcome: {study.target_name}.",
        f"What is trained is {study.recipe.name} {study.recipe.version}, in at most"
        f" {study.plan.rounds} rounds.",
    ]
    return tuple(Claim(each, where) for each in says)


def _category(feature: object) -> str:
    if isinstance(feature, NumberFeature):
        return f"number in {feature.unit}"
    if isinstance(feature, CategoryFeature):
        return f"one of {len(feature.levels)} categories"
    if isinstance(feature, SequenceFeature):
        return f"events in time of {len(feature.items)} kinds"
    return "image" if isinstance(feature, ImageFeature) else "yes or no"


def _left(own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return what was released, by kind of artifact."""
    found = []
    releases = [each for each in own if each["kind"] == "release"]
    for kind in dict.fromkeys(str(each["artifact"]) for each in releases):
        of_kind = [each for each in releases if each["artifact"] == kind]
        sizes = [int(str(each["bytes"])) for each in of_kind]
        people = [int(str(each["patients"])) for each in of_kind]
        found.append(
            Claim(
                f"{len(of_kind):,} of the kind {kind} left, {sum(sizes):,} bytes together,"
                f" each from {_between(people)} units, {_when(of_kind)}.",
                tuple(map(_seq, of_kind)),
            )
        )
    return tuple(found)


def _reviewed(own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return who released what had been held."""
    places: dict[str, list[int]] = {}
    for each in own:
        if each["kind"] == "release" and "review" in each:
            places.setdefault(str(each["by"]), []).append(_seq(each))
    return tuple(
        Claim(f"{len(at):,} of them left after {who} had reviewed them.", tuple(at))
        for who, at in places.items()
    )


def _kept_back(own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return what was refused, held or not let in, by rule."""
    said = {
        "refusal": "was refused",
        "hold": "was held",
        "intake": "was not let in",
        "failure": "was not answered",
    }
    places: dict[tuple[str, str], list[int]] = {}
    for each in own:
        findings = each.get("findings")
        for finding in findings if isinstance(findings, Sequence) else ():
            if isinstance(finding, Mapping) and each["kind"] in said:
                key = (said[str(each["kind"])], str(finding["rule"]))
                places.setdefault(key, []).append(_seq(each))
    return tuple(
        Claim(f"An artifact or task {what}, by rule {rule}: {_times(len(at))}.", tuple(at))
        for (what, rule), at in places.items()
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _privacy(own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return the mechanisms of the releases, and what was booked."""
    mechanisms: dict[str, list[int]] = {}
    for each in own:
        event = each.get("privacy")
        if each["kind"] == "release" and isinstance(event, Mapping):
            mechanisms.setdefault(str(event.get("mechanism")), []).append(_seq(each))
    found = [
        Claim(
            f"{len(at):,} releases left without differential privacy: no bound on what could"
            " be learnt about a person from them is stated."
            if name == "none"
            else f"{len(at):,} releases left under the mechanism {name}.",
            tuple(at),
        )
        for name, at in mechanisms.items()
    ]
    return (*found, *_each(own, {"privacy"}))


def _seen(
    own: Sequence[Entry], entries: Sequence[Entry], witnessed: Witnessed | None, asked: int
) -> tuple[Claim, ...]:
    """Return who cosigned how much of what this page rests on."""
    size = witnessed.checkpoint.size if witnessed else 0
    under = tuple(seq for seq in map(_seq, own) if seq < size)
    after = tuple(seq for seq in map(_seq, own) if seq >= size)
    found = []
    if witnessed and under:
        who = ", ".join(
            f"{name} at {at:%Y-%m-%dT%H:%M:%SZ}" for name, at in witnessed.times.items()
        )
        found.append(
            Claim(
                f"{len(witnessed.times)} of {asked} witnesses cosigned the first {size:,} of"
                f" {len(entries):,} entries of this ledger: {who}.",
                under,
            )
        )
    if after:
        found.append(
            Claim(f"{len(after):,} entries of this study have only the site's word.", after)
        )
    return tuple(found)


def _identifiers(own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return the hits of each rule over everything in words."""
    looked = _numbers(own, lambda each: bool(texts_of(each)))
    if not looked:
        return ()
    hits = search(own)
    found = [
        Claim(f"{each.count:,} hits of rule “{each.rule}”.", each.entries) for each in hits
    ]
    clean = len(RULES) - len(hits)
    none = f"0 hits of {'each of the other ' if hits else 'all '}{clean} rules."
    return (*found, Claim(f"{none} A text without a hit can still name a person.", looked))


def _each(own: Iterable[Entry], kinds: Iterable[str]) -> tuple[Claim, ...]:
    """Return one claim for each different thing that entries of these kinds say."""
    places: dict[str, list[int]] = {}
    wanted = set(kinds)
    for each in own:
        if each["kind"] in wanted:
            said = words(each)
            places.setdefault(said, []).append(_seq(each))
    first = {_seq(each): str(each["time"]) for each in own}
    return tuple(
        Claim(
            f"{first[at[0]]}: {said}{f' ({len(at)} times)' if len(at) > 1 else ''}"
            f"{'' if said.endswith('…') and len(at) == 1 else '.'}",
            tuple(at),
        )
        for said, at in places.items()
    )


def _when(entries: Sequence[Entry]) -> str:
    """Return the time of the first and of the last entry, once if they are the same."""
    first, last = str(entries[0]["time"]), str(entries[-1]["time"])
    return f"at {first}" if first == last else f"from {first} to {last}"


def _between(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _numbers(own: Iterable[Entry], fits: Callable[[Entry], bool]) -> tuple[int, ...]:
    return tuple(_seq(each) for each in own if fits(each))


def _seq(entry: Entry) -> int:
    return int(str(entry["seq"]))
