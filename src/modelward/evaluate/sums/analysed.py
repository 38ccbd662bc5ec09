"""Everything that a finished study of sums found, as one value that reports are made from.

The hub has all of it: the state that the study ended with, and who answered. Nothing here
looks at a unit. `to_json` is report.json of such a study (docs/formats/analysis.md).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from modelward.evaluate.facts.record import LedgerFacts, StudyFacts
from modelward.evaluate.sums.coefficients import (
    Coefficient,
    HazardTest,
    coefficients,
    fit_figures,
    hazard_tests,
    named_direction,
    state_of,
)
from modelward.evaluate.sums.harmonisation import Harmonisation, harmonisation
from modelward.evaluate.sums.survival import Curve, LogRank, curves, log_rank
from modelward.evaluate.sums.table_one import Difference, Row, differences, rows, table_one
from modelward.recipes.catalogue import analysis
from modelward.recipes.statistics import climb
from modelward.recipes.statistics.cox import Cox
from modelward.recipes.statistics.glm import Glm
from modelward.study.model import Model

FORMAT = "modelward-analysis/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePart:
    """One site's part in the study.

    Attributes:
        name: The site.
        releases: Answers that its gate released.
        refusals: Answers that it refused, or that did not fit.
        bytes_out: Bytes of what was released.
        ledger: Where its ledger is, if that is known here.
    """

    name: str
    releases: int
    refusals: int
    bytes_out: int
    ledger: LedgerFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPart:
    """How the run went.

    Attributes:
        rounds: Finished rounds.
        seconds: Over all rounds.
        reason: Why it ended.
        model_sha256: Hash of the state it ended with.
        masked: Whether answers were summed behind masks.
        simulated: Whether the sites are simulated on one machine.
        notes: What happened at single sites, in sentences.
    """

    rounds: int
    seconds: float
    reason: str
    model_sha256: str
    masked: bool = False
    simulated: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysed:
    """A finished study of sums.

    Attributes:
        study: Its terms.
        kind: Name of the recipe.
        family: Of a `glm`; `cox` for Cox; "" else.
        answered: Whether there are figures; else `run.reason` and `columns` say why not.
        units: Training units behind them.
        columns: Columns that are collinear or separate the outcome.
        penalised: Whether a penalty was used: then errors and p-values are not what they say.
        sites: Everybody who was asked.
        run: How it went.
        figures: Of fit, by name.
        coefficients: Of `glm` and `cox`.
        hazards: Tests of proportional hazards.
        curves: Of `km`.
        log_rank: Over the curves.
        groups: Of `describe`, with their units.
        rows: Its lines.
        differences: Between sites, where the hub saw their own sums.
        harmonisation: Of `combat`.
    """

    study: StudyFacts
    kind: str
    family: str
    answered: bool
    units: int
    columns: tuple[str, ...]
    penalised: bool
    sites: tuple[SitePart, ...]
    run: RunPart
    figures: dict[str, float]
    coefficients: tuple[Coefficient, ...] = ()
    hazards: tuple[HazardTest, ...] = ()
    curves: tuple[Curve, ...] = ()
    log_rank: LogRank | None = None
    groups: tuple[tuple[str, int], ...] = ()
    rows: tuple[Row, ...] = ()
    differences: tuple[Difference, ...] = ()
    harmonisation: Harmonisation | None = None

    def to_object(self) -> dict[str, Any]:
        """Return the whole as JSON; what is not finite is null."""
        return {"format": FORMAT, **_plain(asdict(self))}

    def to_json(self) -> str:
        """Return the whole as indented JSON."""
        plain = self.to_object()
        return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def analysed(
    model: Model,
    facts: StudyFacts,
    sites: Sequence[SitePart],
    run: RunPart,
    heard: Sequence[str],
    units: int,
) -> Analysed:
    """Return what a study of sums found.

    Args:
        model: The state it ended with.
        facts: Its terms.
        sites: Everybody who was asked.
        run: How it went.
        heard: Sites whose sums are in the last round, by name.
        units: Training units behind them.
    """
    made, state = analysis(model.study.recipe), state_of(model)
    climbed = isinstance(made, Glm | Cox)
    done = climb.DONE if climbed else 1
    return Analysed(
        study=facts,
        kind=made.name,
        family=made.options.family if isinstance(made, Glm) else "cox" * isinstance(made, Cox),
        answered=int(state["stage"][0]) == done,
        units=units,
        columns=named_direction(model),
        penalised=bool(climbed and model.study.recipe.options.get("l2")),
        sites=tuple(sites),
        run=run,
        figures=fit_figures(model),
        coefficients=coefficients(model),
        hazards=hazard_tests(model),
        curves=curves(model),
        log_rank=log_rank(model),
        groups=tuple(table_one(model)),
        rows=rows(model),
        differences=differences(model, tuple(heard)),
        harmonisation=harmonisation(model),
    )


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of a JSON value
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
