"""What a site computes for a task of a study under differential privacy. Pure.

    statistics   sums over patients of [known, t, t^2] per column, and of positives; noised
    train        DP-SGD (learn/dp.py)
    evaluate     patients per outcome and bin of predicted probability; noised
    report       the same of test units, and in every level of the groups that are told
    readiness    patients per outcome, and per bin of every column; noised

A patient counts once, whatever the number of rows: rows are averaged first. The number of
units is declared public (docs/privacy.md), everything else is drawn here with the secret of
what was booked (spending.py), and the same task gives the same bits.

The noised share of positives is part of the statistics, so it is drawn with them and paid
with them. It is not sent: training draws the same bytes again, which tells nothing new.
"""

from math import ceil, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Column, inputs, summed_columns
from modelward.core.study import Study
from modelward.core.task import LOOKS_AT, Task
from modelward.core.tensors import FlatF32
from modelward.evaluate.measures.binned import place
from modelward.learn import dp
from modelward.learn.examples import Examples
from modelward.learn.patients import Patients
from modelward.learn.sgd import LocalTerms, learning_rate
from modelward.privacy.accounting import Event
from modelward.privacy.mechanism import noised, sensitivity, to_whole
from modelward.privacy.noise import Secret
from modelward.privacy.plan import adjusts_labels
from modelward.readers.cohort import Cohort
from modelward.recipes.catalogue import recipe
from modelward.site.answering.own_round import with_own_layers
from modelward.site.budget.spending import Booked
from modelward.study import readiness
from modelward.study.answers import score_bins
from modelward.study.judging import members
from modelward.study.model import Model
from modelward.study.outcome import chances
from modelward.study.report_answer import report_bins, told_groups
from modelward.study.scaling import contributions

BITS = 20
"""Statistics and counts are noised in units of 2^-20 of what one patient can add."""

ALIKE = (1.0, 1.0)
"""Weights that change nothing."""

STEEPEST = log(99.0)
"""Noised log prior odds are held within those of 1 in 100."""


def statistics(study: Study, cohort: Cohort, booked: Booked) -> dict[str, NDArray[np.float64]]:
    """Return the sums of study/scaling.py over training patients, noised."""
    units = {"units": np.array([float(cohort.count("train"))])}
    listed = summed_columns(study)
    if booked.event is None or not listed:
        return units
    found = _noised_sums(study, cohort, booked.event, booked.key)
    sums = found[: 3 * len(listed)].reshape(3, -1)
    return {**units, "known": sums[0], "total": sums[1], "square": sums[2]}


def statement(
    task: Task, study: Study, cohort: Cohort, booked: Booked
) -> dict[str, NDArray[np.float64]]:
    """Return the statement of study/readiness.py about a cohort that is READY.

    Counts are of all units, whatever their fold, and noised; a patient with several units has
    a share in the cells of each, and counts one in all.
    """
    event = _needed(booked.event)
    rows = readiness.contributions(study, cohort.x, cohort.y, cohort.amount)
    owner = np.arange(len(cohort.y)) if cohort.owner is None else cohort.owner
    _, whose, held = np.unique(owner, return_inverse=True, return_counts=True)
    means = np.zeros((len(held), rows.shape[1]))
    np.add.at(means, whose, rows)
    means /= held[:, None]
    whole = to_whole(means, 1.0, BITS).sum(axis=0)
    stream = Secret(booked.key, ("readiness", task.round_no, task.id)).stream("noise")
    reach = float(ceil(readiness.reach(study) * 2**BITS))
    counts = noised(whole, reach, event.noise, stream) * 2.0**-BITS
    outcome, *values = counts.reshape(-1, readiness.BINS + 1)
    found = readiness.of_nobody(study, {})
    found["units"] = np.array([float(readiness.banded(len(cohort.y)))])
    found["outcome"] = outcome[: readiness.BINS]
    return {**found, **({"values": np.array(values)} if values else {})}


def update(
    task: Task,
    model: Model,
    training: Examples,
    paid: tuple[Cohort, Booked],
    start: FlatF32,
    how: LocalTerms,
) -> FlatF32:
    """Return the update of DP-SGD on `training`, over all parameters, [size].

    Args:
        task: What is asked.
        model: The round's model.
        training: The training units of the cohort.
        paid: The cohort, and what was booked.
        start: Where training starts, [size].
        how: Its pull counts here; everything else follows from study and booking.

    Raises:
        TrainingFailed: If the noised steps led to parameters that are not finite.
    """
    cohort, booked = paid
    study, event = model.study, _needed(booked.event)
    terms, plan = study.privacy.dp, study.plan
    if terms is None:
        raise AssertionError("only studies under differential privacy come here")
    patients = Patients(cohort.owners("train"))
    share = None
    if adjusts_labels(study):
        share = _noised_share(study, cohort, _needed(booked.statistics), booked.key)
    asked = dp.DpTerms(
        steps=event.steps,
        sampling=event.sampling,
        noise=event.noise,
        clip=terms.clip,
        patients=len(patients),
        lr=learning_rate(plan, task.round_no),
        momentum=plan.momentum,
        release_clip=study.privacy.clip,
        offset=_odds(share) if share and plan.label_skew == "logit-adjustment" else 0.0,
        weights=_weights(share) if share and plan.label_skew == "class-weights" else ALIKE,
        pull=how.pull,
    )
    secret = Secret(booked.key, ("train", task.round_no, task.id))
    return dp.train(
        recipe(study.recipe),
        start,
        (training, patients),
        asked,
        inputs(study),
        secret,
    )


