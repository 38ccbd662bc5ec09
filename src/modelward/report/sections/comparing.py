"""Models side by side: on everybody, in every hospital, where they were never trained."""

from modelward.evaluate.findings import Findings
from modelward.evaluate.judged import Share
from modelward.report.blocks import Block, Cell, Figure, Table, Words, cells
from modelward.report.many import MANY
from modelward.report.numbers import MISSING, count, counted, decimal
from modelward.report.pictures import plots
from modelward.report.pictures.bars import Bar, bars
from modelward.report.pictures.heat_map import HeatRow, heat_map
from modelward.report.sections.family import versus
from modelward.report.sections.score_cells import estimate, ranked
from modelward.report.sections.tables import (
    cross_table,
    local_table,
    model_table,
    published_table,
    spread_table,
)
from modelward.report.singled_out import MIN_CELL


def comparison(findings: Findings) -> tuple[Block, ...]:
    """Return the models side by side, the literature, and local models away from home."""
    many = len(findings.record.sites) > MANY
    local = any(model.name.startswith("local:") for model in findings.models)
    everywhere = all(len(m.by_site) == len(findings.record.sites) for m in findings.models)
    grid = (crossed(findings),) if local and everywhere else ()
    published = (published_table(findings),) if findings.record.published else ()
    own = (local_table(findings),) if local else ()
    first = model_table(findings, whose="common" if many and local else "all")
    blocks: tuple[Block, ...] = (first, *versus(findings), *published, *own, *grid)
    if many and local:
        # Each hospital's own figures at home stand in its row of the tables by hospital.
        rest = (model_table(findings, whose="own"),) if everywhere else own
        blocks = (first, *published, *grid, *versus(findings), *rest)
    return (*blocks, *away(findings), *shares(findings))


def crossed(findings: Findings) -> Figure:
    """Return the AUC of every model in every hospital, as a heat map and its table.

    The table of many hospitals has how each model spreads over them.
    """
    record = findings.record
    many = len(record.sites) > MANY
    rows = [
        HeatRow(
            record.title(model.name.removeprefix("local:"))
            if many and model.name.startswith("local:")
            else record.label(model.name),
            tuple(ranked(model.at(site.name).auc).value for site in record.sites),
        )
        for model in findings.models
    ]
    table = spread_table(findings) if many else cross_table(findings)
    names = [record.title(site.name) for site in record.sites]
    caption = "AUC of every model in every hospital; darker is higher."
    if many:
        caption += (
            " Rows are models, those of single hospitals under their names; columns hospitals."
        )
    return Figure((heat_map(rows, names, table.caption),), caption, table)


def away(findings: Findings) -> tuple[Block, ...]:
    """Return how a model that never saw a hospital does there, hospital by hospital."""
    found = findings.evaluation
    if found is None or not found.away:
        return ()
    record, unit = findings.record, findings.record.study.unit
    table = Table(
        caption="Left out one by one: each hospital judged by a model of all the others",
        head=(
            "Hospital",
            f"Test {unit}s",
            "AUC without it",
            "AUC with it",
            "Difference",
            "Brier without it",
        ),
        rows=tuple(
            (
                Cell(record.title(one.site)),
                Cell(count(one.units, MIN_CELL)),
                estimate(ranked(one.without)),
                estimate(ranked(one.together)),
                estimate(ranked(one.difference), sign=True),
                Cell(decimal(one.brier)),
            )
            for one in found.away
        ),
        notes=(
            "Each is a study of its own without the hospital: other scaling, other rounds. 95%"
            " intervals in brackets: DeLong, and paired DeLong for differences.",
        ),
    )
    known = [one for one in found.away if ranked(one.without).value is not None]
    if not known:
        return (table,)
    rows = [
        plots.ForestRow(
            record.title(one.site),
            "",
            one.without.value or 0.0,
            one.without.interval.low if one.without.interval else None,
            one.without.interval.high if one.without.interval else None,
        )
        for one in known
    ]
    if len(rows) > MANY:
        rows = sorted(rows, key=lambda row: -row.middle)
    drawn = plots.forest(rows, "AUC in a hospital that took no part", zero=0.5)
    caption = "What a hospital that takes no part may expect; the dotted line knows nothing."
    return (Figure((drawn,), caption, table),)


def shares(findings: Findings) -> tuple[Block, ...]:
    """Return what each hospital's updates added, where the study signed such a rule."""
    found = findings.evaluation
    if found is None or not found.worth:
        return ()
    if not found.shares:
        return (Words(f"Contribution of each hospital: not told, because {found.worth}."),)
    record = findings.record
    rows = [
        Bar(record.title(one.site), one.shapley, one.low, one.high, f"{one.share:.0%}")
        for one in found.shares
    ]
    table = Table(
        caption="What each hospital's updates added, and its share",
        head=("Hospital", "Added a round", "95% interval", "Share"),
        rows=tuple(
            cells(
                record.title(one.site),
                decimal(one.shapley, 4),
                MISSING
                if one.low is None or one.high is None
                else f"[{decimal(one.low, 4)}, {decimal(one.high, 4)}]",
                f"{one.share:.1%}",
            )
            for one in found.shares
        ),
        notes=(
            f"Shapley value of each round, averaged; worth: {found.worth}. Intervals are over"
            " resampled rounds. The share follows the rule that the study signed; differences"
            " within the intervals are noise.",
            *_taken(findings, found.shares),
        ),
    )
    drawn = bars(rows, "added a round", "Contribution of each hospital")
    caption = "What each hospital's updates added a round, and its share at the right."
    return (
        Words("Contribution, by the rule that the study signed:"),
        Figure((drawn,), caption, table),
    )


def _taken(findings: Findings, shares: tuple[Share, ...]) -> tuple[str, ...]:
    """Return who sent what another sent, and who sent what the hub had told."""
    title = findings.record.title
    alike = sorted({tuple(sorted((one.site, *one.same_as))) for one in shares if one.same_as})
    return (
        *(
            f"{' and '.join(title(site) for site in sites)} sent the same updates every round:"
            " they divide one share."
            for sites in alike
        ),
        *(
            f"{title(one.site)} sent what the hub had told in {counted(one.repeats, 'round')},"
            " which counts as nothing."
            for one in shares
            if one.repeats
        ),
    )
