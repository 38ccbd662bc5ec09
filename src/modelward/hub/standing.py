"""What the hub's database says of studies in numbers, hashes and words; no model is read.

A model may be hundreds of megabytes, and a next round may drop it while somebody looks. So
whoever only wants to know how far a study is asks here. registry.py writes it, and has the
models.
"""

import json
from dataclasses import dataclass

import sqlalchemy as sa

from modelward.core.study import Study
from modelward.hub.database import Database
from modelward.hub.round import RoundRecord
from modelward.study.read import from_json

STUDIES = sa.table(
    "studies", *map(sa.column, ("study", "terms", "scaling", "start", "roster", "finished"))
)
ROUNDS = sa.table(
    "rounds",
    *map(sa.column, ("study", "round_no", "model", "optimiser", "record", "best", "seconds")),
)
COMBINED = sa.table(
    "combined", *map(sa.column, ("study", "round_no", "model", "optimiser", "record"))
)
ANSWERS = sa.table(
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


@dataclass(frozen=True, slots=True)
class Past:
    """What has happened to a study, without its models.

    Attributes:
        history: Records of the committed rounds, oldest first.
        best: Round whose model is kept; 0 before any.
    """

    history: tuple[RoundRecord, ...]
    best: int


class Standing(Database):
    """How far the studies of a hub are.

    Args:
        folder: Holds `registry.sqlite`; created if it is missing.
    """

    def studies(self) -> list[Study]:
        """Return every study that is remembered."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(STUDIES.c.terms)).scalars()
            return [from_json(terms) for terms in rows]

    def begun(self, study: Study) -> bool:
        """Return whether the study has the model of its first round."""
        return self._start_of(study) is not None

    def past(self, study: Study) -> Past:
        """Return what has happened so far."""
        query = (
            sa.select(ROUNDS.c.record, ROUNDS.c.best)
            .where(ROUNDS.c.study == study.sha256)
            .order_by(ROUNDS.c.round_no)
        )
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return Past(tuple(record_of(row.record) for row in rows), rows[-1].best if rows else 0)

    def rounds(self, study: Study) -> int:
        """Return how many rounds are committed; reads no model, which a next round may drop."""
        last = sa.func.max(ROUNDS.c.round_no)
        query = sa.select(last).where(ROUNDS.c.study == study.sha256)
        with self.reading() as connection:
            return int(connection.execute(query).scalar() or 0)

    def best(self, study: Study) -> int:
        """Return the round whose model is kept, 0 before any; reads no model."""
        query = (
            sa.select(ROUNDS.c.best)
            .where(ROUNDS.c.study == study.sha256)
            .order_by(ROUNDS.c.round_no.desc())
            .limit(1)
        )
        with self.reading() as connection:
            return int(connection.execute(query).scalar() or 0)

    def model_of(self, study: Study, round_no: int) -> str:
        """Return the hash of the model after `round_no`, or of the start for 0."""
        table, column = (ROUNDS, ROUNDS.c.model) if round_no else (STUDIES, STUDIES.c.start)
        query = sa.select(column).where(table.c.study == study.sha256)
        if round_no:
            query = query.where(ROUNDS.c.round_no == round_no)
        with self.reading() as connection:
            return str(connection.execute(query).scalar_one())

    def memory_of(self, study: Study, round_no: int) -> str | None:
        """Return the hash of the server optimiser's memory after `round_no`, if it has one."""
        with self.reading() as connection:
            return connection.execute(
                sa.select(ROUNDS.c.optimiser).where(
                    ROUNDS.c.study == study.sha256, ROUNDS.c.round_no == round_no
                )
            ).scalar()

    def roster(self, study: Study) -> list[str]:
        """Return the sites that the study was registered with, by name."""
        with self.reading() as connection:
            listed: list[str] = json.loads(
                connection.execute(
                    sa.select(STUDIES.c.roster).where(STUDIES.c.study == study.sha256)
                ).scalar_one()
            )
        return listed

    def finished(self, study: Study) -> str | None:
        """Return why the study is done, or None while it is not."""
        with self.reading() as connection:
            return connection.execute(
                sa.select(STUDIES.c.finished).where(STUDIES.c.study == study.sha256)
            ).scalar()

    def answers(self, study: Study) -> list[AnswerRow]:
        """Return every answer that the study has had, in order of round, task and site."""
        fields = list(AnswerRow.__dataclass_fields__)
        with self.reading() as connection:
            rows = connection.execute(
                sa.select(*(ANSWERS.c[name] for name in fields))
                .where(ANSWERS.c.study == study.sha256)
                .order_by(ANSWERS.c.round_no, ANSWERS.c.task, ANSWERS.c.site)
            ).all()
        return [AnswerRow(**dict(zip(fields, row, strict=True))) for row in rows]

    def seconds(self, study: Study) -> float:
        """Return the seconds that the committed rounds took together."""
        with self.reading() as connection:
            total = connection.execute(
                sa.select(sa.func.sum(ROUNDS.c.seconds)).where(ROUNDS.c.study == study.sha256)
            ).scalar()
        return float(total or 0.0)

    def _start_of(self, study: Study) -> str | None:
        """Return the hash of the model of the first round, if there is one."""
        with self.reading() as connection:
            return connection.execute(
                sa.select(STUDIES.c.start).where(STUDIES.c.study == study.sha256)
            ).scalar()


def record_of(text: str) -> RoundRecord:
    """Return the record of a round from its row."""
    fields = json.loads(text)
    for name in ("released", "refused", "silent"):
        fields[name] = tuple(fields[name])
    return RoundRecord(**fields)
