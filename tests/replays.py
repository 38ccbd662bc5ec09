"""Rounds done again from their transcripts, by somebody who holds every artifact."""

from collections.abc import Iterable
from pathlib import Path

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.tensors import Schema
from modelward.hub.transcript import rebuild, replay
from modelward.study.transcript import Transcript


def everything(folder: Path, at: Path) -> Store:
    """Return a store, in `at`, of what all sites below `folder` have released."""
    found = Store(at)
    for source in folder.rglob("outbox/*.safetensors"):
        (found.folder / source.name).write_bytes(source.read_bytes())
    return found


def follow(transcript: Transcript, study: Study, known: Store) -> None:
    """Put into `known` what the hub made in one round."""
    model, memory = rebuild(transcript, study, known)
    known.put(model.tensors, model.schema)
    if memory:
        known.put(memory, Schema.from_tensors(memory))


def check_replays(transcripts: Iterable[Transcript], study: Study, known: Store) -> None:
    """Check that every round gives the hash that the hub committed, the first to the last."""
    for transcript in transcripts:
        assert replay(transcript, study, known) == transcript.output
        follow(transcript, study, known)
