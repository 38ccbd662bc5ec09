"""Whether data fit a study, and sites are enough, before anything is dealt or trained."""

from collections.abc import Mapping, Sized
from pathlib import Path

from modelward.core.columns import inputs
from modelward.core.faults import Fault
from modelward.core.study import Study
from modelward.errors import DataError
from modelward.readers.arrays import read_arrays
from modelward.readers.assemble import Rows, assemble
from modelward.readers.checking.readiness import judge
from modelward.readers.cohort import Cohort
from modelward.readers.dataset import Dataset, Source
from modelward.readers.tables.table import table_rows
from modelward.readers.tables.text_columns import refuse
from modelward.simulation.data_check import sentences
from modelward.simulation.dealing import Dealing, Special

NO_COLUMN = "no such column"
"""What a reader says of a heading that is not there."""

PER_SITE = "modelward data init FILE --study STUDY --out FOLDER/NAME/dataset.toml"

FEWEST_A_SITE = 5
"""Rows a site, on average, below which a column is taken for one of patients."""

LISTED = 5
"""Sites that are named in a message."""


def check_data(path: Path, study: Study, special: Special) -> tuple[str, ...]:
    """Raise DataError, with every fault and original line numbers, unless the data fit.

    Args:
        path: One file with all units.
        study: What they have to fit.
        special: Columns that are not features.

    Returns:
        What the data check has to say of data that can be read (data_check.py).
    """
    said: tuple[str, ...] = ()
    if inputs(study).kind != "table":
        whole = read_arrays(path, study)
    else:
        faults: list[Fault] = []
        source = Source(
            kind="table",
            path=str(path),
            patient=special.patient,
            split=special.split,
            missing=special.missing,
        )
        rows = _read(path, Dataset(dataset=source), study, faults)
        whole = assemble(rows, study, faults, lambda found: refuse(path, found))
        said = sentences(judge(rows, study, ()).findings)
    if study.plan.strategy == "sums":
        return said
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
    return said


def _read(path: Path, dataset: Dataset, study: Study, faults: list[Fault]) -> Rows:
    """Return the rows of a table that has no dataset.toml: headings are those of the study."""
    try:
        return table_rows(path, dataset, study, faults, None)
    except DataError as error:
        if NO_COLUMN not in error.what:
            raise
        raise DataError(
            error.what,
            why="one table for all hospitals has the study's own headings",
            remedy=f"rename the columns; or write a folder with one folder per hospital, each "
            f"with a dataset.toml that maps its headings ({PER_SITE}), then --data FOLDER",
        ) from error


def check_dealt(study: Study, rows: Mapping[str, Sized], dealing: Dealing) -> None:
    """Raise DataError before a file is written, where sites have too few rows to take part.

    Args:
        study: What asks for so many units.
        rows: Site -> its rows.
        dealing: How they became sites.
    """
    counts = {site: len(own) for site, own in rows.items()}
    total, remedy = sum(counts.values()), ""
    if dealing.by is not None and len(counts) > total / FEWEST_A_SITE:
        remedy = (
            f"--by names a column with one value per hospital, and {dealing.by!r} has "
            f"{len(counts):,} in {total:,} rows: if it names the patient, give --patient "
            f"{dealing.by}, and --by another column or --sites 5"
        )
    _require_sites(study, counts, "rows", remedy)


def check_sites(study: Study, cohorts: Mapping[str, Cohort]) -> None:
    """Raise DataError unless enough sites have enough training units."""
    counts = {site: cohort.count("train") for site, cohort in cohorts.items()}
    _require_sites(study, counts, "training units")


def _require_sites(
    study: Study, counts: Mapping[str, int], what: str, remedy: str = ""
) -> None:
    floor = study.study.min_patients
    small = {site: count for site, count in counts.items() if count < floor}
    if len(counts) - len(small) >= study.sites.minimum:
        return
    listed = [f"{site} has {count}" for site, count in sorted(small.items())[:LISTED]]
    if len(small) > LISTED:
        listed.append(f"and {len(small) - LISTED:,} more")
    wide = "deal the rows to fewer sites, or lower min_patients in the study"
    if len(counts) < study.sites.minimum:
        wide = "deal the rows to more sites, or lower [sites] minimum in the study"
    raise DataError(
        f"{len(counts) - len(small)} of {len(counts)} sites have {floor} {what}; "
        f"below: {', '.join(listed) or 'none'}",
        why=f"the study needs {study.sites.minimum} sites with that many each",
        remedy=remedy or wide,
    )
