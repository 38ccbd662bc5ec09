"""The model that a task starts from, as trainer and inspector read it."""

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.study.model import Model, model_schema


def model_of(task: Task, study: Study, models: Store) -> Model | None:
    """Return the model that `task` starts from; None where it needs none.

    Raises:
        StorageError: If it is not in `models`, or damaged.
        BadArtifact: If it is not a model of `study`.
    """
    if task.model is None:
        return None
    return Model.from_tensors(study, models.tensors(task.model, model_schema(study)))
