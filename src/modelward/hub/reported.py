"""What sites told for the report of a study: asked once, at its end, and kept.

    last round committed -> Task(report, kept model) -> figures of each site -> finished

A hub that is killed meanwhile asks again, and sites answer from their ledgers. Who refuses,
or is silent beyond the deadline, is without figures in the report; nobody else has to wait.
"""

from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.errors import BadArtifact, BadUpdate
from modelward.evaluate.site_figures import SiteFigures, decode
from modelward.hub.registry import Registry
from modelward.study.report_answer import report_schema


class Reported:
    """Takes what sites tell, and keeps it in the hub's store.

    Args:
        registry: Of the hub.
        study: A study that asks for a report.
    """

    def __init__(self, registry: Registry, study: Study) -> None:
        self._registry, self._study = registry, study

    def add(self, release: Release) -> None:
        """Keep what one site tells.

        Raises:
            BadUpdate: If it cannot be read; then it does not count.
        """
        tensors = release.artifact.tensors
        try:
            decode(release.site, tensors, self._study)
        except BadArtifact as error:
            raise BadUpdate(error.what, why=error.why, remedy=error.remedy) from error
        self._registry.store.put(tensors, report_schema(self._study))


def report_task(registry: Registry, study: Study) -> Task:
    """Return the question: the kept model, under the round that it comes from."""
    best = registry.best(study)
    kept = registry.model_of(study, best)
    return Task(study=study.sha256, round_no=best, kind="report", model=kept)


def patience_s(study: Study, task: Task) -> float | None:
    """Return how long a silent site is waited for; for a report, as long as for all rounds.

    A site trains as many rounds alone before it answers.
    """
    deadline = study.plan.deadline_s
    if deadline is None or task.kind != "report":
        return deadline
    return deadline * study.plan.rounds


def reported(registry: Registry, study: Study) -> dict[str, SiteFigures]:
    """Return what each site told, by name; sites that told nothing are missing."""
    task = report_task(registry, study)
    return {
        row.site: decode(row.site, registry.store.tensors(str(row.sha256)), study)
        for row in registry.answers(study)
        if row.task == task.id and row.decision == "released"
    }
