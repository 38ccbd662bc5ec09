"""What the hub remembers, in SQLite: enough to go on after any crash.

A round is committed in one transaction, after its model is on disk; a round that is not
committed did not happen and is asked again, and the sites answer it with the same bytes.
Models and optimiser states are bundles in the store beside the database (database.py); rows
name them by hash.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from modelward.artifact.store import Store
from modelward.core.canonical import canonical_bytes
from modelward.core.study import Study
from modelward.core.tensors import Schema, Tensors
from modelward.errors import RunMismatch
from modelward.hub.database import Database
from modelward.hub.kept_models import Stored, superseded
from modelward.hub.round import Arrays, RoundRecord, State
from modelward.study.model import Model
from modelward.study.read import from_json

_studies = sa.table(
    "studies", *map(sa.column, ("study", "terms", "scaling", "start", "roster", "finished"))
)
_rounds = sa.table(
    "rounds",
    *map(sa.column, ("study", "round_no", "model", "optimiser", "record", "best", "seconds")),
)
_combined = sa.table(
    "combined", *map(sa.column, ("study", "round_no", "model", "optimiser", "record"))
)
_answers = sa.table(
    "answers",
    *map(
        sa.column,
        ("study", "task", "site", "round_no", "decision", "sha256", "patients", "bytes"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One site's answer to one task, as the hub saw it.

    Attributes:
        task: The task's id.
        round_no: The task's round.
        site: Who answered.
        decision: `released`, `refused`, or `rejected` (it did not fit what was asked).
        sha256: Hash of the released bundle.
        patients: Units behind it.
        bytes: Its length.
    """

    task: str
    round_no: int
    site: str
    decision: str
    sha256: str | None = None
    patients: int | None = None
    bytes: int | None = None


Combined = tuple[Model, Arrays, RoundRecord]
"""What a round led to before it is validated: model, server optimiser's memory, record."""


