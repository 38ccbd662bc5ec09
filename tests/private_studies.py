"""Small studies under differential privacy, with invented patients."""

from pathlib import Path
from typing import Any

from modelward.artifact.store import Store
from modelward.core.artifact import Artifact
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.site.hospital import Hospital
from modelward.study.model import initial, model_schema
from modelward.study.scaling import frozen
from tests.studies import TABLE, hospital, make_site, table_study

PRIVATE = (
    TABLE.replace('strategy = "newton"\nrounds = 8', "rounds = 3\nlr = 0.5\nvalidation = 0.2")
    + """
[privacy.dp]
epsilon = 3.0
sampling = 0.5
"""
)
"""Six noised steps in three rounds; the table's ranges scale, no metric is watched."""

WATCHED = PRIVATE + '\n[stop]\nmetric = "auc"\n'
NOISED = PRIVATE.replace("sampling = 0.5", 'sampling = 0.5\nscaling = "noised"')


def private_study(text: str = PRIVATE, *swaps: tuple[str, str]) -> Study:
    """Return the study in `text` after replacing each (old, new)."""
    return table_study(text, *swaps)


class Ward:
    """One site that takes part in a private study, and a hub's store beside it."""

    def __init__(self, folder: Path, study: Study, patients: int = 200) -> None:
        self.folder, self.study = folder, study
        if not folder.exists():
            make_site(folder, patients, 1)
        self.models = Store(folder.parent / "models")
        self.site = hospital(folder, "north", study)

    def task(self, round_no: int = 1, kind: str = "train", nudge: float = 0.0) -> Task:
        """Return a task; `nudge` moves the model that it brings."""
        model = None
        if kind != "statistics":
            start = initial(self.study, frozen(self.study, {}))
            start.parameters[0] += nudge
            model, _ = self.models.put(start.tensors, model_schema(self.study))
        return Task(study=self.study.sha256, round_no=round_no, kind=kind, model=model)  # type: ignore[arg-type]

    def released(self, task: Task) -> Artifact:
        """Return the artifact that the site releases for `task`."""
        answer = self.site.answer(task, self.models)
        assert isinstance(answer, Release)
        return answer.artifact

    def reopen(self) -> Hospital:
        """Close the site as a crash would leave it, and open it again."""
        self.site.close()
        self.site = hospital(self.folder, "north", self.study)
        return self.site

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Return the ledger's entries of one kind."""
        return [dict(entry) for entry in self.site.ledger if entry["kind"] == kind]
