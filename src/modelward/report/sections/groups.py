"""Groups of patients: scores by level and hospital, the worst one, and what is not chance."""

from statistics import median

from modelward.evaluate.findings import Findings
from modelward.evaluate.groups.coarser import Coarser
from modelward.evaluate.groups.gaps import Gap, GapMetric
from modelward.evaluate.groups.subgroups import EVERYWHERE, GroupScores, worst_group
from modelward.evaluate.judged import Evaluation
from modelward.report.blocks import Block, Cell, Figure, Listing, Table, Words, cells
from modelward.report.many import MANY
from modelward.report.numbers import MISSING, between, count, decimal, p_value, signed
from modelward.report.pictures.heat_map import HeatRow, heat_map
from modelward.report.sections.score_cells import estimate, of_patients, ranked

FEWEST_LEVELS = 2
"""A group with one level compares nobody."""

NAMES: dict[GapMetric, str] = {
    "auc": "AUC",
    "sensitivity": "sensitivity",
    "false alarms": "share of false alarms",
    "calibration": "outcome beyond what the model says",
}


def groups(findings: Findings) -> tuple[Block, ...]:
    """Return the section; nothing where the study named no groups."""
    found = findings.evaluation
    if found is None or not found.groups:
        return ()
    everywhere = [one for one in found.groups if one.site == EVERYWHERE]
    by_site = [one for one in found.groups if one.site != EVERYWHERE]
    blocks: list[Block] = [
        Words(_worst(found)),
        Words(_untested(everywhere))
        if not found.gaps
        else Listing(tuple((f"{g.group}: {g.level}.", _says(g)) for g in found.gaps if g.kept))
        if any(gap.kept for gap in found.gaps)
        else Words(
            f"None of {len(found.gaps)} differences between groups is more than chance, asked"
            " all at once (Holm's adjustment). That is no proof that there are none."
        ),
    ]
    if _told(everywhere):
        blocks.append(_table(findings, everywhere, "Groups, all hospitals together"))
    if found.spreads:
        blocks.append(_spreads(found))
    if found.gaps:
        blocks.append(_gap_table(found))
    if _told(by_site) and len(findings.record.sites) > MANY:
        blocks.append(_over_hospitals(findings, by_site))
    elif _told(by_site):
        blocks.append(_table(findings, by_site, "Groups, hospital by hospital"))
    elif by_site:
        blocks.append(Words("Hospital by hospital, no level of any group is shown."))
    return (*blocks, *_not_shown(found, findings.record.study.unit))


def _told(scores: list[GroupScores]) -> bool:
    """Return whether a table of these levels would show any of them."""
    return any(one.units is not None for one in scores)


def _untested(everywhere: list[GroupScores]) -> str:
    """Say that no difference between groups was tested, and why where it is known."""
    told = [one.group for one in everywhere if one.units is not None]
    if len(told) > len(set(told)):
        return "Differences between groups were not tested."
    return (
        "Differences between groups were not tested: of no group are two levels of all"
        " hospitals together shown."
    )


def _not_shown(found: Evaluation, unit: str) -> tuple[Block, ...]:
    """Return why levels are not shown, and what to ask so that they are."""
    away = [one for one in found.groups if one.units is None]
    if not away:
        return ()
    names = list(dict.fromkeys(one.group for one in away))
    return (
        Words(
            f"{len(away)} of {len(found.groups)} levels, together and by hospital, are not"
            " shown: in them, or where they would be given away, fewer than"
            f" {found.fewest} test {unit}s have the outcome or do not. What would show more in"
            " a next version of the study:"
        ),
        Listing(tuple((f"{n}.", _remedy(found, n, unit)) for n in names)),
    )


def _now(found: Evaluation, group: str) -> str:
    """Return how many levels of a group are shown as it was signed."""
    mine = [one for one in found.groups if one.group == group]
    return f"{sum(one.units is not None for one in mine)} of {len(mine)} now"


def _remedy(found: Evaluation, group: str, unit: str) -> str:
    """Return what would show more levels of a group."""
    wider: Coarser | None = next((o for o in found.coarser if o.group == group), None)
    if wider is None:
        several = len({one.level for one in found.groups if one.group == group}) > FEWEST_LEVELS
        return f"More test {unit}s (plan.test){', or fewer levels' if several else ''}."
    if not wider.edges:
        return f"More test {unit}s (plan.test); no wider bands would show more."
    bands = ", ".join(f"{edge:g}" for edge in wider.edges)
    asked = f'groups = ["{wider.group}:[{bands}]"]'
    return (
        f"{asked} would show {wider.told} of its {wider.rows} levels, among them every one of"
        f" all hospitals together ({_now(found, group)})."
    )


def _worst(found: Evaluation) -> str:
    worst = worst_group(found.groups)
    at = f"Rates are at a threshold of {found.threshold:.3g}: {found.rule}."
    if worst is None:
        return at
    return (
        f"The federated model ranks patients worst where {worst.group} is {worst.level}: AUC"
        f" {decimal(worst.auc.value)} {between(worst.auc)}. It is the lowest of several, so"
        f" partly chance. {at}"
    )


