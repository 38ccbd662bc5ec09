"""One door into a site's data: a dataset file in, a cohort out, whatever the format."""

from pathlib import Path

from modelward.core.study import Study
from modelward.readers.arrays import read_arrays
from modelward.readers.cohort import Cohort
from modelward.readers.dataset import read
from modelward.readers.events import read_events
from modelward.readers.opt_out import read_opt_out
from modelward.readers.table import read_table


def open_cohort(dataset_file: Path, study: Study) -> Cohort:
    """Return the cohort that `study` defines in the data of `dataset_file`.

    Raises:
        DataError: With every fault found, if the data do not fit the study.
    """
    dataset, path = read(dataset_file)
    listed = dataset.dataset.opt_out
    opt_out = None if listed is None else read_opt_out(dataset_file.parent / listed)
    if dataset.dataset.kind == "arrays":
        return read_arrays(path, study, opt_out)
    if dataset.has_events:
        return read_events(path, dataset, study, opt_out)
    return read_table(path, dataset, study, opt_out)
