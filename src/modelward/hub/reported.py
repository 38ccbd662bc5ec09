"""What sites told for the report of a study: asked once, at its end, and kept.

    last round committed -> Task(report, kept model) -> figures of each site -> finished
                                                     or their sum behind masks

A hub that is killed meanwhile asks again, and sites answer from their ledgers. Who refuses,
or is silent beyond the deadline, is without figures in the report; nobody else has to wait.
A sum is remembered in a row of its own beside those of the sites that are in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import Tensors
from modelward.core.verdict import Release
from modelward.errors import BadArtifact, BadUpdate
from modelward.evaluate.told.site_figures import decode
from modelward.hub.followed import threshold_of
from modelward.hub.registry import Registry
from modelward.hub.standing import AnswerRow
from modelward.privacy.masks import words
from modelward.privacy.masks.grid import Words
from modelward.study.answers import edge_of
from modelward.study.report_answer import acts, one_by_one, report_schema

SUM, EVERYBODY = "summed", ""
"""Decision and site of the row of a sum; no site has this name."""


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Counts of test units, of one site or of several together.

    Attributes:
        tensors: As study/report_answer.py has them.
        units: Test units behind them.
        sites: Who is in them.
    """

    tensors: Tensors
    units: int
    sites: tuple[str, ...]


class Reported:
    """Takes what sites tell, and keeps it in the hub's store.

    Args:
        registry: Of the hub.
        study: A study that asks for a report.

    Attributes:
        patients: Units behind a sum that was taken.
    """

    def __init__(self, registry: Registry, study: Study) -> None:
        self._registry, self._study = registry, study
        self._sum: str | None = None
        self.patients = 0

    def add(self, release: Release) -> None:
        """Keep what one site tells.

        Raises:
            BadUpdate: If it cannot be read; then it does not count.
        """
        tensors = release.artifact.tensors
        try:
            if one_by_one(self._study):
                decode(release.site, tensors, self._study)
        except BadArtifact as error:
            raise BadUpdate(error.what, why=error.why, remedy=error.remedy) from error
        self._registry.store.put(tensors, report_schema(self._study))

    def add_totals(self, totals: Mapping[str, Words]) -> None:
        """Keep a sum that was made behind masks; groups of sites are added together."""
        schema = report_schema(self._study)
        tensors, self.patients = words.read_sums(words.added(totals), schema)
        self._sum, _ = self._registry.store.put(tensors, schema)

    def rows(self, task: Task, answers: Sequence[AnswerRow]) -> list[AnswerRow]:
        """Return what is remembered: the answers, and the sum where there is one."""
        if self._sum is None:
            return list(answers)
        row = AnswerRow(
            task=task.id,
            round_no=task.round_no,
            site=EVERYBODY,
            decision=SUM,
            sha256=self._sum,
            patients=self.patients,
        )
        return [*answers, row]


def report_task(registry: Registry, study: Study) -> Task:
    """Return the question: the kept model, under the round that it comes from.

    Where sites tell of the sides of a threshold, the one that the kept round has chosen.
    """
    best = registry.best(study)
    kept = registry.model_of(study, best)
    edge = None
    if acts(study):
        chosen, _ = threshold_of(study, registry.past(study).history, best)
        edge = None if chosen is None else edge_of(study, chosen)
    return Task(study=study.sha256, round_no=best, kind="report", model=kept, edge=edge)


def patience_s(study: Study, task: Task) -> float | None:
    """Return how long a silent site is waited for; for a report, as long as for all rounds.

    A site trains as many rounds alone before it answers.
    """
    deadline = study.plan.deadline_s
    if deadline is None or task.kind != "report":
        return deadline
    return deadline * study.plan.rounds


def counted(registry: Registry, study: Study) -> dict[str, Counted]:
    """Return the counts that were told: by site, or behind masks under `EVERYBODY` alone."""
    task = report_task(registry, study)
    rows = [row for row in registry.answers(study) if row.task == task.id]
    told = tuple(row.site for row in rows if row.decision == "released")
    summed = study.privacy.aggregation is not None
    return {
        row.site: Counted(
            registry.store.tensors(str(row.sha256)),
            row.patients or 0,
            told if summed else (row.site,),
        )
        for row in rows
        if row.decision == (SUM if summed else "released")
    }
