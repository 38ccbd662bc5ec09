"""The share statement of a finished study: who is due what, and how anyone computes it again.

Computed from the registry and the released updates: the rule is in the signed study, the
inputs are named by hash with their weights, and every draw is named by the study. A
simulation, which has units, measures contributions on validation units. The signed file, and
what it is held against, are shares_signed.py's business.
docs/contribution.md has an example.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from modelward.artifact.store import Store
from modelward.core.canonical import Json, canonical_hash
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import FlatF32, Schema
from modelward.errors import RunMismatch, StorageError, StudyFileError
from modelward.evaluate.judged import Share
from modelward.evaluate.sharing.coalition import STEPS, divided
from modelward.evaluate.sharing.contribution import Contribution, Round, contributions, shares
from modelward.gate.uplink import plain_update
from modelward.hub.registry import Registry
from modelward.hub.standing import AnswerRow
from modelward.hub.strategy import strategy
from modelward.hub.transcript import of_round, rebuild
from modelward.recipes.layers.draws import draws
from modelward.study.model import Model
from modelward.study.own import narrowed, widened

FORMAT = "modelward-shares/2"
Judge = Callable[[Model], float]
"""What a model is worth; higher is better."""

_WORTH = {True: "fall of the log loss on validation units", False: "direction of updates"}

DIGITS = 6
"""Digits of a figure in a statement; what is recomputed on another machine agrees to these."""


def statement(
    registry: Registry, study: Study, stores: Mapping[str, Path], judge: Judge | None = None
) -> dict[str, Json]:
    """Return the statement of a finished study, without a signature.

    Args:
        registry: Of the hub that ran it.
        study: The study.
        stores: Site -> folder with the artifacts that it released.
        judge: What a model is worth, where there are units to measure on, as in a simulation;
            by the direction of updates if absent.

    Raises:
        RunMismatch: If the study is not finished there.
        StudyFileError: If the study agreed on no rule.
        StorageError: If an update is missing.
    """
    if study.sharing is None:
        raise StudyFileError(
            f"study {study.id!r} has agreed on no rule of sharing",
            why="a rule that is chosen when the result is known pleases whoever chooses",
            remedy='write [sharing] rule = "patients" into its next version, and signed',
        )
    if registry.finished(study) is None:
        raise RunMismatch(
            f"study {study.id} is not finished in {registry.folder}",
            why="shares are of all rounds",
            remedy="finish it first: modelward study run RUN, or modelward hub up HUB",
        )
    rows = combined(registry, study)
    patients = _patients(rows)
    found: dict[str, Contribution] = {}
    if study.sharing.rule == "contribution":
        _all_handed_over(rows, stores)
        found = _contributions(registry, study, rows, stores, judge)
    due = _due(study.sharing.rule, patients, found)
    return {
        "format": FORMAT,
        "study": study.sha256,
        "rule": study.sharing.rule,
        "worth": _WORTH[judge is not None] if study.sharing.rule == "contribution" else None,
        "rounds": len({row.round_no for row in rows}),
        "inputs": inputs_of(rows),
        "sites": {site: _site(site, due, patients, found) for site in sorted(patients)},
    }


def _all_handed_over(rows: list[AnswerRow], stores: Mapping[str, Path]) -> None:
    """Require the updates of every site that was combined."""
    away = sorted({row.site for row in rows} - set(stores))
    if away:
        raise StorageError(
            f"no updates of {', '.join(away)} are here",
            why="by the rule 'contribution' a share is what each site's updates added",
            remedy="ask each site for its outbox and ledger, and name every folder:"
            f" --from {away[0]}=FOLDER",
        )


def combined(registry: Registry, study: Study) -> list[AnswerRow]:
    """Return the answers that went into training rounds, in order."""
    kind = strategy(study).asks
    tasks = {
        number: Task(
            study=study.sha256,
            round_no=number,
            kind=kind,
            model=registry.model_of(study, number - 1),
        ).id
        for number in range(1, registry.rounds(study) + 1)
    }
    rows = [
        row
        for row in registry.answers(study)
        if row.decision == "released" and tasks.get(row.round_no) == row.task
    ]
    return sorted(rows, key=lambda row: (row.round_no, row.site))


def inputs_of(rows: Sequence[AnswerRow]) -> str:
    """Return the hash that names the combined answers, with their weights."""
    return canonical_hash([[r.round_no, r.site, r.sha256, r.patients] for r in rows])


def shown(said: Mapping[str, Any]) -> tuple[str, tuple[Share, ...]]:
    """Return how a statement measured contributions and what they are, as a report has it.

    Nothing where its rule measures none.
    """
    if said["rule"] != "contribution":
        return "", ()
    found = [
        Share(
            site=site,
            shapley=each["contribution"]["shapley"],
            low=each["contribution"]["low"],
            high=each["contribution"]["high"],
            share=each["share"],
            same_as=tuple(each["contribution"]["same_as"]),
            repeats=each["contribution"]["repeats"],
        )
        for site, each in said["sites"].items()
    ]
    return str(said["worth"]), tuple(found)


def _patients(rows: list[AnswerRow]) -> dict[str, int]:
    """Return the most patients that each site had behind a combined answer."""
    found: dict[str, int] = {}
    for row in rows:
        found[row.site] = max(found.get(row.site, 0), row.patients or 0)
    return found


def _contributions(
    registry: Registry,
    study: Study,
    rows: list[AnswerRow],
    stores: Mapping[str, Path],
    judge: Judge | None,
) -> dict[str, Contribution]:
    rounds, steps = list[Round](), list[FlatF32]()
    known = _Known(registry, stores)
    for number in sorted({row.round_no for row in rows}):
        here = [row for row in rows if row.round_no == number]
        updates: list[FlatF32] = [
            plain_update(study, known.tensors(str(row.sha256))) for row in here
        ]
        said = of_round(registry, study, number)
        before = Model.from_tensors(study, known.tensors(str(said.before)))
        fall = None if judge is None else _fall(before, judge)
        rounds.append(divided([r.site for r in here], np.stack(updates), steps, fall))
        model, memory = rebuild(said, study, known)
        known.made[said.output] = dict(model.tensors)
        known.made[str(said.memory_after)] = dict(memory)
        steps = [*steps, narrowed(study, model.parameters - before.parameters)][-STEPS:]
    return contributions(rounds, draws("shares", study.sha256))


class _Known:
    """Every bundle of a study: what sites released, and models rebuilt round by round.

    A hub keeps few models; who goes through the rounds in their order has them all.
    """

    def __init__(self, registry: Registry, stores: Mapping[str, Path]) -> None:
        self.made: dict[str, dict[str, Any]] = {}
        self._stores = [registry.store, *map(Store.reading, stores.values())]

    def tensors(self, digest: str, schema: Schema | None = None) -> dict[str, Any]:
        """Return the tensors of a bundle.

        Raises:
            StorageError: If it is nowhere.
        """
        if digest in self.made:
            return self.made[digest]
        for store in self._stores:
            if store.path(digest).exists():
                return store.tensors(digest, schema)
        return self._stores[0].tensors(digest, schema)  # says that it is missing


def _fall(before: Model, judge: Judge) -> Callable[[FlatF32], float]:
    """Return the worth of moving a model by a step over the common parameters."""
    base = judge(before)

    def fall(step: FlatF32) -> float:
        moved = before.parameters + widened(before.study, step)
        return judge(replace(before, parameters=moved)) - base

    return fall


def _due(
    rule: str, patients: Mapping[str, int], found: Mapping[str, Contribution]
) -> dict[str, float]:
    if rule == "equal":
        return shares(dict.fromkeys(patients, 1.0))
    if rule == "patients":
        return shares({site: float(count) for site, count in patients.items()})
    return shares({site: each.shapley for site, each in found.items()})


def _site(
    site: str,
    due: Mapping[str, float],
    patients: Mapping[str, int],
    found: Mapping[str, Contribution],
) -> dict[str, Json]:
    said: dict[str, Json] = {"share": round(due[site], DIGITS), "patients": patients[site]}
    each = found.get(site)
    if each is not None:
        said["contribution"] = {
            "shapley": round(each.shapley, DIGITS),
            "low": None if each.low is None else round(each.low, DIGITS),
            "high": None if each.high is None else round(each.high, DIGITS),
            "leave_one_out": round(each.leave_one_out, DIGITS),
            "cosine": round(each.cosine, DIGITS),
            "same_as": list(each.same_as),
            "repeats": each.repeats,
        }
    return said
