"""Several sites of a simulation answering one training task in one process.

Only where one machine plays all hospitals: small networks train faster as a group
(learn/group.py). Every site still has its own cohort, gate and ledger, and a site whose
ledger already holds a decision is not trained again.
"""

from collections.abc import Mapping

from modelward.artifact.store import Store
from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer
from modelward.learn.examples import Examples
from modelward.learn.group import SITE_BY_SITE, numeric_path, train_group
from modelward.learn.sgd import LocalTerms
from modelward.recipes.catalogue import recipe
from modelward.recipes.networks.mlp import Mlp
from modelward.site.answering.answer import Computed
from modelward.site.answering.by_content import ordered
from modelward.site.answering.folds import examples
from modelward.site.answering.own_round import terms_of
from modelward.site.answering.task_model import model_of
from modelward.site.hospital import Hospital
from modelward.site.rooms.direct import DirectTrainer
from modelward.study.model import parameter_schema
from modelward.study.own import kept_schema


def in_groups(study: Study, sites: int) -> bool:
    """Return whether `sites` sites of a simulation of `study` train in groups."""
    plan = study.plan
    alone = study.privacy.dp is not None or study.privacy.aggregation is not None
    alone = alone or plan.local is not None or plan.label_skew == "class-weights"
    alone = alone or kept_schema(study) is not None
    if alone or plan.strategy != "fedavg":
        return False
    return numeric_path(recipe(study.recipe), inputs(study), sites) != SITE_BY_SITE


def answer_together(
    places: Mapping[int, Hospital], task: Task, models: Store
) -> dict[int, Answer]:
    """Return the answer of every site to one training task.

    Args:
        places: Place in the group -> site. A site keeps its place whoever else takes part.
        task: Of kind `train`.
        models: Where the model that it starts from has been put.

    Raises:
        TrainingFailed: If training diverges at a site.
        GateRefused, DataError, StorageError: As `Hospital.answer`.
    """
    study = next(iter(places.values())).study_of(task)
    trained = recipe(study.recipe)
    model = model_of(task, study, models)
    open_here = {
        place: (hospital, hospital.trainer.cohort(study))
        for place, hospital in places.items()
        if isinstance(hospital.trainer, DirectTrainer) and hospital.door.decided(task) is None
    }
    open_here = {place: here for place, here in open_here.items() if here[1].count("train")}
    if model is None or not isinstance(trained, Mlp) or not open_here:
        return {place: hospital.answer(task, models) for place, hospital in places.items()}
    asked: dict[int, tuple[Examples, LocalTerms]] = {}
    for place, (hospital, cohort) in open_here.items():
        training, named = ordered(study, examples(cohort, "train", model), hospital.name)
        asked[place] = training, terms_of(study, task.round_no, named)
    updates = train_group(trained, model.parameters, asked, inputs(study))
    schema = parameter_schema(study)
    found = {
        place: Computed(schema.split(update), asked[place][0].patients)
        for place, update in updates.items()
    }
    return {
        place: hospital.decide(task, lambda place=place: found[place])  # type: ignore[misc]
        if place in found
        else hospital.answer(task, models)
        for place, hospital in places.items()
    }
