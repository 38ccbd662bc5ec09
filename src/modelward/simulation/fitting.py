"""Whether data fit a study, before anything is dealt or trained."""

from collections.abc import Mapping
from pathlib import Path

from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.errors import DataError
from modelward.readers.arrays import read_arrays
from modelward.readers.cohort import Cohort
from modelward.readers.dataset import Dataset, Source
from modelward.readers.table import read_table
from modelward.simulation.dealing import Special


def check_data(path: Path, study: Study, special: Special) -> None:
    """Raise DataError, with every fault and original line numbers, unless the data fit.

    Args:
        path: One file with all units.
        study: What they have to fit.
        special: Columns that are not features.
    """
    if inputs(study).kind != "table":
        whole = read_arrays(path, study)
    else:
        source = Source(
            kind="table",
            path=str(path),
            patient=special.patient,
            split=special.split,
            missing=special.missing,
        )
        whole = read_table(path, Dataset(dataset=source), study)
    if study.plan.strategy == "sums":
        return
    _, labels = whole.fold("train")
    if not len(labels):
        raise DataError(
            f"{path}: nobody is left to train on, of whom {study.target_name!r} is known",
            why="there is nothing to learn from",
            remedy="look for rows below the headings, for the outcome, and at [cohort]",
        )
    if len(set(labels.tolist())) < 2:  # noqa: PLR2004 - an outcome has two classes
        raise DataError(
            f"all {len(labels)} training labels of {study.target_name!r} are equal",
            why="there is nothing to tell apart",
            remedy="check the target's definition and the data it is read from",
        )
    if not whole.count("test"):
        raise DataError(
            "there are no test units",
            why="a report on training data would mislead",
            remedy="hold some back: [plan] test = 0.2, or a split column",
        )


def check_sites(study: Study, cohorts: Mapping[str, Cohort]) -> None:
    """Raise DataError unless enough sites have enough training units."""
    floor = study.study.min_patients
    small = {site: c.count("train") for site, c in cohorts.items() if c.count("train") < floor}
    if len(cohorts) - len(small) >= study.sites.minimum:
        return
    listed = ", ".join(f"{site} has {count}" for site, count in small.items())
    remedy = "deal the rows to fewer sites, or lower min_patients in the study"
    if len(cohorts) < study.sites.minimum:
        remedy = "deal the rows to more sites, or lower [sites] minimum in the study"
    raise DataError(
        f"{len(cohorts) - len(small)} of {len(cohorts)} sites have {floor} training units; "
        f"below: {listed or 'none'}",
        why=f"the study needs {study.sites.minimum} sites with that many each",
        remedy=remedy,
    )
