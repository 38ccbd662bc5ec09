"""What only one machine can compare with: a model on the records of all sites.

The same recipe, schedule, number of passes and selection rule as the federated study
(site/alone.py); only the data that a model sees differ. Pooled exists here because a
simulation holds all rows. In a real federation records stay at the sites and it is reported
as not computed.
"""

from collections.abc import Mapping

import numpy as np

from modelward.readers.cohort import Cohort


def together(cohorts: Mapping[str, Cohort]) -> Cohort:
    """Return all sites' units as one cohort, in the order of the sites' names."""
    parts = [cohorts[site] for site in sorted(cohorts)]
    return Cohort(
        x=np.concatenate([part.x for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        folds=np.concatenate([part.folds for part in parts]),
    )
