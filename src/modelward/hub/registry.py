"""What the hub remembers, in SQLite: enough to go on after any crash.

A round is committed in one transaction, after its model is on disk; a round that is not
committed did not happen and is asked again, and the sites answer it with the same bytes.
Models and optimiser states are bundles in the store beside the database (database.py); rows
name them by hash. What is known without a model is standing.py's.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from modelward.artifact.store import Store
from modelward.core.canonical import canonical_bytes
from modelward.core.study import Study
from modelward.core.tensors import Schema, Tensors
from modelward.errors import RunMismatch
from modelward.hub.kept_models import Stored, superseded
from modelward.hub.round import Arrays, RoundRecord, State
from modelward.hub.standing import (
    ANSWERS,
    COMBINED,
    ROUNDS,
    STUDIES,
    AnswerRow,
    Standing,
    record_of,
)
from modelward.study.model import Model

Combined = tuple[Model, Arrays, RoundRecord]
"""What a round led to before it is validated: model, server optimiser's memory, record."""


class Registry(Standing):
    """The hub's memory of its studies.

    Args:
        folder: Holds `registry.sqlite` and `models/`; created if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.store = Store(folder / "models")

    def register(self, study: Study, roster: Sequence[str]) -> None:
        """Remember a study and who is asked; the same again is no change.

        Raises:
            RunMismatch: If the study is here with another roster.
        """
        row = {
            "study": study.sha256,
            "terms": canonical_bytes(study.model_dump(mode="json")),
            "roster": json.dumps(sorted(roster)),
        }
        with self.writing() as connection:
            known = connection.execute(
                sa.select(STUDIES.c.roster).where(STUDIES.c.study == study.sha256)
            ).scalar()
            if known is None:
                connection.execute(sa.insert(STUDIES).values(row))
            elif known != row["roster"]:
                raise RunMismatch(
                    f"{self.folder} holds this study with other sites: {known}",
                    why="a study's sites are part of what was agreed",
                    remedy="choose another folder, or start with the same sites",
                )

    def begin(self, model: Model) -> None:
        """Remember the model of round 1, with its scaling."""
        digest, _ = self.store.put(model.tensors, model.schema)
        with self.writing() as connection:
            connection.execute(
                sa.update(STUDIES)
                .where(STUDIES.c.study == model.study.sha256)
                .values(start=digest)
            )

    def start(self, study: Study) -> Model | None:
        """Return the model of round 1, or None before `begin`."""
        digest = self._start_of(study)
        return None if digest is None else self.model(study, digest)

    def commit(
        self, model: Model, state: State, answers: Sequence[AnswerRow], *, seconds: float
    ) -> str:
        """Remember one finished round and the answers behind it, all or nothing.

        Args:
            model: The model after the round.
            state: The state after the round.
            answers: What the sites answered to the round's tasks.
            seconds: How long the round took.

        Returns:
            SHA-256 of the stored model.
        """
        study = model.study
        digest, _ = self.store.put(model.tensors, model.schema)
        row = {
            "study": study.sha256,
            "round_no": state.round_no,
            "model": digest,
            "optimiser": self._put_arrays(state.optimiser),
            "record": json.dumps(asdict(state.history[-1])),
            "best": state.best,
            "seconds": seconds,
        }
        with self.writing() as connection:
            connection.execute(sa.insert(ROUNDS).values(row))
            connection.execute(sa.delete(COMBINED).where(COMBINED.c.study == study.sha256))
            self._insert_answers(connection, study, answers)
        self._forget(study)
        return digest

    def combine(
        self, model: Model, optimiser: Arrays, record: RoundRecord, answers: Sequence[AnswerRow]
    ) -> None:
        """Remember who was combined in a round that is still to be validated, and into what.

        Nothing that was made of the answers leaves the hub before this: a hub that is killed
        goes on with the same roster, also if other answers have come meanwhile.

        Args:
            model: The model that came out.
            optimiser: The memory of the server optimiser after it.
            record: The round, without metrics.
            answers: What the sites answered.
        """
        study = model.study
        digest, _ = self.store.put(model.tensors, model.schema)
        row = {
            "study": study.sha256,
            "round_no": record.round_no,
            "model": digest,
            "optimiser": self._put_arrays(optimiser),
            "record": json.dumps(asdict(record)),
        }
        with self.writing() as connection:
            connection.execute(sa.insert(COMBINED).prefix_with("OR REPLACE").values(row))
            self._insert_answers(connection, study, answers)

    def combined(self, study: Study, round_no: int) -> Combined | None:
        """Return what `combine` remembered of a round, or None."""
        with self.reading() as connection:
            row = connection.execute(
                sa.select(COMBINED).where(
                    COMBINED.c.study == study.sha256, COMBINED.c.round_no == round_no
                )
            ).first()
        if row is None:
            return None
        optimiser = {} if row.optimiser is None else dict(self.store.tensors(row.optimiser))
        return self.model(study, row.model), optimiser, record_of(row.record)

    def note_answers(self, study: Study, answers: Sequence[AnswerRow]) -> None:
        """Remember answers that belong to no training round (statistics)."""
        with self.writing() as connection:
            self._insert_answers(connection, study, answers)

    def state(self, study: Study) -> State:
        """Return where the study stands: after its last committed round, or at its start."""
        with self.reading() as connection:
            rows = connection.execute(
                sa.select(ROUNDS)
                .where(ROUNDS.c.study == study.sha256)
                .order_by(ROUNDS.c.round_no)
            ).all()
        if not rows:
            start = self.model(study, self.model_of(study, 0))
            return State(parameters=start.parameters, optimiser={})
        last = rows[-1]
        optimiser = {} if last.optimiser is None else dict(self.store.tensors(last.optimiser))
        return State(
            parameters=self.model(study, last.model).parameters,
            optimiser=optimiser,
            history=tuple(record_of(row.record) for row in rows),
            best=last.best,
        )

    def model(self, study: Study, digest: str) -> Model:
        """Return a stored model of `study`."""
        return Model.from_tensors(study, self.store.tensors(digest))

    def finish(self, study: Study, reason: str) -> None:
        """Remember that the study is done, and why."""
        with self.writing() as connection:
            connection.execute(
                sa.update(STUDIES)
                .where(STUDIES.c.study == study.sha256)
                .values(finished=reason)
            )

    def _put_arrays(self, arrays: Tensors) -> str | None:
        if not arrays:
            return None
        return self.store.put(arrays, Schema.from_tensors(arrays))[0]

    def _insert_answers(
        self, connection: Connection, study: Study, answers: Sequence[AnswerRow]
    ) -> None:
        if answers:
            named = study.sha256  # hashes the whole study each time
            rows = [{"study": named, **asdict(answer)} for answer in answers]
            connection.execute(sa.insert(ANSWERS).prefix_with("OR REPLACE"), rows)

    def _forget(self, study: Study) -> None:
        """Delete models and memories of earlier rounds that no study goes on from."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(ROUNDS)).all()
            starts = set(connection.execute(sa.select(STUDIES.c.start)).scalars())
        stored = [
            Stored(r.study, r.round_no, r.model, r.optimiser, r.best, record_of(r.record))
            for r in rows
        ]
        for digest in superseded(stored, study.sha256) - starts:
            self.store.path(digest).unlink(missing_ok=True)
