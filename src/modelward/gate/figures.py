"""Figures that leave a site for the report of a study: rounded as agreed, and nothing beside.

A figure is a float64, and 64 bits are room enough for more than a figure. What the study has
agreed on is a number with a few decimals in a known range, or none (`ABSENT`), and codes of a
few words; anything else is refused. How many persons are behind them is cells.py's question.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.study import Study
from modelward.core.verdict import Finding
from modelward.study.report_answer import ABSENT, CODES, NAMED, NAMES

NOT_SIGNED = ("auc", "brier", "share")
"""Figures that lie from 0 to 1."""


def misfits(
    study: Study, kind: str, tensors: Mapping[str, NDArray[Any]]
) -> tuple[Finding, ...]:
    """Return what speaks against the figures of a report; nothing of another `kind`."""
    if kind != "report" or study.report is None:
        return ()
    told = tensors["figures"]
    figures, codes = told[:NAMED], told[NAMED:]
    shown = figures[figures != ABSENT]
    shares = np.array([any(one in name for one in NOT_SIGNED) for name in NAMES[:NAMED]])
    rates = figures[shares & (figures != ABSENT)]
    wrong = {
        f"are not rounded to {study.report.decimals} decimals": (
            shown != np.round(shown, study.report.decimals)
        ).any(),
        "lie outside of what such a figure can be": not (np.abs(shown) < -ABSENT).all()
        or not ((rates >= 0) & (rates <= 1)).all(),
        "have codes of no kind": not (
            (codes == np.rint(codes)) & (codes >= 0) & (codes < list(CODES.values()))
        ).all(),
    }
    return tuple(
        Finding(
            rule="figures",
            says=f"figures of the report {said}",
            remedy="check that the site has the version of modelward that the hub names",
        )
        for said, found in wrong.items()
        if found
    )
