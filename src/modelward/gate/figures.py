"""Figures that leave a site for the report of a study: rounded as agreed, and nothing beside.

A figure is a float64, and 64 bits are room enough for more than a figure. What the study has
agreed on is a number with a few decimals in a known range, or none (`ABSENT`), and codes of a
few words; anything else is refused. How many persons are behind them is cells.py's question.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.aggregate.fixed_point import to_grid
from modelward.core.study import Study
from modelward.core.verdict import Finding
from modelward.study.report_answer import ABSENT, CODES, NAMED, NAMES, PATIENTS
from modelward.study.report_groups import is_row

NOT_SIGNED = ("auc", "brier", "share")
"""Figures that lie from 0 to 1."""


def misfits(
    study: Study, kind: str, tensors: Mapping[str, NDArray[Any]]
) -> tuple[Finding, ...]:
    """Return what speaks against the figures of a report; nothing of another `kind`."""
    if kind != "report" or study.report is None:
        return ()
    wrong: dict[str, bool] = {}
    if "figures" in tensors:
        wrong = _of_a_site(tensors["figures"], study.report.decimals)
    elif "verdicts" in tensors:
        wrong = _to_be_summed(tensors, study.report.decimals)
    if PATIENTS in tensors:
        units = tensors["counts.federated"].sum(axis=1)
        wrong["are of patients that cannot be"] = not _are_patients(tensors[PATIENTS], units)
    if "groups" in tensors:
        decimals = study.report.decimals
        strange = not all(is_row(row, decimals) for row in tensors["groups"])
        wrong[f"in groups are more than figures with {decimals} decimals give"] = strange
    return tuple(
        Finding(
            rule="figures",
            says=f"figures of the report {said}",
            remedy="check that the site has the version of modelward that the hub names",
        )
        for said, found in wrong.items()
        if found
    )


def _are_patients(told: NDArray[Any], units: NDArray[Any]) -> bool:
    """Return whether so many patients can be behind so many units, by outcome."""
    every, having, lacking, *telling = map(float, told)
    lacked, had = map(float, units)
    return bool(
        (told == np.rint(told)).all()
        and 0 <= having <= had
        and 0 <= lacking <= lacked
        and max(having, lacking) <= every <= having + lacking
        and all(
            min(most, 1) <= one <= most
            for one, most in zip(telling, (having, lacking), strict=True)
        )
    )


def _of_a_site(told: NDArray[Any], decimals: int) -> dict[str, bool]:
    """Return what can be wrong with figures that the hub sees, and whether it is."""
    figures, codes = told[:NAMED], told[NAMED:]
    shown = figures[figures != ABSENT]
    shares = np.array([any(one in name for one in NOT_SIGNED) for name in NAMES[:NAMED]])
    rates = figures[shares & (figures != ABSENT)]
    return {
        f"are not rounded to {decimals} decimals": bool(
            (shown != np.round(shown, decimals)).any()
        ),
        "lie outside of what such a figure can be": not (np.abs(shown) < -ABSENT).all()
        or not ((rates >= 0) & (rates <= 1)).all(),
        "have codes of no kind": not (
            (codes == np.rint(codes)) & (codes >= 0) & (codes < list(CODES.values()))
        ).all(),
    }


def _to_be_summed(tensors: Mapping[str, NDArray[Any]], decimals: int) -> dict[str, bool]:
    """Return what can be wrong with a verdict and differences behind masks."""
    words, (gaps, there) = tensors["verdicts"], tensors["differences"].T
    rounded = to_grid(np.round(gaps, decimals))
    return {
        f"are not rounded to {decimals} decimals": bool((gaps != rounded).any()),
        "lie outside of what such a figure can be": not (np.abs(gaps) <= there).all(),
        "have codes of no kind": not np.isin([*words, *there], (0.0, 1.0)).all()
        or words.sum() > 1,
    }
