"""The model that a task starts from, as trainer and inspector read it."""

from dataclasses import replace

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import Tensors
from modelward.study.model import Model, model_schema


def model_of(
    task: Task, study: Study, models: Store, kept: Tensors | None = None
) -> Model | None:
    """Return the model that `task` starts from; None where it needs none.

    Args:
        task: The question.
        study: Its study.
        models: Where the model has been put.
        kept: What the site kept from its last round.

    Raises:
        StorageError: If it is not in `models`, or damaged.
        BadArtifact: If it is not a model of `study`.
    """
    if task.model is None:
        return None
    model = Model.from_tensors(study, models.tensors(task.model, model_schema(study)))
    return replace(model, kept=kept) if kept else model
