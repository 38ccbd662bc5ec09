"""The report of a study of sums: figures first, then how they came about, and what left.

The words about safety follow the rule of the project: say what was measured, and what was not.
"""

from pathlib import Path

from modelward.durable import make_folder, write_whole
from modelward.evaluate.sums.analysed import Analysed
from modelward.report.blocks import Block, Figure, Listing, Section, Story, Words
from modelward.report.numbers import counted, duration, minus, spelled
from modelward.report.page import Written, as_page
from modelward.report.pictures import analysis_plots as plots
from modelward.report.sections.analysis_tables import (
    coefficient_table,
    difference_table,
    figure_table,
    harmonisation_table,
    hazard_table,
    one_table,
    site_table,
    strata_of,
    survival_table,
)
from modelward.report.text import as_text

RATIOS = {"logistic": "odds ratio", "poisson": "rate ratio", "cox": "hazard ratio"}
"""What exp(coefficient) is called, by family."""

SMALL_P = 0.05

EXPLAINED = (
    "Exact sums over patients carry no privacy bound. What left each site is in its ledger; "
    "sums can leak information about patients, and how much was not measured in this run."
)

MASKED = (
    "Answers were summed behind masks: the hub saw totals over at least three sites, and no "
    "site's own sums. What a total tells about one patient is not bounded by masks."
)


def write(found: Analysed, folder: Path) -> Written:
    """Write `report.html`, `report.json` and `report.txt` into `folder`, each whole or not.

    Raises:
        StorageError: If the folder or a file cannot be written.
    """
    story = tell(found)
    written = Written(folder / "report.html", folder / "report.json", folder / "report.txt")
    make_folder(folder)
    write_whole(written.html, as_page(story).encode())
    write_whole(written.json, found.to_json().encode())
    write_whole(written.text, as_text(story).encode())
    return written


def tell(found: Analysed) -> Story:
    """Return the report on `found`."""
    study = found.study
    sections = [Section("Answer", (Words(answer(found), "lead"), *_warnings(found)))]
    sections += _results(found)
    sections.append(Section("How it was computed", _method(found)))
    sections.append(Section("What left the sites", _egress(found)))
    hospitals = "simulated hospitals" if found.run.simulated else "hospitals"
    return Story(
        kicker=f"{study.id} version {study.version} · modelward",
        title=study.purpose,
        standfirst=f"{spelled(len(found.sites)).capitalize()} {hospitals}, "
        f"{found.units:,} {study.unit}s, {study.recipe}.",
        sections=tuple(sections),
    )


def answer(found: Analysed) -> str:
    """Return the result in two or three sentences."""
    if not found.answered:
        about = f" ({', '.join(found.columns)})" if found.columns else ""
        return (
            f"There is no table to show: {found.run.reason}{about}. Leave out or merge what is "
            "named, or give the recipe a penalty (l2), and propose the study again."
        )
    tellers = {"cox": _regression, "glm": _regression, "km": _curves, "describe": _table}
    return tellers.get(found.kind, _combat)(found)


def _regression(found: Analysed) -> str:
    rows = [row for row in found.coefficients if row.name != "intercept"]
    shown = [row for row in rows if row.p < SMALL_P]
    said = (
        f"Of {counted(len(rows), 'column')}, {spelled(len(shown))} "
        f"{'has' if len(shown) == 1 else 'have'} a coefficient that differs from 0 at the "
        "5 % level, before any correction for many tests."
    )
    c = found.figures.get("C-index, test units", found.figures.get("C-index, training units"))
    if c is not None:
        where = "test" if "C-index, test units" in found.figures else "training"
        said += f" The risks order {c:.1%} of pairs of {where} {found.study.unit}s of one "
        said += "hospital as their events came (C-index)."
    return said


def _curves(found: Analysed) -> str:
    parts = []
    for curve in found.curves:
        if curve.units:
            end = "is not reached" if curve.median is None else f"is {curve.median:g} days"
            parts.append(f"{curve.name}: {curve.units:,} {found.study.unit}s, median {end}")
    said = "; ".join(parts) + "."
    if found.log_rank is not None:
        how = f"over {len(found.curves)} groups{strata_of(found.log_rank)}"
        said += f" Log-rank test {how}: p {_p(found.log_rank.p)}."
    return said


