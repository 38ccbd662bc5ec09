"""Finished runs on this machine, read for evaluate/side_by_side.py.

Two runs hold the same test units if they were dealt from the same file in the same way, and
every site has the same units in its test fold with the same outcomes.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from modelward.core.study import Study
from modelward.errors import RunMismatch
from modelward.evaluate.findings import Findings
from modelward.evaluate.predictions import Predictions
from modelward.evaluate.side_by_side import SideBySide, described, side_by_side
from modelward.hub.registry import Registry
from modelward.readers.cohort import Cohort
from modelward.simulation.folder import RunFolder
from modelward.simulation.predicted import predicted
from modelward.simulation.simulate import cohorts_of, require_trained, stored_study
from modelward.study.own import LAYERS

FEWEST = 2


def compared(paths: Sequence[Path]) -> SideBySide:
    """Return the finished runs at `paths` side by side.

    Raises:
        RunMismatch: If there are fewer than two, one is given twice, or one is not finished.
        StudyFileError: If one is a study of sums.
    """
    names = [_name(path) for path in paths]
    if len(paths) < FEWEST or len(set(names)) < len(names):
        raise RunMismatch(
            _too_few(names),
            why="a comparison is of two runs or more, each once",
            remedy="give the folders of finished runs: modelward study compare RUN RUN",
        )
    folders = {name: RunFolder(path) for name, path in zip(names, paths, strict=True)}
    found = {name: _findings(folder) for name, folder in folders.items()}
    studies = {name: stored_study(folder) for name, folder in folders.items()}
    cohorts = {
        name: cohorts_of(folder, folder.site_names(), studies[name])
        for name, folder in folders.items()
    }
    first = names[0]
    alike = [
        name
        for name in names
        if not _own_layers(studies[name])
        and _same_dealing(folders[first], folders[name])
        and _same_units(cohorts[first], cohorts[name])
    ]
    return side_by_side(
        [described(name, found[name]) for name in names],
        {name: _predictions(folders[name], studies[name], cohorts[name]) for name in alike},
    )


def _too_few(names: Sequence[str]) -> str:
    """Return what is wrong with a list of runs that is too short, or names one twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"given twice: {', '.join(twice)}"
    return f"only {names[0]} was given" if names else "no run was given"


def _name(path: Path) -> str:
    """Return a short name of a run; its parent's too where it is called like many."""
    whole = path.resolve()
    return f"{whole.parent.name}/{whole.name}" if whole.name == "run" else whole.name


def _findings(folder: RunFolder) -> Findings:
    require_trained(stored_study(folder))
    stored = folder.report / "report.json"
    if not stored.exists():
        raise RunMismatch(
            f"{folder.path} holds no finished run",
            why="runs are compared by their findings",
            remedy=f"finish it first: modelward study run {folder.path}",
        )
    return Findings.from_json(stored.read_bytes())


def _own_layers(study: Study) -> bool:
    personal = study.plan.personal
    return personal is not None and personal.kind in LAYERS


def _same_dealing(one: RunFolder, other: RunFolder) -> bool:
    """Return whether rows became sites in the same way; label skew is drawn by the seed."""
    first, second = one.stored(), other.stored()
    seeds = [each["terms"]["plan"]["seed"] for each in (first, second)]
    same = all(first[key] == second[key] for key in ("data", "dealing", "sites"))
    # Which texts mean a missing value moves no row: whose outcome that leaves is _same_units'.
    whose = [{**each["columns"], "missing": None} for each in (first, second)]
    return same and whose[0] == whose[1] and ("by" in first["dealing"] or seeds[0] == seeds[1])


def _same_units(one: Mapping[str, Cohort], other: Mapping[str, Cohort]) -> bool:
    """Return whether every site has the same units in its test fold."""
    return all(_tested(one[site]) == _tested(other[site]) for site in one)


def _tested(cohort: Cohort) -> tuple[tuple[str, ...], bytes]:
    """Return ids and outcomes of the test units."""
    test = np.flatnonzero(cohort.folds == 2)  # noqa: PLR2004 - FOLDS["test"]
    ids = tuple(cohort.ids[n] for n in test) if cohort.ids else ()
    return ids, cohort.y[test].tobytes()


def _predictions(
    folder: RunFolder, study: Study, cohorts: Mapping[str, Cohort]
) -> dict[str, Predictions]:
    with closing(Registry(folder.hub)) as registry:
        best = registry.best(study)
        model = registry.model(study, registry.model_of(study, best))
    return {
        site: predicted(model, cohort, "test")
        for site, cohort in cohorts.items()
        if cohort.count("test")
    }