def _says(gap: Gap) -> str:
    return (
        f"{NAMES[gap.metric]} differs from {gap.others} by {signed(gap.difference.value)}"
        f" {between(gap.difference, sign=True)}, p {p_value(gap.adjusted)} after adjustment."
    )


def _table(findings: Findings, scores: list[GroupScores], caption: str) -> Table:
    """Return scores by level; a group of which a hospital shows no level is one line."""
    found = findings.evaluation
    fewest = found.fewest if found else 0
    record, unit = findings.record, findings.record.study.unit
    rows = []
    told = {(one.site, one.group) for one in scores if one.units is not None}
    seen: set[tuple[str, str]] = set()
    for one in scores:
        site = record.title(one.site) if one.site else "All"
        whole = (one.site, one.group) not in told
        if whole and (one.site, one.group) in seen:
            continue
        seen.add((one.site, one.group))
        head = cells(site, one.group, "every level" if whole else one.level)
        if one.units is None:
            rows.append((*head, Cell("not shown"), *(Cell("") for _ in range(4))))
            continue
        rows.append(
            (
                *head,
                Cell(
                    count(one.units, fewest),
                    f"{one.positives:,} with outcome{of_patients(one.patients)}",
                ),
                estimate(one.auc),
                estimate(one.sensitivity),
                estimate(one.false_alarms),
                estimate(one.beyond, sign=True),
            )
        )
    return Table(
        caption=caption,
        head=(
            "Hospital",
            "Group",
            "Level",
            f"Test {unit}s",
            "AUC",
            "Sensitivity",
            "False alarms",
            "Outcome beyond the model",
        ),
        rows=tuple(rows),
        words=3,
        notes=(
            f"Cells of fewer than {fewest} with or without the outcome are not shown, nor those"
            " that would give them back by subtraction. Outcome beyond the model: share with"
            " the outcome minus mean probability; above 0 the model says too little. 95%"
            " intervals in brackets: DeLong; Wilson; normal.",
        ),
    )


def _over_hospitals(findings: Findings, scores: list[GroupScores]) -> Figure:
    """Return how each level does over many hospitals: a heat map, and its spread as a table."""
    record = findings.record
    levels = list(dict.fromkeys((one.group, one.level) for one in scores))
    at = {(one.site, one.group, one.level): ranked(one.auc).value for one in scores}
    sites = [site.name for site in record.sites]
    names = [f"{group}: {level}" for group, level in levels]
    grid = heat_map(
        [
            HeatRow(name, tuple(at.get((site, *level)) for site in sites))
            for name, level in zip(names, levels, strict=True)
        ],
        [record.title(site) for site in sites],
        "AUC of the federated model in every level, hospital by hospital",
    )
    rows = []
    for name, level in zip(names, levels, strict=True):
        known = [(auc, s) for s in sites if (auc := at.get((s, *level))) is not None]
        ends = [min(known), max(known)] if known else []
        rows.append(
            (
                Cell(name),
                Cell(f"{len(known):,} of {len(sites):,}"),
                *(Cell(decimal(auc), record.title(site)) for auc, site in ends[:1]),
                *((Cell(decimal(median(auc for auc, _ in known))),) if known else ()),
                *(Cell(decimal(auc), record.title(site)) for auc, site in ends[1:]),
                *((Cell(MISSING),) * 3 if not known else ()),
            )
        )
    table = Table(
        caption="AUC in each level over the hospitals that show it",
        head=("Level", "Hospitals", "Lowest", "Median", "Highest"),
        rows=tuple(rows),
        notes=(
            "Counts, rates and intervals of every level at every hospital: report.json. Of"
            " many hospitals with few units the lowest is mostly chance.",
        ),
    )
    caption = "AUC of the federated model by level (rows) and hospital (columns)."
    return Figure((grid,), f"{caption} Levels that are not shown are left blank.", table)


def _spreads(found: Evaluation) -> Table:
    return Table(
        caption="Widest differences between the levels of a group",
        head=(
            "Group",
            "Levels",
            "Equalised-odds gap",
            "Sensitivity",
            "False alarms",
            "Calibration",
        ),
        rows=tuple(
            cells(
                one.group,
                str(one.levels),
                decimal(one.equalised_odds),
                decimal(one.sensitivity),
                decimal(one.false_alarms),
                decimal(one.calibration),
            )
            for one in found.spreads
        ),
        notes=(
            "The equalised-odds gap is the wider of the two rates' differences. The pair is the"
            " one that differs most, so part of every gap is chance: no interval is given.",
        ),
    )


def _gap_table(found: Evaluation) -> Table:
    return Table(
        caption="Each level against the others of its group",
        head=("Group", "Level", "Against", "In", "Difference", "Adjusted p"),
        rows=tuple(
            (
                *cells(gap.group, gap.level, gap.others, NAMES[gap.metric]),
                estimate(gap.difference, sign=True),
                Cell(p_value(gap.adjusted)),
            )
            for gap in found.gaps
        ),
        words=4,
        notes=(
            "95% intervals in brackets, not adjusted. p values are adjusted over all lines of"
            " this table (Holm). A group may differ because it goes to another hospital: see"
            " the table by hospital.",
        ),
    )
