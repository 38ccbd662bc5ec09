"""Pooled and local models, trained in parallel and stored as each is finished."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from modelward import durable
from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.evaluate.piece import Piece
from modelward.readers.cohort import Cohort
from modelward.simulation.baselines import for_all, together
from modelward.simulation.folder import RunFolder
from modelward.simulation.spread import aside
from modelward.simulation.training import How
from modelward.site.answering.alone import Fitted, fit
from modelward.study.model import Model, model_schema

POOLED = "pooled"


def compare(
    folder: RunFolder, study: Study, cohorts: Mapping[str, Cohort], how: How
) -> dict[str, Fitted]:
    """Return the pooled model under `pooled` and every site's own under its name.

    Args:
        folder: Where finished models are, and are put.
        study: What is trained.
        cohorts: Every site's units.
        how: Means.
    """
    sizes = {POOLED: sum(c.count("train") for c in cohorts.values())} | {
        site: cohort.count("train") for site, cohort in cohorts.items()
    }
    todo = [name for name in sizes if not _path(folder, study, name).exists()]
    work = aside(how, f"{study.id}: pooled and local", done=len(sizes) - len(todo))
    work(
        [
            Piece(name, float(sizes[name]), partial(_train, folder, study, cohorts, name))
            for name in todo
        ]
    )
    return {site: _load(folder, study, site) for site in sizes}


def _train(folder: RunFolder, study: Study, cohorts: Mapping[str, Cohort], name: str) -> bytes:
    """Train one model and store it."""
    if name == POOLED:
        fitted = fit(for_all(study, len(cohorts)), together(cohorts), name)
    else:
        fitted = fit(study, cohorts[name], name)
    _store(folder, study, name, fitted)
    return b""


def _store(folder: RunFolder, study: Study, name: str, fitted: Fitted) -> None:
    digest = None
    if fitted.model is not None:
        digest, _ = Store(folder.baselines).put(fitted.model.tensors, model_schema(study))
    text = json.dumps({"model": digest, "reason": fitted.reason, "chosen": fitted.chosen})
    durable.write_whole(_path(folder, study, name), text.encode())


def _load(folder: RunFolder, study: Study, name: str) -> Fitted:
    stored = json.loads(_path(folder, study, name).read_bytes())
    if stored["model"] is None:
        return Fitted(None, stored["reason"])
    tensors = Store(folder.baselines).tensors(stored["model"], model_schema(study))
    model = Model.from_tensors(study, tensors)
    return Fitted(model, chosen=stored.get("chosen", ""))  # absent in runs from before


def _path(folder: RunFolder, study: Study, name: str) -> Path:
    return folder.baselines / f"{study.sha256[:12]}-{name}.json"
