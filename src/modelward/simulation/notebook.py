"""A simulation in one call, for scripts and notebooks.

simulate.py does the work for studies that train, analysis.py for those of sums.
"""

from os import PathLike
from pathlib import Path

from modelward.core.study import Study
from modelward.simulation.analysis import AnalysedRun
from modelward.simulation.analysis import run as run_sums
from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.simulate import Result, Simulation
from modelward.simulation.simulate import simulate as run


def simulate(
    study: Study,
    data: str | PathLike[str],
    by: str | Dealing,
    out: str | PathLike[str],
    *,
    special: Special | None = None,
    workers: int | None = None,
) -> Result:
    """Try a study on one data file, split into simulated hospitals.

    The same call again goes on where an interrupted one stopped.

    Args:
        study: What is learnt and how.
        data: CSV or Parquet with one row per unit, or .npz with `images` and `labels`.
        by: Column whose values are the hospitals, or `Dealing(sites=5, alpha=0.5)` to deal
            the units with label skew.
        out: Folder of the run; made if it is missing.
        special: Which columns name the unit and the fold, and what means missing.
        workers: Processes; one per core if None. Changes no bit of the result.

    Raises:
        DataError: If the data do not fit the study; every fault is listed.
        RunMismatch: If the folder holds another run.
        StorageError: If something cannot be written; nothing is half-written.
    """
    return run(_requested(study, data, by, out, special, workers))


def analyse(
    study: Study,
    data: str | PathLike[str],
    by: str | Dealing,
    out: str | PathLike[str],
    *,
    special: Special | None = None,
    workers: int | None = None,
) -> AnalysedRun:
    """Try a study of sums on one data file, split into simulated hospitals.

    The arguments are those of `simulate`; the same call again goes on where an interrupted
    one stopped.

    Raises:
        DataError: If the data do not fit the study; every fault is listed.
        RunMismatch: If the folder holds another run.
        StorageError: If something cannot be written; nothing is half-written.
    """
    return run_sums(_requested(study, data, by, out, special, workers))


def _requested(
    study: Study,
    data: str | PathLike[str],
    by: str | Dealing,
    out: str | PathLike[str],
    special: Special | None,
    workers: int | None,
) -> Simulation:
    return Simulation(
        study=study,
        data=Path(data),
        dealing=Dealing(by=by) if isinstance(by, str) else by,
        special=special or Special(),
        out=Path(out),
        workers=workers,
    )
