"""Who belongs to which group of `[evaluation]`, and what is wrong with a list of groups.

Groups are read off the columns that a study has anyway, so every reader has them and every
site names them alike. A level is a name; a unit whose value is missing, or outside every
band, is in none.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns
from modelward.core.faults import Fault
from modelward.core.features import BooleanFeature, CategoryFeature, NumberFeature
from modelward.core.study import Study

NOBODY = -1
"""Level of a unit that is in none."""

_BANDS = re.compile(r"(?P<name>[a-z][a-z0-9_-]*):(?P<edges>\[.*\])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Grouping:
    """One way to divide units.

    Attributes:
        name: Of the feature.
        levels: What the groups are called, in order.
        edges: Of bands [low, high), one more than levels; empty for what is not a number.
    """

    name: str
    levels: tuple[str, ...]
    edges: tuple[float, ...] = ()

    def label(self, level: int) -> str:
        """Return the words for one group, such as "sex = yes"."""
        return f"{self.name} = {self.levels[level]}"


def groupings(study: Study) -> tuple[Grouping, ...]:
    """Return the groups of a study whose terms were checked, in the order of its file."""
    terms = study.evaluation
    listed = terms.groups if terms is not None and terms.groups else ()
    return tuple(made for text in listed for made in [_grouping(study, text)] if made)


def members(study: Study, grouping: Grouping, x: NDArray[Any]) -> NDArray[np.int64]:
    """Return the level of each unit, `NOBODY` where it has none, [units].

    Args:
        study: The study.
        grouping: One of its groups.
        x: [units, columns of the study], in the columns' units, not scaled.
    """
    places = [n for n, c in enumerate(columns(study)) if c.feature == grouping.name]
    values: NDArray[np.float64] = x[:, places]
    unknown = np.isnan(values).any(axis=1)
    if grouping.edges:
        found = np.digitize(values[:, 0], grouping.edges) - 1
        unknown |= (found < 0) | (found >= len(grouping.levels))
    elif isinstance(study.features[grouping.name], CategoryFeature):
        found = np.where((values > 0).any(axis=1), np.nan_to_num(values).argmax(axis=1) + 1, 0)
    else:
        found = (np.nan_to_num(values[:, 0]) > 0).astype(np.int64)
    return np.where(unknown, NOBODY, found).astype(np.int64)


def judging_lines(study: Study) -> list[str]:
    """Return by what a result is judged, in sentences for whoever approves the study."""
    terms, lines = study.evaluation, []
    if terms is None:
        return []
    if terms.groups:
        lines.append(f"Judged apart, by group: {', '.join(terms.groups)}.")
    if terms.margin is not None:
        lines.append(
            f"A hospital accepts a loss of up to {terms.margin:g} against its local model: "
            "more than that, or too few test units to tell, is said."
        )
    if terms.threshold is not None:
        least = f" of at least {terms.at_least:g}" if terms.at_least else ""
        lines.append(
            f"A probability becomes a yes by the rule {terms.threshold}{least}, on validation "
            "scores of all sites."
        )
    if terms.without_dp is not None:
        lines.append(
            "A simulation trains the study once more without [privacy.dp], to show what the "
            "bound costs in every group. Hospitals are not asked for that."
        )
    return lines


def evaluation_faults(study: Study) -> list[Fault]:
    """Return what `[evaluation]` asks for and cannot have."""
    terms = study.evaluation
    if terms is None:
        return []
    faults = [
        Fault("evaluation.groups", f"{text!r}: {why}")
        for text in terms.groups or ()
        if (why := _why_not(study, text))
    ]
    if len({_parts(text)[0] for text in terms.groups or ()}) < len(terms.groups or ()):
        faults.append(Fault("evaluation.groups", "a feature is named twice"))
    if study.plan.strategy == "sums":
        faults.append(Fault("evaluation", "a study of sums has no model to judge"))
    rated = terms.threshold in {"sensitivity", "specificity"}
    if rated != (terms.at_least is not None):
        says = "goes with threshold = 'sensitivity' or 'specificity', and they need it"
        faults.append(Fault("evaluation.at_least", says))
    if terms.threshold is not None and study.stop.metric is None:
        says = "is chosen on validation units, which [stop] metric asks for"
        faults.append(Fault("evaluation.threshold", says))
    if terms.without_dp is not None and study.privacy.dp is None:
        says = "compares with the study without [privacy.dp], and it has none"
        faults.append(Fault("evaluation.without_dp", says))
    return faults


def _why_not(study: Study, text: str) -> str:
    """Return why `text` names no groups; "" if it does."""
    name, edges = _parts(text)
    feature = study.features.get(name)
    if feature is None:
        return "there is no such feature"
    if isinstance(feature, NumberFeature):
        if edges is None:
            return f"a number needs bands, such as '{name}:[18,40,65]'"
        rising = all(low < high for low, high in pairwise(edges))
        return "" if len(edges) > 2 and rising else "bands need three or more rising edges"  # noqa: PLR2004
    if not isinstance(feature, BooleanFeature | CategoryFeature):
        return "only numbers, booleans and categories have groups"
    return "bands are for numbers" if edges is not None else ""


def _parts(text: str) -> tuple[str, Sequence[float] | None]:
    """Return the feature that `text` names, and its edges; [] where they are none."""
    found = _BANDS.fullmatch(text)
    if found is None:
        return text, None
    try:
        edges = json.loads(found["edges"])
    except ValueError:
        edges = []
    proper = all(isinstance(e, int | float) and not isinstance(e, bool) for e in edges)
    return found["name"], [float(e) for e in edges] if proper else []


def _grouping(study: Study, text: str) -> Grouping | None:
    name, edges = _parts(text)
    feature = study.features[name]
    if isinstance(feature, CategoryFeature):
        return Grouping(name, feature.levels)
    if edges is None:
        return Grouping(name, ("no", "yes"))
    bands = tuple(f"{low:g} to under {high:g}" for low, high in pairwise(edges))
    return Grouping(name, bands, tuple(edges))