def _table(found: Analysed) -> str:
    said = f"{counted(len({row.feature for row in found.rows}), 'feature')} described."
    far = [each for each in found.differences if each.largest > 0.2]  # noqa: PLR2004 - Cohen
    if found.differences:
        said += (
            f" In {spelled(len(far))} of {len(found.differences)} two sites differ by more "
            "than 0.2 standard deviations."
        )
    return said


def _combat(found: Analysed) -> str:
    made = found.harmonisation
    if made is None:
        return "Nothing was harmonised."
    return (
        f"{counted(len(made.measurements), 'measurement')} fitted over {made.sites} sites; "
        "each site can now take out its own shift and spread: modelward model harmonise."
    )


def _warnings(found: Analysed) -> list[Block]:
    said: list[Block] = []
    if found.penalised:
        words = "A penalty was used: estimates are drawn to 0, and errors, intervals and "
        said.append(Words(words + "p-values are those of the penalised fit.", "alert"))
    broken = [each.name for each in found.hazards if each.p < SMALL_P]
    if broken:
        words = f"Proportional hazards are doubtful at the 5 % level for: {', '.join(broken)}."
        said.append(Words(words, "alert"))
    for curve in found.curves:
        if curve.hidden_sites:
            words = f"{counted(curve.hidden_sites, 'site')} had too few units in group "
            said.append(Words(words + f"{curve.name!r} to count them.", "alert"))
    return said


def _results(found: Analysed) -> list[Section]:
    parts: list[Section] = []
    rows = tuple(row for row in found.coefficients if row.name != "intercept")
    if rows:
        name = RATIOS.get(found.family)
        axis = f"{name} (95 % interval), logarithmic" if name else "coefficient (95 % interval)"
        figure = Figure(
            (plots.forest(rows, axis),),
            "Each square is an estimate, each line its 95 % interval; grey ones include no "
            "effect.",
            coefficient_table(found, name),
        )
        parts.append(Section("Estimates", (figure,)))
        parts.append(Section("Fit", (figure_table(found),)))
    if found.hazards:
        parts.append(Section("Proportional hazards", (hazard_table(found),)))
    if any(curve.units for curve in found.curves):
        horizon = max(curve.steps[-1].day for curve in found.curves)
        figure = Figure(
            (plots.survival(found.curves, horizon),),
            "Kaplan-Meier estimates with 95 % intervals. Times count at the end of their cell "
            "of the grid; cells with few units were merged with their neighbours at the sites.",
            survival_table(found),
        )
        parts.append(Section("Survival", (figure,)))
    if found.rows:
        parts.append(Section("Table 1", (one_table(found),)))
    if found.differences:
        parts.append(Section("How the sites differ", (difference_table(found),)))
    if found.harmonisation is not None:
        parts.append(Section("Pooled fit", (harmonisation_table(found),)))
    return parts


def _method(found: Analysed) -> tuple[Block, ...]:
    study, run = found.study, found.run
    equal = (
        "Sums over sites are exact (integers on a grid), so the figures are those that one "
        "table of all records would give, up to rounding at the grid."
    )
    items = [
        ("Recipe", f"{study.recipe}; {study.strategy}."),
        ("Exactness", equal),
        (
            "Ended",
            f"after {counted(run.rounds, 'round')} in {duration(run.seconds)}: {run.reason}.",
        ),
        ("Study", f"sha256 {study.sha256}"),
        ("State", f"sha256 {run.model_sha256}"),
    ]
    if study.legal_basis:
        items.append(("Legal basis", study.legal_basis))
    return (Listing(tuple(items)), *(Words(minus(note)) for note in run.notes))


def _egress(found: Analysed) -> tuple[Block, ...]:
    words = [Words(EXPLAINED)]
    if found.run.masked:
        words.append(Words(MASKED))
    return (*words, site_table(found))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"  # noqa: PLR2004
