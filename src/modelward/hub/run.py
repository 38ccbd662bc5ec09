"""The story of a study, from the hub's chair. Read this file first.

    register -> statistics -> (ask -> collect -> combine -> validate -> commit)* -> finish

The hub holds no patient data and cannot import what reads any. It asks through an engine,
adds what sites release, and commits every round before it starts the next, so a run that
was killed goes on with the same bytes when it is started again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.core.ports import Engine
from modelward.core.study import Study
from modelward.core.task import Task, TaskKind
from modelward.core.verdict import Answer, Release
from modelward.errors import DataError
from modelward.hub import round as rounds
from modelward.hub.accept import taken
from modelward.hub.buffered import (
    Order,
    fill,
    first_asked,
    gathered,
    questions,
    waiting,
)
from modelward.hub.closing import need, record_of, row_of
from modelward.hub.collectors import Collector, Summed, Sums
from modelward.hub.masked import Exchanges
from modelward.hub.registry import Combined, Registry
from modelward.hub.reported import Reported, patience_s, report_task
from modelward.hub.round import RoundRecord, State
from modelward.hub.standing import AnswerRow
from modelward.hub.strategy import Strategy, asked, strategy, told
from modelward.hub.validated import validated
from modelward.study.model import Model, initial
from modelward.study.scaling import frozen


@dataclass(frozen=True, slots=True)
class Progress:
    """What the hub is doing, for whoever watches.

    Attributes:
        kind: The task being answered.
        round_no: Its round.
        answered: Sites that have answered it.
        asked: Sites that were asked.
        finished: The record of the round, when it has just been committed.
    """

    kind: TaskKind
    round_no: int
    answered: int
    asked: int
    finished: RoundRecord | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished study.

    Attributes:
        model: The kept model.
        sha256: Hash of its bundle.
        history: Every round.
        kept_round: Round that the model comes from.
        reason: Why the study stopped.
        seconds: Time over all rounds, in all sessions that it took.
    """

    model: Model
    sha256: str
    history: tuple[RoundRecord, ...]
    kept_round: int
    reason: str
    seconds: float


MAPPED = 1 << 20
"""From this many bytes on, parameters are mapped from the stored model between rounds."""

Watch = Callable[[Progress], None]
Publish = Callable[[Study, int], None]


