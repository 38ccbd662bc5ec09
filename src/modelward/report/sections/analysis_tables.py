"""The tables of a study of sums: coefficients, fit, hazards, survival, Table 1, sites."""

from modelward.evaluate.sums.analysed import Analysed
from modelward.evaluate.sums.survival import LogRank, StratifiedLogRank
from modelward.evaluate.sums.table_one import LevelCell, NumberCell, Row
from modelward.report.blocks import Cell, Table, cells
from modelward.report.numbers import MISSING, counted, decimal, nbytes, signed

LEAST_P = 0.001

MOST_STEPS = 12
"""Lines of a curve's table; more are in report.json."""


def p_value(value: float | None) -> str:
    """Return a p-value as journals print it."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return MISSING
    return "<0.001" if value < LEAST_P else f"{value:.3f}"


def coefficient_table(found: Analysed, ratio: str | None) -> Table:
    """Return one line per coefficient, the intercept included."""
    head = ["column", "coefficient", "standard error", "t" if ratio is None else "z", "p"]
    if ratio is not None:
        head.append(ratio)
    rows = []
    for row in found.coefficients:
        line = [
            Cell(row.name),
            Cell(number(row.estimate), f"[{number(row.low)}, {number(row.high)}]"),
            Cell(number(row.error)),
            Cell(signed(row.statistic, 2)),
            Cell(p_value(row.p)),
        ]
        if ratio is not None:
            middle, low, high = row.ratio or (None, None, None)
            small = "" if middle is None else f"[{number(low)}, {number(high)}]"
            line.append(Cell(number(middle), small))
        rows.append(tuple(line))
    note = "Per unit of each column, in the units of the study; intervals are 95 %."
    return Table("Coefficients", tuple(head), tuple(rows), notes=(note,))


def figure_table(found: Analysed) -> Table:
    """Return the figures of fit."""
    rows = [cells(name, _told(name, value)) for name, value in found.figures.items()]
    return Table("Figures of fit", ("figure", "value"), tuple(rows))


COUNTS = ("units", "events", "days of follow-up", "degrees of freedom")
"""Figures that are whole numbers, whatever their size."""


def _told(name: str, value: float | None) -> str:
    if name.startswith("p of"):
        return p_value(value)
    if name in COUNTS and value is not None and value == round(value):
        return f"{value:,.0f}"
    return number(value)


def hazard_table(found: Analysed) -> Table:
    """Return the test of proportional hazards."""
    rows = [
        cells(each.name, decimal(each.chi_square, 2), str(each.freedom), p_value(each.p))
        for each in found.hazards
    ]
    note = (
        "Score test of an effect that changes with log(1 + days) (Grambsch and Therneau 1994); "
        "a small p speaks against proportional hazards."
    )
    head = ("column", "chi-square", "degrees of freedom", "p")
    return Table("Proportional hazards", head, tuple(rows), notes=(note,))


def survival_table(found: Analysed) -> Table:
    """Return each curve at some of its steps."""
    rows = []
    for curve in found.curves:
        every = max(1, -(-len(curve.steps) // MOST_STEPS))
        chosen = curve.steps[every - 1 :: every]
        for place, step in enumerate(chosen):
            rows.append(
                cells(
                    curve.name if place == 0 else "",
                    decimal(step.day, 0),
                    f"{step.at_risk:,}",
                    f"{step.events:,}",
                    Cell(
                        decimal(step.survival),
                        f"[{decimal(step.low)}, {decimal(step.high)}]",
                    ),
                )
            )
    notes = [
        f"{curve.name}: merging moved a time by {curve.shift:.1f} days on average."
        for curve in found.curves
        if curve.units
    ]
    if found.log_rank is not None:
        test = found.log_rank
        notes.append(
            f"Log-rank test{strata_of(test)}: chi-square {test.chi_square:.3f} on "
            f"{counted(test.freedom, 'degree')} of freedom, p {p_value(test.p)}."
        )
    head = ("group", "day", "at risk", "events", "survival")
    return Table("Survival by group", head, tuple(rows), notes=tuple(notes))


def strata_of(test: LogRank) -> str:
    """Return what a log-rank test is stratified by, in words; '' if by nothing."""
    if not isinstance(test, StratifiedLogRank):
        return ""
    return f" stratified by {' and '.join(test.strata)}, of exact times"


def one_table(found: Analysed) -> Table:
    """Return Table 1."""
    tested = any(row.p is not None for row in found.rows)
    head = ["feature", "", *(f"{name} (n = {units:,})" for name, units in found.groups)]
    rows: list[tuple[list[Cell], bool, str]] = []
    for row in found.rows:
        first = row.level is None or not rows or rows[-1][2] != row.feature
        name = row.feature + (f", {row.unit}" if row.unit and row.unit != "1" else "")
        line = [
            Cell(name if first else ""),
            Cell("mean (sd); median [quartiles]" if row.level is None else row.level),
            *(one_cell(cell) for cell in row.cells),
        ]
        if tested:
            line.append(Cell(p_value(row.p) if first else "", row.test if first else ""))
        rows.append((line, first, row.feature))
    notes = [
        "Quartiles from counts in fixed bins; bins of few units were merged at the sites.",
        *(_hidden_note(found.rows)),
    ]
    whole = tuple(tuple(line) for line, _, _ in rows)
    return Table(
        "Table 1", (*head, *(["p"] if tested else [])), whole, words=2, notes=tuple(notes)
    )


def one_cell(cell: NumberCell | LevelCell) -> Cell:
    """Return one group's figures of a line."""
    if isinstance(cell, LevelCell):
        more = f"+ hidden at {counted(cell.hidden_sites, 'site')}" if cell.hidden_sites else ""
        share = "" if cell.share is None else f" ({cell.share:.1%})"
        if cell.hidden_sites:
            return Cell(f"{cell.count:,}" if cell.count else "hidden", more)
        return Cell(f"{cell.count:,}{share}")
    if cell.mean is None:
        return Cell(MISSING, f"{cell.known:,} known")
    spread = MISSING if cell.spread is None else number(cell.spread)
    quartiles = ""
    if cell.quartiles is not None:
        low, middle, high = map(number, cell.quartiles)
        quartiles = f"{middle} [{low}, {high}]"
    return Cell(f"{number(cell.mean)} ({spread})", f"{quartiles}; {cell.known:,} known")


