"""Was it worth it, hospital by hospital: the forest plot, its table, and what to use."""

from collections import Counter

from modelward.evaluate.comparing.choice import MARGIN
from modelward.evaluate.comparing.compare import Metric
from modelward.evaluate.comparing.verdict import NAMES, Verdict
from modelward.evaluate.findings import Findings
from modelward.evaluate.measures.multiplicity import ALPHA
from modelward.evaluate.told.heard import Heard
from modelward.report.blocks import Block, Figure, Listing, Words
from modelward.report.many import MANY, some
from modelward.report.numbers import counted, minus, signed
from modelward.report.pictures import plots
from modelward.report.sections.answer import CHANCE
from modelward.report.sections.tables import verdict_table

LOUD = "keep your local model"
"""The verdict that has its sentence among many hospitals too."""

AXES: dict[Metric, str] = {
    "auc": "AUC, federated minus local: right is better",
    "brier": "Brier score, local minus federated: right is better",
}
"""What a verdict may be decided on, and how it is drawn."""


def verdicts(findings: Findings, min_cell: int) -> tuple[Block, ...]:
    """Return the forest plot, its table, and each verdict in a sentence."""
    if findings.heard is not None:
        return together(findings.heard)
    drawn = tuple(
        plots.forest(ordered(rows), axis, margin=_margin(findings))
        for metric, axis in AXES.items()
        if (rows := forest_rows(findings, metric))
    )
    table = verdict_table(findings, min_cell)
    shown: Block = (
        Figure(
            drawn,
            "Difference between the federated and the local model, each hospital on its own"
            f" test units, with 95% interval. {_rule(findings)}",
            table,
        )
        if drawn
        else table
    )
    known = (*at_once(findings), *at_chance(findings))
    return (shown, *sentences(findings), *known, *choices(findings))


def ordered(rows: list[plots.ForestRow]) -> list[plots.ForestRow]:
    """Return rows to draw: of many, from the largest advantage to the largest loss."""
    return rows if len(rows) <= MANY else sorted(rows, key=lambda row: -row.middle)


def sentences(findings: Findings) -> tuple[Block, ...]:
    """Return each verdict in a sentence; of many, those with something to do or a reason."""
    told = findings.verdicts
    if len(told) > MANY:
        told = tuple(one for one in told if one.word == LOUD or one.reason)
    listing = Listing(
        tuple(
            (findings.record.title(one.site), minus(f"{one.sentence} {one.reason}".strip()))
            for one in told
        )
    )
    rest = Counter(one.word for one in findings.verdicts if one not in told)
    counts = "; ".join(f"{word}: {counted(n, 'hospital')}" for word, n in rest.most_common())
    others = (Words(f"The others, with their figures in the table: {counts}."),) if rest else ()
    return (*((listing,) if told else ()), *others)


def _rule(findings: Findings) -> str:
    """Return what an interval has to do for a verdict, in a sentence or two."""
    said = _where_it_lies(findings)
    if max(len(forest_rows(findings, metric)) for metric in AXES) > MANY:
        said = f"{said} From the largest advantage to the largest loss."
    if not forest_rows(findings, "brier"):
        return said
    return f"{said} A Brier score is drawn with its sign turned, so that right is better."


def _where_it_lies(findings: Findings) -> str:
    margin = _margin(findings)
    better = "One of them is better where the whole interval is on one side of zero"
    if margin is None:
        return f"{better}."
    return (
        f"{better}; federated is no worse where all of it is right of {minus(f'-{margin:g}')},"
        " the dashed line."
    )


def _margin(findings: Findings) -> float | None:
    """Return the loss that the study signed as acceptable; None where it signed none."""
    return findings.evaluation.margin if findings.evaluation is not None else None


def together(heard: Heard) -> tuple[Block, ...]:
    """Return how many hospitals have which verdict, where none is shown by itself."""
    counts = tuple(
        ("", f"{word}: {counted(number, 'hospital')}") for word, number in heard.words.items()
    )
    means = tuple(
        (
            "",
            f"{NAMES[metric]}, federated minus local, mean over"
            f" {counted(mean.hospitals, 'hospital')}: {signed(mean.value, 3)}",
        )
        for metric, mean in heard.differences.items()
    )
    listed = (Listing((*counts, *means)),) if counts else ()
    return (*listed, Words(heard.why))


def choices(findings: Findings) -> tuple[Block, ...]:
    """Return what each site should use, where it had several models to choose from."""
    if not findings.choices:
        return ()
    chosen = tuple(
        (findings.record.title(one.site), minus(one.sentence)) for one in findings.choices
    )
    return (
        Words(
            "What to use, chosen by log loss on each hospital's validation units and judged on"
            f" its test units, with a margin of {MARGIN:g} fixed beforehand:"
        ),
        Listing(chosen),
    )


def forest_rows(findings: Findings, metric: Metric) -> list[plots.ForestRow]:
    """Return the verdicts decided on `metric` as rows to draw, positive meaning better."""

    def row(verdict: Verdict, middle: float) -> plots.ForestRow:
        sign = -1 if metric == "brier" else 1
        interval = verdict.difference.interval
        ends = sorted((sign * interval.low, sign * interval.high)) if interval else (None, None)
        name = findings.record.title(verdict.site)
        return plots.ForestRow(name, verdict.word, sign * middle, ends[0], ends[1])

    return [
        row(verdict, verdict.difference.value)
        for verdict in findings.verdicts
        if verdict.metric == metric and verdict.difference.value is not None
    ]


def at_chance(findings: Findings) -> tuple[Block, ...]:
    """Name the hospitals where no model was shown to rank better than a coin would."""
    record = findings.record
    named = [
        record.title(site.name)
        for site in record.sites
        if (both := _ranking(findings, site.name)) and not any(low > CHANCE for low in both)
    ]
    if not named:
        return ()
    return (
        Words(
            "Neither the federated nor the local model was shown to rank better than chance"
            f" (AUC above 0.5) on the hospital's own test {record.study.unit}s at:"
            f" {some(named)}."
        ),
    )


def _ranking(findings: Findings, site: str) -> list[float]:
    """Return where both models' intervals of AUC begin at a site; nothing if one has none."""
    local = findings.model(f"local:{site}")
    if local is None:
        return []
    found = [model.at(site).auc.interval for model in (findings.federated, local)]
    return [one.low for one in found if one is not None] if all(found) else []


def _asked(findings: Findings, several: int) -> str:
    """Return whom a question goes to that is put to all at once."""
    if several == len(findings.verdicts):
        return f"Asked for all {several} hospitals at once"
    return f"Asked at once for the {counted(several, 'hospital')} that have an interval"


def at_once(findings: Findings) -> tuple[Block, ...]:
    """Return which differences remain when all hospitals are asked at once, and the margin."""
    found = findings.evaluation
    if found is None or not found.adjusted:
        return ()
    kept = [findings.record.title(site) for site, p in found.adjusted.items() if p < ALPHA]
    said = some(kept) if kept else "none"
    words = (
        f"{_asked(findings, len(found.adjusted))} (Holm's adjustment), a difference remains"
        f" for: {said}."
    )
    if found.margin is not None:
        words += (
            f" The margin of {found.margin:g} was signed with the study. Where the interval"
            " stays above minus the margin, the federated model is no worse than the local one."
            " Where it reaches further down, and above zero too, these patients cannot tell."
        )
    return (Words(words),)
