"""What only one machine can compare with: a model on the records of all sites.

The same recipe, schedule, number of passes and selection rule as the federated study
(site/answering/alone.py); only the data that a model sees differ. Pooled exists here because a
simulation holds all rows. In a real federation records stay at the sites and it is reported
as not computed.

Where a plan counts steps (`[plan.local] steps`), a round is one batch of every site a step. The
pooled model takes these batches one after the other, so that it sees as many units as all sites
together and not as many as one of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.study import Study
from modelward.readers.cohort import Cohort


def for_all(study: Study, sites: int) -> Study:
    """Return the study by which the pooled model of `sites` sites is trained.

    The same, but for a plan that counts steps: then as many as all sites of a round make
    together. In cyclic transfer that is one site.
    """
    local = study.plan.local
    if local is None or local.steps is None or study.plan.strategy == "cyclic":
        return study
    more = local.model_copy(update={"steps": local.steps * sites})
    return study.model_copy(update={"plan": study.plan.model_copy(update={"local": more})})


def together(cohorts: Mapping[str, Cohort]) -> Cohort:
    """Return all sites' units as one cohort, in the order of the sites' names."""
    parts = [cohorts[site] for site in sorted(cohorts)]
    return Cohort(
        x=np.concatenate([part.x for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        folds=np.concatenate([part.folds for part in parts]),
        amount=_joined([part.amount for part in parts]),
        masks=_joined([part.masks for part in parts]),
    )


def _joined(parts: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    """Return what all sites know in one array; None where they know none."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) and known else None