def difference_table(found: Analysed) -> Table:
    """Return the standardised mean differences of every site from all others."""
    sites = [site.name for site in found.sites if site.releases]
    rows = [
        cells(
            each.feature,
            Cell(decimal(each.largest, 2), f"{each.between[0]} and {each.between[1]}"),
            *(signed(each.to_others.get(site), 2) for site in sites),
            p_value(each.p),
        )
        for each in found.differences
    ]
    notes = (
        "Standardised mean differences: of the two sites furthest apart, and of each site from "
        "all others together; for categories a distance without sign. p: of the hypothesis "
        "that all sites are alike.",
    )
    return Table(
        "Differences between sites",
        ("feature", "largest", *sites, "p"),
        tuple(rows),
        notes=notes,
    )


def harmonisation_table(found: Analysed) -> Table:
    """Return the pooled ComBat fit."""
    made = found.harmonisation
    if made is None:
        raise AssertionError("only a ComBat study has one")
    names = list(made.measurements[0].effects)
    rows = [
        cells(m.name, number(m.mean), number(m.spread), *(number(m.effects[n]) for n in names))
        for m in made.measurements
    ]
    note = "Preserved effects are per standard deviation; the target's from no to yes."
    head = ("measurement", "grand mean", "spread within sites", *names)
    return Table("Grand means and preserved effects", head, tuple(rows), notes=(note,))


def site_table(found: Analysed) -> Table:
    """Return what every site released."""
    rows = []
    for site in found.sites:
        ledger = site.ledger
        state = "at the site"
        if ledger is not None:
            state = f"{ledger.entries} entries, " + (
                "verified" if ledger.verified else "NOT VERIFIED"
            )
        rows.append(
            cells(
                site.name, str(site.releases), str(site.refusals), nbytes(site.bytes_out), state
            )
        )
    head = ("site", "released", "refused", "bytes of sums", "ledger")
    return Table("Answers of the sites", head, tuple(rows))


def number(value: float | None) -> str:
    """Return a figure with about four significant digits."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return MISSING
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:  # noqa: PLR2004
        return f"{value:.2e}".replace("-", "\N{MINUS SIGN}")
    if value == int(value) and size >= 10:  # noqa: PLR2004 - a count
        return decimal(value, 0) if size < 1000 else f"{value:,.0f}"  # noqa: PLR2004
    for limit, digits in ((1000, 0), (100, 1), (10, 2)):
        if size >= limit:
            return decimal(value, digits)
    return decimal(value, 3)


def _hidden_note(rows: tuple[Row, ...]) -> list[str]:
    hidden = any(
        isinstance(cell, LevelCell) and cell.hidden_sites for row in rows for cell in row.cells
    )
    if not hidden:
        return []
    return ["A level of few units is hidden at its site, and with it the next larger one."]
