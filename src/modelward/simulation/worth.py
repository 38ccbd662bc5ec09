"""What a model is worth on the validation units of all sites, which only one machine has."""

from collections.abc import Callable

from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.learn.personal import loss
from modelward.readers.open import open_cohort
from modelward.recipes.catalogue import recipe
from modelward.simulation.baselines import together
from modelward.simulation.folder import RunFolder
from modelward.site.answering.folds import examples
from modelward.study.model import Model
from modelward.study.own import own_places


def validated(run: RunFolder, study: Study) -> Callable[[Model], float] | None:
    """Return minus the mean log loss on all validation units.

    None where there are none, or where layers of the model are each site's own.
    """
    if own_places(study) is not None:
        return None
    cohorts = {
        site: open_cohort(run.sites / site / "dataset.toml", study) for site in run.site_names()
    }
    whole = together(cohorts)
    if not whole.count("validation"):
        return None
    trained, shape = recipe(study.recipe), inputs(study)

    def worth(model: Model) -> float:
        return -loss(trained, model.parameters, examples(whole, "validation", model), shape)

    return worth
