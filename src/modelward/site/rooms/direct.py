"""Who computes at a site, and the one who does so in the process that asks.

`DirectTrainer` opens the data itself: it is for simulations, where one process holds all
rows anyway. A hospital's trainer is a process of its own (isolated.py).
"""

from pathlib import Path
from typing import Protocol

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import Tensors
from modelward.readers.cohort import Cohort
from modelward.readers.open import open_cohort
from modelward.recipes.networks import backbone
from modelward.site.answering.answer import Computed, compute
from modelward.site.answering.task_model import model_of
from modelward.site.budget.spending import Booked
from modelward.site.isolation.snapshot import CohortFacts, cohort_digest, facts_of
from modelward.site.rooms.extractor import patient_key


class Trainer(Protocol):
    """Who computes: `DirectTrainer` below, or isolated.py's `IsolatedTrainer`."""

    def compute(
        self,
        task: Task,
        study: Study,
        models: Store,
        booked: Booked | None = None,
        kept: Tensors | None = None,
    ) -> Computed:
        """Return the result of `task`, whose model lies in `models`.

        `booked` is what the budget allows, for studies under differential privacy; `kept` is
        what the site kept for itself from its last round (kept.py).
        """
        ...

    def facts(self, study: Study) -> CohortFacts:
        """Return what may be known of the cohort of `study` outside of the trainer."""
        ...

    def stop(self) -> None:
        """End what is being computed, from any thread, if that can be done."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class DirectTrainer:
    """Trains in this process, which opens the data: for simulations.

    Args:
        folder: The site's folder, with `dataset.toml` in it.
        site: The site's name.
    """

    def __init__(self, folder: Path, site: str) -> None:
        self._folder, self._site = folder, site
        backbone.look_in(folder.resolve() / backbone.FOLDER)
        self._cohorts: dict[str, Cohort] = {}
        self._facts: dict[str, CohortFacts] = {}

    def compute(
        self,
        task: Task,
        study: Study,
        models: Store,
        booked: Booked | None = None,
        kept: Tensors | None = None,
    ) -> Computed:
        """Return the result of `task`."""
        model = model_of(task, study, models, kept)
        return compute(task, study, model, self.cohort(study), self._site, booked)

    def facts(self, study: Study) -> CohortFacts:
        """Return what may be known of the cohort, made when it is first needed."""
        if study.sha256 not in self._facts:
            key = patient_key(self._folder / "patients.key")
            cohort = self.cohort(study)
            self._facts[study.sha256] = facts_of(cohort, study, cohort_digest(cohort), key)
        return self._facts[study.sha256]

    def stop(self) -> None:
        """Do nothing: a thread cannot be ended."""

    def close(self) -> None:
        """Forget the cohorts."""
        self._cohorts.clear()

    def cohort(self, study: Study) -> Cohort:
        """Return the site's units for `study`, read when they are first needed.

        Studies that differ only in how they train share one cohort.
        """
        asks = study.model_dump_json(include={"study", "cohort", "features", "target", "plan"})
        if asks not in self._cohorts:
            self._cohorts[asks] = open_cohort(self._folder / "dataset.toml", study)
        return self._cohorts[asks]
