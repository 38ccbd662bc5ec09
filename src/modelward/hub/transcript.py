"""What the hub did in a round, so that anyone with the artifacts can do it again.

A transcript names the model before, the memory of the server optimiser before, every
site's artifact that went in with its weight, and the model and memory that came out, all by
hash. `replay` repeats the round from those files and returns the hash that comes out; the
hub signs transcripts as messages (artifact/envelope.py), and a site or an auditor who gets
another hash has found a hub that did not do what it says.

    round 0    sums of all sites -> scaling -> the first model
    round r    model of r - 1, memory of r - 1, answers -> model of r, memory of r

Where sites answer at their own pace (hub/buffered.py) an answer can be to the question of an
earlier round; its input says of which.

Weights are units behind each artifact, as its signed card says. docs/formats/transcript.md
has an example.
"""

from functools import partial
from typing import Any, Protocol

from modelward.artifact import bundle
from modelward.artifact.store import measure
from modelward.core.artifact import Artifact, Card
from modelward.core.study import Study
from modelward.core.task import Task, TaskKind
from modelward.core.tensors import Schema, Tensors
from modelward.core.verdict import Release
from modelward.hub.buffered import questions
from modelward.hub.collectors import Sums
from modelward.hub.registry import Registry
from modelward.hub.standing import AnswerRow
from modelward.hub.strategy import strategy, told
from modelward.study.answers import answer_to
from modelward.study.model import Model, initial, model_schema
from modelward.study.scaling import frozen
from modelward.study.transcript import Input, Transcript, from_body, refuse

__all__ = ["Artifacts", "Transcript", "from_body", "of_round", "rebuild", "replay"]


class Artifacts(Protocol):
    """Where a replay finds bundles by hash; artifact/store.py is one."""

    def tensors(self, digest: str, schema: Schema | None = None) -> dict[str, Any]:
        """Return the tensors of the bundle `digest`, checked against it."""
        ...


def of_round(registry: Registry, study: Study, round_no: int) -> Transcript:
    """Return the transcript of a committed round, from the registry alone."""
    plan = strategy(study)
    before = registry.model_of(study, round_no - 1) if round_no else None
    kind = plan.asks if round_no else "statistics"
    task = Task(study=study.sha256, round_no=round_no, kind=kind, model=before)
    answers = [row for row in registry.answers(study) if row.task == task.id]
    if study.plan.buffer is not None and round_no:
        answers = _of_buffer(registry, study, round_no)
    return Transcript(
        study=study.sha256,
        round_no=round_no,
        roster=tuple(registry.roster(study)),
        inputs=tuple(
            Input(
                site=row.site,
                sha256=str(row.sha256),
                weight=row.patients or 0,
                asked_in=None if row.round_no == round_no else row.round_no,
            )
            for row in answers
            if row.decision == "released"
        ),
        before=before,
        memory_before=registry.memory_of(study, round_no - 1) if round_no else None,
        output=registry.model_of(study, round_no),
        memory_after=registry.memory_of(study, round_no),
    )


def _of_buffer(registry: Registry, study: Study, round_no: int) -> list[AnswerRow]:
    """Return the answers that a buffer was made of, by site; some are to earlier questions."""
    history = registry.past(study).history[:round_no]
    before, went_in = history[:-1], history[-1].released
    model_of = partial(registry.model_of, study)
    due = {site: t.id for site, t in questions(study, before, went_in, model_of).items()}
    found = [row for row in registry.answers(study) if due.get(row.site) == row.task]
    return sorted(found, key=lambda row: row.site)


def replay(transcript: Transcript, study: Study, artifacts: Artifacts) -> str:
    """Do the round again; return the SHA-256 of the model that comes out.

    It is `transcript.output` if the hub did what it says. For arguments and errors see
    `rebuild`; the memory that comes out is held against `memory_after` here.
    """
    model, memory = rebuild(transcript, study, artifacts)
    found = _bundle_hash(memory, Schema.from_tensors(memory)) if memory else None
    if found != transcript.memory_after:
        raise refuse("the memory of the server optimiser comes out differently")
    return _bundle_hash(model.tensors, model.schema)


def rebuild(
    transcript: Transcript, study: Study, artifacts: Artifacts
) -> tuple[Model, Tensors]:
    """Return the model and the optimiser's memory that the round leads to.

    The hub keeps few models; who rebuilds round after round has them all.

    Args:
        transcript: What the hub says it did.
        study: The signed study.
        artifacts: Every bundle that the transcript names, except what comes out.

    Raises:
        MessageRefused: If it is about another study, or nothing went in.
        BadArtifact: If a bundle is not what this study asks for.
        BadUpdate: If an update is off the grid.
        StorageError: If a bundle is missing.
    """
    if transcript.study != study.sha256:
        raise refuse("it is about another study")
    if not transcript.inputs:
        raise refuse("nothing went in")
    if not transcript.round_no:
        return _first(transcript, study, artifacts), {}
    plan = strategy(study)
    tensors = artifacts.tensors(str(transcript.before), model_schema(study))
    before = Model.from_tensors(study, tensors)
    collected = plan.collector()
    for release in _releases(transcript, study, artifacts, plan.asks):
        collected.add(release)
    memory: Tensors = {}
    if transcript.memory_before is not None:
        memory = artifacts.tensors(transcript.memory_before)
    moved, after = plan.step(collected, before.parameters, dict(memory))
    return Model(study, moved, before.scaling, told(study, after)), after


def _first(transcript: Transcript, study: Study, artifacts: Artifacts) -> Model:
    """Return the model of round 1 from the sites' sums."""
    sums = Sums(study, "statistics")
    for release in _releases(transcript, study, artifacts, "statistics"):
        sums.add(release)
    return initial(study, frozen(study, sums.totals()))


def _releases(
    transcript: Transcript, study: Study, artifacts: Artifacts, kind: TaskKind
) -> list[Release]:
    asked, schema = answer_to(study, kind)
    found = []
    for each in transcript.inputs:
        card = Card(
            kind=asked,
            study=study.sha256,
            round_no=transcript.asked_in(each.site),
            task="",
            site=each.site,
            schema="",
            sha256=each.sha256,
            nbytes=0,
            patients=each.weight,
        )
        coded = study.plan.uplink is not None and kind == "train"
        tensors = artifacts.tensors(each.sha256, None if coded else schema)
        found.append(Release(each.site, "", Artifact(card, tensors)))
    return found


def _bundle_hash(tensors: Tensors, schema: Schema) -> str:
    return measure(bundle.encode(tensors, schema))[0]