class Hub:
    """A coordinator over one engine and one registry.

    Args:
        engine: How sites are reached.
        registry: What is remembered.
        keys: The sites' public keys; an answer under another key is rejected.
        watch: Called with progress.
        publish: Called with each round when it is committed, before the next is asked, and
            again for the last one when a study goes on; 0 stands for the statistics. What
            others are to know of a round (transcripts) is sent from there.
        clock: Seconds from a monotonic clock.

    Attributes:
        order: Who answers first where sites answer at their own pace (hub/buffered.py), over an
            engine that has one pace for all.
    """

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        keys: Mapping[str, Ed25519PublicKey],
        *,
        watch: Watch = lambda _: None,
        publish: Publish = lambda *_: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._keys = keys
        self._exchanges = Exchanges(engine, registry, keys)
        self._watch = watch
        self._publish = publish
        self._clock = clock
        self.order: Order = first_asked

    def run(self, study: Study) -> Outcome:
        """Train `study` from where it stands to its end.

        Raises:
            QuorumNotMet: If too few sites released an answer. What was committed is safe.
            DataError: If no site can learn anything (no units at all).
        """
        self._registry.register(study, list(self._keys))
        start = self._registry.start(study)
        if start is None:
            self._begin(study)
            start = self._registry.model(study, self._registry.model_of(study, 0))
        state = self._registry.state(study)
        self._publish(study, state.round_no)
        plan = strategy(study)
        while (reason := rounds.stop_reason(study, state)) is None:
            state = self._round(study, state, start, plan)
        if study.report is not None:
            self._report(study)
        self._registry.finish(study, reason)
        sha256 = self._registry.model_of(study, state.best)
        return Outcome(
            model=self._registry.model(study, sha256),
            sha256=sha256,
            history=state.history,
            kept_round=state.best,
            reason=reason,
            seconds=self._registry.seconds(study),
        )

    def _begin(self, study: Study) -> None:
        """Add the sites' statistics into one frozen scaling, and store the first model."""
        sums = Sums(study, "statistics")
        task = Task(study=study.sha256, round_no=0, kind="statistics")
        answers = self._collect(study, task, sums)
        self._registry.note_answers(study, answers)
        need(study, answers, task, sorted(self._keys))
        totals = sums.totals()
        if totals["units"][0] < 1:
            raise DataError(
                "the sites together have no training units",
                why="there is nothing to learn from",
                remedy="widen the cohort, or hold back less for validation and test",
            )
        self._registry.begin(initial(study, frozen(study, totals)))

    def _round(self, study: Study, state: State, start: Model, plan: Strategy) -> State:
        """Ask, collect, step, validate and commit one round."""
        began = self._clock()
        number = state.round_no + 1
        known = self._registry.combined(study, number)
        answers: list[AnswerRow] = []
        if known is None:
            known, answers = self._combine(study, state, start, plan)
        model, optimiser, record = known
        if study.stop.metric is not None:
            answers, record = self._validate(study, model, record)
        state = rounds.advance(study, state, model.parameters, optimiser, record)
        digest = self._registry.commit(model, state, answers, seconds=self._clock() - began)
        if model.parameters.nbytes >= MAPPED:
            state = replace(state, parameters=self._registry.model(study, digest).parameters)
        self._publish(study, number)
        self._watch(Progress(plan.asks, number, len(self._keys), len(self._keys), record))
        return state

    def _combine(
        self, study: Study, state: State, start: Model, plan: Strategy
    ) -> tuple[Combined, list[AnswerRow]]:
        """Ask and step; what is validated next is committed first, with who is in it."""
        number = state.round_no + 1
        collected = plan.collector()
        task = Task(
            study=study.sha256,
            round_no=number,
            kind=plan.asks,
            model=self._registry.model_of(study, state.round_no),
        )
        names: Sequence[str] = asked(study, number, self._keys)
        if study.plan.buffer is None:
            answers = self._collect(study, task, collected, names)
            need(study, answers, task, names)
        else:
            answers = self._fill(study, state, collected)
            names = [each.site for each in answers]  # who works on is not silent
        parameters, optimiser = plan.step(collected, state.parameters, state.optimiser)
        record = record_of(number, answers, state.parameters, parameters, names)
        record = replace(record, deviations=plan.deviations(collected))
        if study.plan.buffer is not None:
            record = replace(record, waiting=waiting(state.history, self._keys, names))
        if study.privacy.aggregation is not None:
            record = replace(record, patients=collected.patients)
        if study.privacy.aggregation is not None and study.plan.uplink is not None:
            record = replace(record, clipped=collected.clipped)
        model = replace(start, parameters=parameters, control=told(study, optimiser))
        if study.stop.metric is not None:
            self._registry.combine(model, optimiser, record, answers)
        return (model, optimiser, record), answers

    def _validate(
        self, study: Study, model: Model, record: RoundRecord
    ) -> tuple[list[AnswerRow], RoundRecord]:
        """Ask every site how `model` does on its validation units, and add that up."""
        digest, _ = self._registry.store.put(model.tensors, model.schema)
        task = Task(study=study.sha256, round_no=record.round_no, kind="evaluate", model=digest)
        sums = Sums(study, "evaluate")
        answers = self._collect(study, task, sums)
        found = validated(study, sums)
        return answers, replace(record, metrics=found.metrics, by_site=found.by_site)

    def _report(self, study: Study) -> None:
        """Ask every site how the kept model does on its test units, and keep what it tells."""
        task = report_task(self._registry, study)
        into = Reported(self._registry, study)
        answers = self._collect(study, task, into)
        self._registry.note_answers(study, into.rows(task, answers))

    def _collect(
        self, study: Study, task: Task, into: Collector, sites: Sequence[str] = ()
    ) -> list[AnswerRow]:
        """Return what `sites` (all if empty) answered, with releases or their sum in `into`."""
        if study.privacy.aggregation is None:
            return self._collect_open(study, task, into, sites or sorted(self._keys))
        assert isinstance(into, Summed)  # noqa: S101
        everybody = len(self._keys)
        self._watch(Progress(task.kind, task.round_no, 0, everybody))

        def arrived(number: int) -> None:
            self._watch(Progress(task.kind, task.round_no, number, everybody))

        return self._exchanges.collect(study, task, into, arrived)

    def _collect_open(
        self, study: Study, task: Task, into: Collector, names: Sequence[str]
    ) -> list[AnswerRow]:
        """Return what the sites answered, with releases added to `into` as they arrive.

        What comes from a site that was not asked, late for another task, or a second time,
        does not count.
        """
        due = set(names)
        answers: list[AnswerRow] = []
        self._watch(Progress(task.kind, task.round_no, 0, len(names)))
        deadline = patience_s(study, task)
        for answer in self._engine.ask(task, names, deadline_s=deadline):
            if answer.task != task.id or answer.site not in due:
                continue
            due.remove(answer.site)
            answers.append(self._heard(answer, study, task, into))
            self._watch(Progress(task.kind, task.round_no, len(answers), len(names)))
        return answers

    def _fill(self, study: Study, state: State, into: Collector) -> list[AnswerRow]:
        """Return what came until the buffer was full, each about its site's open question."""
        number, model_of = state.round_no + 1, partial(self._registry.model_of, study)
        due = questions(study, state.history, self._keys, model_of)
        arriving = gathered(self._engine, due, study.plan.deadline_s, self.order)
        answers: list[AnswerRow] = []
        self._watch(Progress("train", number, 0, len(due)))
        for row in fill(
            study, due, arriving, lambda answer, task: self._heard(answer, study, task, into)
        ):
            answers.append(row)
            self._watch(Progress("train", number, len(answers), len(due)))
        return answers

    def _heard(self, answer: Answer, study: Study, task: Task, into: Collector) -> AnswerRow:
        """Return an answer as it is remembered, with a proper release added to `into`."""
        decision = "refused"
        if isinstance(answer, Release):
            decision = taken(answer, study, task, self._keys.get(answer.site), into)
        return row_of(task, answer.site, decision, answer)