class Registry(Database):
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
                sa.select(_studies.c.roster).where(_studies.c.study == study.sha256)
            ).scalar()
            if known is None:
                connection.execute(sa.insert(_studies).values(row))
            elif known != row["roster"]:
                raise RunMismatch(
                    f"{self.folder} holds this study with other sites: {known}",
                    why="a study's sites are part of what was agreed",
                    remedy="choose another folder, or start with the same sites",
                )

    def studies(self) -> list[Study]:
        """Return every study that is remembered."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(_studies.c.terms)).scalars()
            return [from_json(terms) for terms in rows]

    def begin(self, model: Model) -> None:
        """Remember the model of round 1, with its scaling."""
        digest, _ = self.store.put(model.tensors, model.schema)
        with self.writing() as connection:
            connection.execute(
                sa.update(_studies)
                .where(_studies.c.study == model.study.sha256)
                .values(start=digest)
            )

    def start(self, study: Study) -> Model | None:
        """Return the model of round 1, or None before `begin`."""
        with self.reading() as connection:
            digest = connection.execute(
                sa.select(_studies.c.start).where(_studies.c.study == study.sha256)
            ).scalar()
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
            connection.execute(sa.insert(_rounds).values(row))
            connection.execute(sa.delete(_combined).where(_combined.c.study == study.sha256))
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
            connection.execute(sa.insert(_combined).prefix_with("OR REPLACE").values(row))
            self._insert_answers(connection, study, answers)

    def combined(self, study: Study, round_no: int) -> Combined | None:
        """Return what `combine` remembered of a round, or None."""
        with self.reading() as connection:
            row = connection.execute(
                sa.select(_combined).where(
                    _combined.c.study == study.sha256, _combined.c.round_no == round_no
                )
            ).first()
        if row is None:
            return None
        optimiser = {} if row.optimiser is None else dict(self.store.tensors(row.optimiser))
        return self.model(study, row.model), optimiser, _record(row.record)

    def note_answers(self, study: Study, answers: Sequence[AnswerRow]) -> None:
        """Remember answers that belong to no training round (statistics)."""
        with self.writing() as connection:
            self._insert_answers(connection, study, answers)

    def state(self, study: Study) -> State:
        """Return where the study stands: after its last committed round, or at its start."""
        with self.reading() as connection:
            rows = connection.execute(
                sa.select(_rounds)
                .where(_rounds.c.study == study.sha256)
                .order_by(_rounds.c.round_no)
            ).all()
        if not rows:
            start = self.model(study, self.model_of(study, 0))
            return State(parameters=start.parameters, optimiser={})
        last = rows[-1]
        optimiser = {} if last.optimiser is None else dict(self.store.tensors(last.optimiser))
        return State(
            parameters=self.model(study, last.model).parameters,
            optimiser=optimiser,
            history=tuple(_record(row.record) for row in rows),
            best=last.best,
        )

    def rounds(self, study: Study) -> int:
        """Return how many rounds are committed; reads no model, which a next round may drop."""
        last = sa.func.max(_rounds.c.round_no)
        query = sa.select(last).where(_rounds.c.study == study.sha256)
        with self.reading() as connection:
            return int(connection.execute(query).scalar() or 0)

    def history(self, study: Study) -> tuple[RoundRecord, ...]:
        """Return the committed rounds, oldest first; reads no model."""
        query = (
            sa.select(_rounds.c.record)
            .where(_rounds.c.study == study.sha256)
            .order_by(_rounds.c.round_no)
        )
        with self.reading() as connection:
            return tuple(map(_record, connection.execute(query).scalars()))

    def best(self, study: Study) -> int:
        """Return the round whose model is kept, 0 before any; reads no model."""
        query = (
            sa.select(_rounds.c.best)
            .where(_rounds.c.study == study.sha256)
            .order_by(_rounds.c.round_no.desc())
            .limit(1)
        )
        with self.reading() as connection:
            return int(connection.execute(query).scalar() or 0)

    def model(self, study: Study, digest: str) -> Model:
        """Return a stored model of `study`."""
        return Model.from_tensors(study, self.store.tensors(digest))

    def model_of(self, study: Study, round_no: int) -> str:
        """Return the hash of the model after `round_no`, or of the start for 0."""
        table, column = (_rounds, _rounds.c.model) if round_no else (_studies, _studies.c.start)
        query = sa.select(column).where(table.c.study == study.sha256)
        if round_no:
            query = query.where(_rounds.c.round_no == round_no)
        with self.reading() as connection:
            return str(connection.execute(query).scalar_one())

    def memory_of(self, study: Study, round_no: int) -> str | None:
        """Return the hash of the server optimiser's memory after `round_no`, if it has one."""
        with self.reading() as connection:
            return connection.execute(
                sa.select(_rounds.c.optimiser).where(
                    _rounds.c.study == study.sha256, _rounds.c.round_no == round_no
                )
            ).scalar()

    def roster(self, study: Study) -> list[str]:
        """Return the sites that the study was registered with, by name."""
        with self.reading() as connection:
            listed: list[str] = json.loads(
                connection.execute(
                    sa.select(_studies.c.roster).where(_studies.c.study == study.sha256)
                ).scalar_one()
            )
        return listed

    def finish(self, study: Study, reason: str) -> None:
        """Remember that the study is done, and why."""
        with self.writing() as connection:
            connection.execute(
                sa.update(_studies)
                .where(_studies.c.study == study.sha256)
                .values(finished=reason)
            )

    def finished(self, study: Study) -> str | None:
        """Return why the study is done, or None while it is not."""
        with self.reading() as connection:
            return connection.execute(
                sa.select(_studies.c.finished).where(_studies.c.study == study.sha256)
            ).scalar()

    def answers(self, study: Study) -> list[AnswerRow]:
        """Return every answer that the study has had, in order of round, task and site."""
        fields = list(AnswerRow.__dataclass_fields__)
        with self.reading() as connection:
            rows = connection.execute(
                sa.select(*(_answers.c[name] for name in fields))
                .where(_answers.c.study == study.sha256)
                .order_by(_answers.c.round_no, _answers.c.task, _answers.c.site)
            ).all()
        return [AnswerRow(**dict(zip(fields, row, strict=True))) for row in rows]

    def seconds(self, study: Study) -> float:
        """Return the seconds that the committed rounds took together."""
        with self.reading() as connection:
            total = connection.execute(
                sa.select(sa.func.sum(_rounds.c.seconds)).where(_rounds.c.study == study.sha256)
            ).scalar()
        return float(total or 0.0)

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
            connection.execute(sa.insert(_answers).prefix_with("OR REPLACE"), rows)

    def _forget(self, study: Study) -> None:
        """Delete models and memories of earlier rounds that no study goes on from."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(_rounds)).all()
            starts = set(connection.execute(sa.select(_studies.c.start)).scalars())
        stored = [
            Stored(r.study, r.round_no, r.model, r.optimiser, r.best, _record(r.record))
            for r in rows
        ]
        for digest in superseded(stored, study.sha256) - starts:
            self.store.path(digest).unlink(missing_ok=True)


def _record(text: str) -> RoundRecord:
    fields = json.loads(text)
    for name in ("released", "refused", "silent"):
        fields[name] = tuple(fields[name])
    return RoundRecord(**fields)
