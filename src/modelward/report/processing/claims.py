"""The sentences of a record of processing: what entries of a ledger say, section by section.

Every function takes entries about one study, oldest first, and returns claims; each rests on
the numbers of the entries that say so. evidence.py puts them in order.
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
from modelward.report.processing.identifiers import (
    RULES,
    Hits,
    search,
    search_texts,
    texts_in,
    texts_of,
)
from modelward.study.agreement import Agreement

Entry = Mapping[str, Json]


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


def terms(study: Study, own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return what the terms say whose hash the entries name."""
    about = study.study
    where = _named_by(own)
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


def partners(agreement: Agreement | None, own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return who takes part, where the roster at hand is the one that was approved."""
    if agreement is None:
        return ()
    where = _numbers(own, lambda each: each.get("roster") == agreement.fingerprint)
    names = ", ".join(sorted(agreement.roster))
    said = f"The roster that was decided about names {len(agreement.roster)} sites: {names}."
    return (Claim(said, where),) if where else ()


def _named_by(own: Sequence[Entry]) -> tuple[int, ...]:
    """Return the entries that bind the terms by their hash: approvals, or the first."""
    approvals = _numbers(own, lambda each: each["kind"] == "approval")
    return approvals or (number_of(own[0]),)


def _category(feature: object) -> str:
    if isinstance(feature, NumberFeature):
        return f"number, unit {feature.unit}"
    if isinstance(feature, CategoryFeature):
        return f"one of {len(feature.levels)} categories"
    if isinstance(feature, SequenceFeature):
        return f"events in time of {len(feature.items)} kinds"
    return "image" if isinstance(feature, ImageFeature) else "yes or no"


def left(own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return what was released, by kind of artifact."""
    found = []
    releases = [each for each in own if each["kind"] == "release"]
    for kind in dict.fromkeys(str(each["artifact"]) for each in releases):
        of_kind = [each for each in releases if each["artifact"] == kind]
        sizes = [int(str(each["bytes"])) for each in of_kind]
        people = [int(str(each["patients"])) for each in of_kind]
        cut = [int(str(each["cut"])) for each in of_kind if "cut" in each]
        counted = f" {len(cut):,} of them told how many values were cut: {sum(cut):,} in all."
        found.append(
            Claim(
                f"{len(of_kind):,} of the kind {kind} left, {sum(sizes):,} bytes together,"
                f" each from {_between(people)} units, {_when(of_kind)}."
                f"{counted if cut else ''}",
                tuple(map(number_of, of_kind)),
            )
        )
    return tuple(found)


def came_in(own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return the models that were let in, by who sent them, and messages that were not."""
    places: dict[str, list[Entry]] = {}
    for each_one in own:
        if each_one["kind"] == "receipt":
            places.setdefault(str(each_one["source"]), []).append(each_one)
    found = []
    for source, receipts in places.items():
        size = sum(int(str(entry["bytes"])) for entry in receipts)
        said = f"{len(receipts):,} {'model' if len(receipts) == 1 else 'models'} came in from"
        said += f" {source}, {size:,} bytes together, {_when(receipts)}."
        found.append(Claim(said, tuple(map(number_of, receipts))))
    return (*found, *of_kinds(own, {"message"}))


def reviewed(own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return who released what had been held."""
    places: dict[str, list[int]] = {}
    for each in own:
        if each["kind"] == "release" and "review" in each:
            places.setdefault(str(each["by"]), []).append(number_of(each))
    return tuple(
        Claim(f"{len(at):,} of them left after {who} had reviewed them.", tuple(at))
        for who, at in places.items()
    )


def kept_back(own: Sequence[Entry]) -> tuple[Claim, ...]:
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
                places.setdefault(key, []).append(number_of(each))
    return tuple(
        Claim(f"An artifact or task {what}, by rule {rule}: {_times(len(at))}.", tuple(at))
        for (what, rule), at in places.items()
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def privacy(own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return the mechanisms of the releases, and what was booked."""
    mechanisms: dict[str, list[int]] = {}
    for each in own:
        event = each.get("privacy")
        if each["kind"] == "release" and isinstance(event, Mapping):
            mechanisms.setdefault(str(event.get("mechanism")), []).append(number_of(each))
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
    return (*found, *of_kinds(own, {"privacy"}))


def seen(
    own: Sequence[Entry], entries: Sequence[Entry], witnessed: Witnessed | None, asked: int
) -> tuple[Claim, ...]:
    """Return who cosigned how much of what this page rests on."""
    size = witnessed.checkpoint.size if witnessed else 0
    under = tuple(seq for seq in map(number_of, own) if seq < size)
    after = tuple(seq for seq in map(number_of, own) if seq >= size)
    found = []
    if witnessed and under:
        who = ", ".join(
            f"{name} at {at:%Y-%m-%d %H:%M:%S} UTC" for name, at in witnessed.times.items()
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


def identifiers(study: Study, own: Sequence[Entry]) -> tuple[Claim, ...]:
    """Return the hits of each rule over the terms, and over everything in words in entries."""
    where = _named_by(own)
    looked = _numbers(own, lambda each: bool(texts_of(each)))
    found = [*_counted("the terms", search_texts(texts_in(study), where), where)]
    if looked:
        found += _counted("entries of this study", search(own), looked)
    return (*found, Claim("A text without a hit can still name a person.", (*where, *looked)))


def _counted(where: str, hits: Sequence[Hits], looked: tuple[int, ...]) -> list[Claim]:
    """Return one sentence for each rule with hits, and one for all others."""
    found = [
        Claim(f"In {where}: {_hits(each.count)} of rule {each.rule}.", each.entries)
        for each in hits
    ]
    clean = [name for name in RULES if name not in {each.rule for each in hits}]
    if clean:
        said = f"In {where}: 0 hits of each of the rules {'; '.join(clean)}."
        found.append(Claim(said, looked))
    return found


def _hits(count: int) -> str:
    return "1 hit" if count == 1 else f"{count:,} hits"


def of_kinds(own: Iterable[Entry], kinds: Iterable[str]) -> tuple[Claim, ...]:
    """Return one claim for each different thing that entries of these kinds say."""
    places: dict[str, list[int]] = {}
    wanted = set(kinds)
    for each in own:
        if each["kind"] in wanted:
            said = words(each)
            places.setdefault(said, []).append(number_of(each))
    first = {number_of(each): moment(each["time"]) for each in own}
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
    first, last = moment(entries[0]["time"]), moment(entries[-1]["time"])
    return f"at {first}" if first == last else f"from {first} to {last}"


def _between(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _numbers(own: Iterable[Entry], fits: Callable[[Entry], bool]) -> tuple[int, ...]:
    return tuple(number_of(each) for each in own if fits(each))


def number_of(entry: Entry) -> int:
    """Return the number of an entry."""
    return int(str(entry["seq"]))


def moment(time: Json) -> str:
    """Return the time of an entry for a reader: 2026-11-20 09:30:00 UTC."""
    return str(time).replace("T", " ").replace("Z", " UTC")