def counts(
    task: Task, model: Model, held_back: Examples, cohort: Cohort, booked: Booked
) -> NDArray[np.float64]:
    """Return patients per outcome and bin on the validation units, noised, [2, bins].

    A patient with several units has a share in the bin of each, and counts one in all.
    """
    study, bins = model.study, score_bins(model.study)
    p = chances(study, with_own_layers(model), held_back.x)
    _, y = cohort.fold("validation")
    cells = place(p, bins) + bins * y.astype(np.int64)
    return _noised_counts(task, [cells], 2 * bins, cohort, booked).reshape(2, bins)


def report(
    task: Task, model: Model, test: Examples, cohort: Cohort, booked: Booked
) -> dict[str, NDArray[np.float64]]:
    """Return patients per outcome and bin on the test units, and in groups; noised.

    A patient adds to the table of everybody and to one level of each group, so the noise is
    that of a vector of length sqrt(1 + groups).
    """
    study, bins = model.study, report_bins(model.study)
    x, y = cohort.fold("test")
    cells = place(chances(study, with_own_layers(model), test.x), bins)
    cells += bins * y.astype(np.int64)
    tables, first = [cells], 1
    for grouping in told_groups(study):
        level = members(study, grouping, x)
        tables.append(np.where(level < 0, -1, 2 * bins * (first + level) + cells))
        first += len(grouping.levels)
    found = _noised_counts(task, tables, first * 2 * bins, cohort, booked)
    told = found.reshape(first, 2, bins)
    return {"counts.federated": told[0], **({"counts.groups": told[1:]} if first > 1 else {})}


def _noised_counts(
    task: Task, tables: list[NDArray[np.int64]], size: int, cohort: Cohort, booked: Booked
) -> NDArray[np.float64]:
    """Return patients per cell of tables, noised, [size].

    Args:
        task: What is asked; part of the name of the noise.
        tables: Cell of each unit in each table, below 0 for none; tables share no cell.
        size: Cells of all tables.
        cohort: Whose units; a patient with several counts one in all in each table.
        booked: What was booked.
    """
    event, fold = _needed(booked.event), LOOKS_AT[task.kind]
    _, whose, rows = np.unique(cohort.owners(fold), return_inverse=True, return_counts=True)
    shares = np.floor(2.0**BITS / rows[whose])  # of one patient at most 2^BITS in a table
    whole = np.zeros(size)
    for cells in tables:
        counted = cells >= 0
        whole += np.bincount(cells[counted], weights=shares[counted], minlength=size)
    stream = Secret(booked.key, (task.kind, task.round_no, task.id)).stream("noise")
    reach = float(ceil(2**BITS * sqrt(len(tables))))
    return noised(whole, reach, event.noise, stream) * 2.0**-BITS


def _noised_sums(study: Study, cohort: Cohort, event: Event, key: bytes) -> NDArray[np.float64]:
    """Return noised sums over training patients of [known..., t..., t^2..., positive]."""
    listed: tuple[Column, ...] = summed_columns(study)
    x, y = cohort.fold("train")
    parts: list[NDArray[Any]] = []
    if listed:
        parts += contributions(x, listed)
    if adjusts_labels(study):
        parts.append(y[:, None].astype(np.float64))
    rows = np.concatenate(parts, axis=1)
    _, whose, held = np.unique(cohort.owners("train"), return_inverse=True, return_counts=True)
    means = np.zeros((len(held), rows.shape[1]))
    np.add.at(means, whose, rows)
    means /= held[:, None]
    whole = to_whole(means, 1.0, BITS).sum(axis=0)
    stream = Secret(key, ("statistics",)).stream("noise")
    wide = rows.shape[1]
    return noised(whole, sensitivity(wide, BITS), event.noise, stream) * 2.0**-BITS


def _noised_share(study: Study, cohort: Cohort, event: Event, key: bytes) -> float:
    """Return the share of positives from the noised number of positive training patients."""
    patients = len(np.unique(cohort.owners("train")))
    positives = float(_noised_sums(study, cohort, event, key)[-1])
    return min(max((positives + 1.0) / (patients + 2.0), 1e-9), 1.0 - 1e-9)


def _odds(share: float) -> float:
    """Return log prior odds, held within `STEEPEST`."""
    return min(max(log(share / (1.0 - share)), -STEEPEST), STEEPEST)


def _weights(share: float) -> tuple[float, float]:
    """Return weights under which both outcomes count alike, none more than 50 times."""
    held = min(max(share, 0.01), 0.99)
    return 0.5 / (1.0 - held), 0.5 / held


def _needed(event: Event | None) -> Event:
    if event is None:
        raise AssertionError("the plan of the study has an event for this task")
    return event
