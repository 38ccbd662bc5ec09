"""At which hospitals counts would point at persons: who is singled out, and who covers them.

Totals over sites show through rates and pictures, so hiding a small count is not enough: next
to a site that is hidden others are, the smallest first, until those that are hidden have enough
of either outcome together. Where a patient has several units, patients are counted.
"""

from collections.abc import Collection, Mapping

from modelward.evaluate.comparing.verdict import Verdict
from modelward.evaluate.findings import Findings
from modelward.evaluate.measures.scores import Scores

MIN_CELL = 10
"""Smallest count of patients that is shown, as in the default policy of a site."""

Hidden = Mapping[str, bool]
"""Sites of which no count by outcome is shown -> whether the number of units is hidden too."""


def hidden_sites(findings: Findings, min_cell: int) -> Hidden:
    """Return the sites with a small count of test units, and those that cover them.

    Together they have `min_cell` of either outcome or more, or all sites are among them.
    """
    if not findings.models:
        return {}
    known = [
        one
        for one in findings.federated.by_site
        if not (one.units is one.accuracy.value is None)
    ]
    counts = {one.site: _counted(one) for one in known}
    few = {site for site, (units, yes) in counts.items() if small(units, yes, min_cell)}
    found = set(few)
    left = sorted(set(counts) - few, key=lambda site: (_smaller(*counts[site]), site))
    while found and left and _together(counts, found) < min_cell:
        found.add(left.pop(0))
    units_too = any(below(one, min_cell) for one in known if one.site in few)
    return dict.fromkeys(sorted(found), units_too)


def _counted(one: Scores) -> tuple[int, int]:
    """Return units and those with the outcome; patients where one has several units.

    A patient with both outcomes is one of either.
    """
    if one.patients is not None:
        return one.patients.having + one.patients.lacking, one.patients.having
    return one.units or 0, one.positives or 0


def below(one: Scores | Verdict, least: int) -> bool:
    """Return whether fewer than `least` patients are behind it, or it is not known."""
    if one.units is None:
        return True
    return (one.units if one.patients is None else one.patients.every) < least


def any_few(one: Scores | Verdict, min_cell: int) -> bool:
    """Return whether either outcome has units of fewer than `min_cell` patients."""
    if one.patients is not None and one.patients.fewest < min_cell:
        return True
    return small(one.units, one.positives, min_cell)


def _smaller(units: int, positives: int) -> int:
    return min(positives, units - positives)


def _together(counts: Mapping[str, tuple[int, int]], sites: Collection[str]) -> int:
    """Return the units of the rarer outcome at these sites together."""
    return _smaller(*(sum(counts[site][part] for site in sites) for part in (0, 1)))


def few(findings: Findings, min_cell: int) -> tuple[str, ...]:
    """Return the sites of which a shown count is below `min_cell`, in the report's order."""
    record, tested = findings.record, findings.federated
    if not findings.models:
        return ()
    counts = {
        site.name: (
            (site.train, site.train_positives)
            if site.patients is None
            else (site.patients.having + site.patients.lacking, site.patients.having),
            _counted(tested.at(site.name))
            if any(
                one.site == site.name and None not in {one.units, one.positives}
                for one in tested.by_site
            )
            else (None, None),
        )
        for site in record.sites
    }
    return tuple(
        name
        for name, pairs in counts.items()
        if any(u is not None and p is not None and small(u, p, min_cell) for u, p in pairs)
    )


def small(units: int | None, positives: int | None, min_cell: int) -> bool:
    """Return whether either outcome has fewer than `min_cell` units."""
    if units is None or positives is None:
        return True
    return min(positives, units - positives) < min_cell
