"""A question whose answers are summed behind masks: five exchanges in place of one.

    for each exchange    ask who is still in -> receive -> write down who was in -> tell
    at the end           take the masks off the sum, and hand the sum over

Who was in is written down before anybody is told (privacy/masks/journal.py). A hub that was
killed asks exactly these again; they send the same bytes, so it tells the same and comes to
the same sum. A site that is silent, refuses, or sends what does not fit is out from that
exchange on; if its masked words arrived, they are in the sum all the same.

With groups each has a sum of its own. All sites are asked for keys at once, which is when they
compute; the other exchanges, which are short, go from group to group.

The protocol is privacy/masks/hub.py's; whether there are enough sites for the study, run.py's.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.core.ports import Engine
from modelward.core.study import Study
from modelward.core.task import LOOKS_AT, MASK_PHASES, MaskPhase, Task
from modelward.core.verdict import Answer, Release
from modelward.errors import MaskingFailed, QuorumNotMet
from modelward.hub.accept import objection
from modelward.hub.collectors import Summed
from modelward.hub.registry import Registry
from modelward.hub.reported import patience_s
from modelward.hub.round import enough
from modelward.hub.standing import AnswerRow
from modelward.privacy.masks import exchange, hub
from modelward.privacy.masks.coded import Code
from modelward.privacy.masks.grid import Words
from modelward.privacy.masks.journal import FileJournal
from modelward.privacy.masks.session import Session
from modelward.study.answers import answer_to
from modelward.study.groups import groups

KEYS, WORDS, LAST = MASK_PHASES[0], MASK_PHASES[2], MASK_PHASES[-1]

Arrived = Callable[[int], None]
"""Told how many sites have computed their answer, for whoever watches."""


@dataclass(slots=True)
class _Heard:
    """What came from the sites about one question.

    Attributes:
        bytes: Of everything a site sent, by site.
        words: Hash of the bundle with its masked words, by site.
        out: Sites that are out, with the decision: `refused` or `rejected`.
    """

    bytes: Counter[str] = field(default_factory=Counter)
    words: dict[str, str] = field(default_factory=dict)
    out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Round:
    """One sum of a question: who is in its session, and what was decided about it."""

    session: Session
    journal: FileJournal


class Exchanges:
    """How a hub gets sums without seeing what is summed.

    Args:
        engine: How sites are reached.
        registry: Where bundles for the sites, and decisions, are kept.
        keys: The sites' public keys, as approvals pinned them.
    """

    def __init__(
        self, engine: Engine, registry: Registry, keys: Mapping[str, Ed25519PublicKey]
    ) -> None:
        self._engine, self._store, self._keys = engine, registry.store, keys
        self._folder = registry.folder / "masks"

    def collect(
        self, study: Study, question: Task, into: Summed, arrived: Arrived
    ) -> list[AnswerRow]:
        """Hand the sums of the answers to `question` to `into`; return who is in them.

        There is one sum over the roster, or one for each group of it (study/groups.py). If too
        few sites of a group have validation units, or every gate refuses, nothing is added
        for `evaluate`, as where answers are open; for `report` also where sites are silent.

        Returns:
            A row for each site that is in a sum, with all bytes that it sent and the hash
            of its masked words, and for each that refused or was rejected.

        Raises:
            QuorumNotMet: If too few sites are left. Asked again, it goes on where it stood.
            MaskingFailed: If shares do not fit what was advertised.
            BadUpdate: If a sum is no sum of proper answers.
        """
        dealt = groups(study, self._keys)
        rounds = [
            self._group(study, question, number if len(dealt) > 1 else None, names)
            for number, names in enumerate(dealt)
        ]
        first = self._advertised(study, question, rounds)
        arrived(sum(isinstance(answer, Release) for answer in first))
        totals: dict[str, Words] = {}
        rows: list[AnswerRow] = []
        for number, each in enumerate(rounds, start=1):
            total, found = self._sum(study, question, each, first)
            rows += found
            if total is not None:
                totals[f"group {number}"] = total
        if totals:
            into.add_totals(totals)
        return sorted(rows, key=lambda row: row.site)

    def _group(
        self, study: Study, question: Task, number: int | None, names: tuple[str, ...]
    ) -> "_Round":
        roster = {name: self._keys[name].public_bytes_raw().hex() for name in names}
        schema = answer_to(study, question.kind)[1]
        code = Code.of(study, question.kind)
        session = exchange.session_of(question, schema, roster, code)
        return _Round(session, FileJournal.of(self._folder, question, number))

    def _advertised(self, study: Study, question: Task, rounds: "list[_Round]") -> list[Answer]:
        """Return what all sites say in the first exchange, in which they compute: at once."""
        due: set[str] = set()
        for each in rounds:
            before = each.journal.kept(KEYS)
            due |= set(each.session.names if before is None else _closed(before)["in"])
        task = question.exchange(KEYS, None)
        deadline = patience_s(study, question)
        return list(self._engine.ask(task, sorted(due), deadline_s=deadline))

    def _sum(
        self, study: Study, question: Task, group: "_Round", first: list[Answer]
    ) -> tuple[Words | None, list[AnswerRow]]:
        """Return the sum over one group, or None, and its rows."""
        session, journal = group.session, group.journal
        state, heard, bundles = hub.State(session), _Heard(), list[str]()
        for phase in MASK_PHASES:
            task = question.exchange(phase, bundles[-1] if bundles else None)
            said = first if phase == KEYS else None
            state = self._ask(study, task, (state, said), heard, journal.kept(phase))
            try:
                session.require_enough(state.said[state.phase], phase)
                if phase != LAST:
                    self._require(study, question, state, heard)
                    state, told = self._tell(state, journal, phase, heard.out)
                    bundles.append(told)
            except MaskingFailed as error:
                silent = set(state.due) - set(heard.out)
                if question.kind == "report" or (question.kind == "evaluate" and not silent):
                    return None, _rows(question, heard, ())
                raise _too_few(error, heard.out, silent) from error
        total = hub.finish(state)
        for digest in bundles:
            self._store.path(digest).unlink(missing_ok=True)
        return total, _rows(question, heard, sorted(state.said[MASK_PHASES.index(WORDS)]))

    def _ask(
        self,
        study: Study,
        task: Task,
        here: tuple[hub.State, Iterable[Answer] | None],
        heard: _Heard,
        before: bytes | None,
    ) -> hub.State:
        """Return the state after everybody who is due has answered, or time is up.

        Args:
            study: The study.
            task: The exchange.
            here: The state, and what was said where everybody has been asked already.
            heard: What came so far.
            before: Who was in this exchange when it was closed, if it was.
        """
        state, answers = here
        due = set(state.due)
        if before is not None:
            closed = _closed(before)
            due &= set(closed["in"])
            heard.out.update({site: how for site, how in closed["out"] if site not in due})
        if answers is None:
            deadline = study.plan.deadline_s
            answers = self._engine.ask(task, sorted(due), deadline_s=deadline)
        for answer in answers:
            if answer.task == task.id and answer.site in due:
                due.remove(answer.site)
                state = self._hear(study, task, state, heard, answer)
        return state

    def _hear(
        self, study: Study, task: Task, state: hub.State, heard: _Heard, answer: Answer
    ) -> hub.State:
        """Return the state after an answer that is due; a site that refuses or lies is out."""
        if not isinstance(answer, Release):
            heard.out[answer.site] = "refused"
            return state
        phase, entry = _phase_of(task), answer.artifact.card
        schema = exchange.said_schema(state.session, phase)
        try:
            if objection(answer, study, task, self._keys.get(answer.site), schema) is not None:
                heard.out[answer.site] = "rejected"
                return state
            said = exchange.read_said(state.session, phase, answer.artifact.tensors)
            state = hub.receive(state, answer.site, said)
        except MaskingFailed:
            heard.out[answer.site] = "rejected"
            return state
        heard.bytes[answer.site] += entry.nbytes
        if phase == WORDS:
            heard.words[answer.site] = entry.sha256
        return state

    def _require(self, study: Study, question: Task, state: hub.State, heard: _Heard) -> None:
        """Raise MaskingFailed before an exchange is closed that the study would not accept.

        A group of several may be short of sites where the study as a whole is not: run.py
        counts over all groups.
        """
        here = set(state.said[state.phase])
        if len(state.session.names) < len(self._keys):
            return
        silent = set(self._keys) - here - set(heard.out)
        summed = state.phase > MASK_PHASES.index(WORDS) or question.kind in LOOKS_AT
        if not summed and not enough(study, len(here), len(silent)):
            raise MaskingFailed(
                f"{len(here)} of {len(self._keys)} sites answered in round {question.round_no}",
                why=f"the study needs {study.plan.quorum or 'every site that does not refuse'}",
                remedy="run again when the silent ones can be reached",
            )

    def _tell(
        self, state: hub.State, journal: FileJournal, phase: MaskPhase, out: Mapping[str, str]
    ) -> tuple[hub.State, str]:
        """Write down who was in `phase`; store what sites are told next, return its hash."""
        here = set(state.said[state.phase])
        said = canonical_bytes({"in": sorted(here), "out": [list(p) for p in out.items()]})
        missing = set(_closed(journal.once(phase, said))["in"]) - here
        if missing:
            raise MaskingFailed(
                f"{', '.join(sorted(missing))} answered {phase!r} before, and not again",
                why="another list for the same round would show a difference",
                remedy="run again when they can be reached",
            )
        following = MASK_PHASES[state.phase + 1]
        state, _ = hub.close(state)
        schema = exchange.told_schema(state.session, following)
        return state, self._store.put(exchange.told(state), schema)[0]


def _closed(raw: bytes) -> dict[str, Any]:
    """Return who was `in` an exchange, and who was `out` with which decision."""
    found = parse_strict(raw, what="a decision about a masked sum")
    return dict(found) if isinstance(found, dict) else {"in": [], "out": []}


def _phase_of(task: Task) -> MaskPhase:
    if task.phase is None:
        raise AssertionError("only exchanges are asked here")
    return task.phase


def _rows(
    question: Task, heard: _Heard, summed: tuple[str, ...] | list[str]
) -> list[AnswerRow]:
    decisions = {**heard.out, **dict.fromkeys(summed, "released")}
    return [
        AnswerRow(
            task=question.id,
            round_no=question.round_no,
            site=site,
            decision=decision,
            sha256=heard.words[site] if decision == "released" else None,
            bytes=heard.bytes[site] if decision == "released" else None,
        )
        for site, decision in sorted(decisions.items())
    ]


def _too_few(error: MaskingFailed, out: Mapping[str, str], silent: set[str]) -> QuorumNotMet:
    return QuorumNotMet(
        error.what
        + (f"; refused: {', '.join(sorted(out))}" if out else "")
        + (f"; silent: {', '.join(sorted(silent))}" if silent else ""),
        why=error.why,
        remedy="read the ledgers of the sites that refused; when the silent ones can be "
        "reached, run again: the round goes on where it stood",
    )
