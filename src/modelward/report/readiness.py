"""The hub's view of all sites before a study begins, as a story: page and text say the same.

Only what sites have said themselves is shown: ready or not by name, bands of units, and what
noised counts tell (evaluate/told/heterogeneity.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from modelward.core.canonical import Json
from modelward.evaluate.told.heterogeneity import Coverage, Heterogeneity, Share, Shift
from modelward.privacy.plan import LOOK_DELTA, LOOK_EPSILON
from modelward.report.blocks import Cell, Listing, Section, Story, Table, Words, cells
from modelward.report.numbers import MISSING, counted, decimal
from modelward.study.readiness import BANDS

NOTED = 12
"""Rows of shifts that are shown; the JSON has all."""


def tell(found: Heterogeneity) -> Story:
    """Return the view as a story."""
    ready = [site for site in found.sites if site.ready]
    sections = [
        Section("Answer", (Words(_answer(found), "lead"),)),
        Section("Who is ready", (_coverage(found), *_lacking(found))),
    ]
    if found.shifts:
        sections.append(Section("How sites differ", _differences(found)))
    sections.append(Section("What left the sites", (Words(LEFT),)))
    return Story(
        kicker=f"{found.study} · modelward",
        title="Is everybody ready?",
        standfirst=f"{len(ready)} of {counted(len(found.sites), 'site')} ready, before a round "
        "is spent.",
        sections=tuple(sections),
    )


LEFT = (
    "A statement by each site that made one: ready or not by name, its units as the lower end "
    "of a band, and noised counts where it is ready. Each statement with counts was booked in "
    f"the budget of its site's patients (epsilon {LOOK_EPSILON:g} at delta {LOOK_DELTA:g}), "
    "passed the site's gate and is in its ledger. Flags and bands carry no noise."
)


def as_object(found: Heterogeneity) -> dict[str, Json]:
    """Return the view as one JSON object."""
    return {"format": "modelward-heterogeneity/1", **asdict(found)}


def _answer(found: Heterogeneity) -> str:
    silent = [site.site for site in found.sites if not site.told]
    unready = [site.site for site in found.sites if site.told and not site.ready]
    said = [] if silent or unready else ["Every site is READY."]
    if unready:
        who = f"{', '.join(unready)}; they take" if unready[1:] else f"{unready[0]}; it takes"
        said.append(f"NOT READY: {who} part in nothing until that is mended.")
    if silent:
        said.append(f"Nothing was heard from {', '.join(silent)}.")
    shifted = sorted({each.name for each in found.shifts if each.shifted})
    if shifted:
        said.append(f"Sites differ by more than chance and noise in {', '.join(shifted)}.")
    elif found.shifts:
        said.append("No difference between sites is larger than chance and noise explain.")
    return " ".join(said)


def _coverage(found: Heterogeneity) -> Table:
    rows = tuple(
        cells(site.site, _word(site), _band(site), ", ".join(site.lacks) or MISSING)
        for site in found.sites
    )
    return Table(
        "Sites by what they have",
        ("site", "ready", "units", "lacks"),
        rows,
        words=4,
        notes=("Units are told in bands, and only where patients were counted.",),
    )


def _lacking(found: Heterogeneity) -> tuple[Listing, ...]:
    """Return, for each name that somebody lacks, who does."""
    lacked = {
        name: [site.site for site in found.sites if name in site.lacks] for name in found.names
    }
    items = tuple((name, f"lacking at {', '.join(who)}") for name, who in lacked.items() if who)
    return (Listing(items),) if items else ()


def _differences(found: Heterogeneity) -> tuple[Table | Words, ...]:
    blocks: list[Table | Words] = [Words(TESTED)]
    if found.outcome:
        rows = tuple(cells(each.site, _percent(each)) for each in found.outcome)
        blocks.append(Table("Share with the outcome (label shift)", ("site", "share"), rows))
    ranked = sorted(found.shifts, key=lambda each: (each.p, each.name, each.site))
    rows = tuple(_shift(each) for each in ranked[:NOTED])
    head = ("column", "site", "distance", "chance and noise", "p", "verdict")
    notes = (f"{len(ranked)} comparisons in all; the report's JSON has every one.",)
    blocks.append(Table("Each site against the others", head, rows, words=2, notes=notes))
    if found.missing:
        blocks.append(_missing(found.missing))
    return tuple(blocks)


TESTED = (
    "Distance is the total variation distance between the shares of one site and of all "
    "others together, in eight bins of the study's range. A shift is called one where chance "
    "and noise explain it with less than 1 %, over all comparisons together."
)


def _shift(each: Shift) -> tuple[Cell, ...]:
    p = "<0.001" if each.p < 0.001 else decimal(each.p)  # noqa: PLR2004 - as papers print it
    says = "shifted" if each.shifted else ""
    return cells(each.name, each.site, decimal(each.distance, 2), decimal(each.expected, 2), p,
                 says)  # fmt: skip


def _missing(shares: Sequence[Share]) -> Table:
    sites = list(dict.fromkeys(each.site for each in shares))
    by_name: dict[str, Mapping[str, Share]] = {}
    for each in shares:
        by_name[each.name] = {**by_name.get(each.name, {}), each.site: each}
    rows = tuple(
        cells(name, *(_percent(found[site]) for site in sites))
        for name, found in by_name.items()
    )
    return Table("Share of missing values", ("column", *sites), rows)


def _percent(each: Share) -> Cell:
    return Cell(f"{each.share:.0%}", f"± {1.96 * each.error:.0%}")


def _word(site: Coverage) -> str:
    if not site.told:
        return "not heard"
    return "READY" if site.ready else "NOT READY"


def _band(site: Coverage) -> str:
    place = BANDS.index(site.units)
    if place == 0:
        return MISSING
    return f"{site.units:,} or more" if place == len(BANDS) - 1 else (
        f"{site.units:,} to {BANDS[place + 1] - 1:,}"
    )  # fmt: skip
