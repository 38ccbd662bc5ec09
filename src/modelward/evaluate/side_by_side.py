"""Several finished runs side by side: what each reached, and whether one is better.

Figures of each run come from its findings. Where two runs hold the same test units at the same
sites their federated models are compared on these units, paired (compare.py), on how they
rank (AUC, by DeLong and by the bootstrap) and on how far their probabilities are off (Brier
score): runs that rank alike may differ in calibration. All comparisons with the first run are
adjusted together (multiplicity.py, Holm).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from modelward.evaluate.comparing.compare import (
    Comparison,
    Metric,
    auc_by_resamples,
    chance,
    compare,
)
from modelward.evaluate.comparing.verdict import Word
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.findings import Findings
from modelward.evaluate.measures.discrimination import SINGLE_MEMBER, SINGLE_PATIENT
from modelward.evaluate.measures.multiplicity import ALPHA, holm
from modelward.evaluate.predictions import Predictions, union

FORMAT = "modelward-comparison/1"

SEED = 2026

ASKED: tuple[Metric, ...] = ("auc", "brier")
"""On what runs are held against each other."""

OTHER_UNITS = "other test units, so the two are not compared on the same ones"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as a reader compares it.

    Attributes:
        name: Of its folder.
        study: Id and version.
        strategy: How it trained, in words.
        sites: How many.
        rounds: That were run.
        seconds: Of all rounds.
        sent: Bytes of all releases.
        auc: Of the federated model on the test units of all sites.
        accuracy: The same.
        brier: The same.
        lowest: Lowest AUC of a site, and which site; None and "" where none has one.
        words: Verdict -> how many sites got it.
        privacy: First sentence of what was done for privacy.
        model_sha256: Of its model.
    """

    name: str
    study: str
    strategy: str
    sites: int
    rounds: int
    seconds: float
    sent: int
    auc: Estimate
    accuracy: Estimate
    brier: Estimate
    lowest: tuple[float | None, str]
    words: dict[Word, int]
    privacy: str
    model_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """One run against the first.

    Attributes:
        name: Of the run.
        auc: It minus the first, on the same test units; None where there are others.
        adjusted: p value after Holm's adjustment over both figures of all runs; None without
            a comparison.
        note: Why there is none; "" if there is one.
        brier: The same of the Brier score: above zero is worse than the first.
        brier_adjusted: The same.
        resampled: The difference in AUC by the paired stratified bootstrap, beside DeLong's.
    """

    name: str
    auc: Comparison | None
    adjusted: float | None
    note: str = ""
    brier: Comparison | None = None
    brier_adjusted: float | None = None
    resampled: Estimate | None = None

    @property
    def figures(
        self,
    ) -> tuple[tuple[str, Comparison | None, Estimate | None, float | None], ...]:
        """Name, comparison, the bootstrap's interval and adjusted p value of both figures."""
        brier = None if self.brier is None else self.brier.difference
        return (
            ("AUC", self.auc, self.resampled, self.adjusted),
            ("Brier", self.brier, brier, self.brier_adjusted),
        )


def kept(adjusted: float | None) -> bool:
    """Return whether a difference is more than chance when all of them are asked at once."""
    return adjusted is not None and adjusted < ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """Several runs, the first of which the others are held against.

    Attributes:
        runs: In the order given.
        against: Every run but the first.
    """

    runs: tuple[Run, ...]
    against: tuple[Against, ...]

    def to_object(self) -> dict[str, Any]:
        """Return the whole as JSON."""
        return {"format": FORMAT, **asdict(self)}


def described(name: str, found: Findings) -> Run:
    """Return a run as a reader compares it, from its findings."""
    record, overall = found.record, found.federated.overall
    ranked = [
        (one.auc.value, record.title(one.site))
        for one in found.federated.by_site
        if one.auc.value is not None and one.auc.note not in {SINGLE_MEMBER, SINGLE_PATIENT}
    ]
    words: dict[Word, int] = {}
    for verdict in found.verdicts:
        words[verdict.word] = words.get(verdict.word, 0) + 1
    return Run(
        name=name,
        study=f"{record.study.id}, version {record.study.version}",
        strategy=record.study.strategy,
        sites=len(record.sites),
        rounds=record.run.rounds,
        seconds=record.run.seconds,
        sent=sum(site.bytes_out for site in record.sites),
        auc=overall.auc,
        accuracy=overall.accuracy,
        brier=overall.brier,
        lowest=min(ranked, default=(None, "")),
        words=words,
        privacy=record.privacy.partition(". ")[0].rstrip(".") + ".",
        model_sha256=record.run.model_sha256,
    )


def side_by_side(
    runs: Sequence[Run], predicted: Mapping[str, Mapping[str, Predictions]]
) -> SideBySide:
    """Return the runs, the first held against the others.

    Args:
        runs: At least two, under different names.
        predicted: Run -> site -> its federated model on the site's test units, for the first
            run and those that hold the same test units, in the same order.
    """
    first, *others = runs
    base = predicted.get(first.name)
    made: dict[tuple[str, Metric], Comparison] = {}
    by_chance: dict[tuple[str, Metric], float | None] = {}
    resampled: dict[str, Estimate] = {}
    for run in others:
        mine = predicted.get(run.name)
        if base is None or mine is None:
            continue
        pair = [union([each[site] for site in sorted(base)]) for each in (mine, base)]
        rng = np.random.default_rng(SEED)
        for metric in ASKED:
            made[run.name, metric] = compare(metric, pair[0], pair[1], rng)
            by_chance[run.name, metric] = chance(metric, pair[0], pair[1], rng)
        again = auc_by_resamples(pair[0], pair[1:], np.random.default_rng(SEED))
        resampled[run.name] = again[0]
    adjusted = holm({" ".join(key): p for key in made if (p := by_chance[key]) is not None})
    return SideBySide(
        runs=tuple(runs),
        against=tuple(
            Against(
                name=run.name,
                auc=made.get((run.name, "auc")),
                adjusted=adjusted.get(f"{run.name} auc"),
                note="" if (run.name, "auc") in made else OTHER_UNITS,
                brier=made.get((run.name, "brier")),
                brier_adjusted=adjusted.get(f"{run.name} brier"),
                resampled=resampled.get(run.name),
            )
            for run in others
        ),
    )
