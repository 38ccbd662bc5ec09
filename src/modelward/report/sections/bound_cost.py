"""What a privacy bound costs, group by group: the largest losses, a picture, and every line."""

from modelward.evaluate.comparing.bound_cost import EVERYBODY, BoundCost, Loss, worst
from modelward.evaluate.findings import Findings
from modelward.evaluate.groups.subgroups import EVERYWHERE
from modelward.report.blocks import Block, Cell, Figure, Table, Words, cells
from modelward.report.many import MANY, some
from modelward.report.markup import Html
from modelward.report.numbers import between, count, decimal, minus, p_value, signed
from modelward.report.pictures import plots
from modelward.report.sections.score_cells import estimate

AXIS = "AUC, with the bound minus without: left is what it costs"


def bound_costs(findings: Findings) -> tuple[Block, ...]:
    """Return the section; nothing where the study was not trained without its bound."""
    found = findings.bound
    if found is None:
        return ()
    shown = [one for one in found.losses if one.site == EVERYWHERE or one.group == EVERYBODY]
    return (
        Words(minus(_said(findings, found))),
        Figure(
            (_drawn(findings, shown),) if any(_has(one) for one in shown) else (),
            "The same study with and without its bound on the same test units: difference in"
            " AUC with 95% interval.",
            _table(findings, found, shown, "With the bound and without it"),
        ),
        *_by_hospital(findings, found),
    )


def _said(findings: Findings, found: BoundCost) -> str:
    unit, everybody = findings.record.study.unit, found.losses[0]
    words = [
        f"The study was trained once more without differential privacy, on this machine: on all"
        f" test {unit}s together the bound changes AUC by {signed(everybody.difference.value)}"
        f" {between(everybody.difference, sign=True)}."
    ]
    for by, among in (("site", "hospitals"), ("level", "groups")):
        lost = worst(found.losses, by=by)
        if lost is not None:
            words.append(
                f"Among {among} it costs {_name(findings, lost)} most:"
                f" {signed(lost.difference.value)} {between(lost.difference, sign=True)}."
            )
    kept = [_name(findings, one) for one in found.losses if one.kept]
    asked = sum(one.adjusted is not None for one in found.losses)
    words.append(
        f"More than chance, asked for all {asked} lines at once (Holm's adjustment):"
        f" {some(kept, '; ') or 'none'}. The largest of several is partly chance, and so is the"
        " noise: another run would draw other noise, which these intervals do not cover."
    )
    return " ".join(words)


def _name(findings: Findings, one: Loss) -> str:
    where = findings.record.title(one.site) if one.site else ""
    level = f"{one.group} = {one.level}" if one.group else ""
    return ", ".join(each for each in (where, level) if each) or "all"


def _has(one: Loss) -> bool:
    return one.difference.value is not None


def _drawn(findings: Findings, losses: list[Loss]) -> Html:
    rows = [
        plots.ForestRow(
            name=_name(findings, one),
            word="",
            middle=one.difference.value,
            low=one.difference.interval.low if one.difference.interval else None,
            high=one.difference.interval.high if one.difference.interval else None,
        )
        for one in losses
        if one.difference.value is not None
    ]
    return plots.forest(rows, AXIS, title="What the privacy bound costs")


def _by_hospital(findings: Findings, found: BoundCost) -> tuple[Block, ...]:
    """Return the levels of every hospital; nothing where the study named no groups."""
    inner = [one for one in found.losses if one.site and one.group]
    if inner and len(findings.record.sites) > MANY:
        return (Words(f"The {len(inner):,} levels of single hospitals are in report.json."),)
    caption = "With the bound and without it, groups hospital by hospital"
    return (_table(findings, found, inner, caption),) if inner else ()


def _table(findings: Findings, found: BoundCost, losses: list[Loss], caption: str) -> Table:
    unit = findings.record.study.unit
    rows = []
    for one in losses:
        site = findings.record.title(one.site) if one.site else "All"
        head = cells(site, f"{one.group}: {one.level}" if one.group else "everybody")
        if one.units is None:
            rows.append((*head, Cell("not shown"), *(Cell("") for _ in range(4))))
            continue
        rows.append(
            (
                *head,
                Cell(count(one.units, 0), f"{one.positives:,} with outcome"),
                Cell(decimal(one.bounded)),
                Cell(decimal(one.free)),
                estimate(one.difference, sign=True),
                Cell("" if one.adjusted is None else p_value(one.adjusted)),
            )
        )
    return Table(
        caption=caption,
        head=(
            "Hospital",
            "Group",
            f"Test {unit}s",
            "With",
            "Without",
            "Difference",
            "Adjusted p",
        ),
        rows=tuple(rows),
        words=2,
        notes=(
            "AUC. Differences: with the bound minus without, 95% paired DeLong intervals, not"
            f" adjusted. Group cells of fewer than {found.fewest} with or without the outcome"
            " are not shown, nor those that would give them back by subtraction.",
        ),
    )
