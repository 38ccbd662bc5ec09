"""A site on the wire: approvals, checks of what comes in, then the hospital's own door.

    task -> approved? -> as signed, as the hub has said? -> trainer -> gate -> ledger -> answer

This is what a wire serves: it has a `name` and it answers tasks. It holds the keys, the
policy and the ledger; it opens no data. Whatever is refused here is in the ledger with its
reasons, and the hub is told that it was refused and no more.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from modelward.artifact.decision import Decision
from modelward.artifact.envelope import Envelope
from modelward.artifact.store import Store
from modelward.core.artifact import Artifact
from modelward.core.clock import now
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer, Finding, Refusal, Release
from modelward.errors import (
    GateRefused,
    HeldForReview,
    ModelwardError,
    NotApproved,
    NotCompared,
)
from modelward.gate.policy import Policy
from modelward.ledger import kinds
from modelward.recipes.brought import require
from modelward.site.answering import audits
from modelward.site.approving import readiness
from modelward.site.approving.approvals import Approvals
from modelward.site.approving.decision_record import DecisionRecord
from modelward.site.approving.policy_record import note_policy
from modelward.site.budget import lost
from modelward.site.budget.giving_back import GivingBack
from modelward.site.entering import transcripts
from modelward.site.entering.entrance import Entrance
from modelward.site.entering.transcripts import Witnessed
from modelward.site.hospital import Hospital
from modelward.site.isolation.snapshot import CohortFacts
from modelward.site.keeping.mailbag import Mailbag
from modelward.site.keeping.noting import Noting
from modelward.site.rooms.direct import Trainer
from modelward.site.rooms.inspecting import Inspector, IsolatedInspector
from modelward.site.rooms.isolated import IsolatedTrainer
from modelward.site.telling import tell
from modelward.study.agreement import Agreement
from modelward.study.transcript import from_body, refuse

FRESH = timedelta(minutes=1)
"""How long ago witnesses may have been asked when privacy is reserved."""


class Gatekeeper:
    """A site that answers for what its people have approved.

    Args:
        folder: The site's folder.
        name: The name it was admitted under.
        policy: What it allows, who may approve, and how the trainer is kept apart.
        clock: The time of ledger entries.
        trainer: Who computes; isolated as the policy says if absent.
        inspector: Who looks at offers; isolated like the trainer if both are absent.

    Attributes:
        by_majority: Whether private studies wait until a majority of witnesses was heard; a
            node on a wire sets it.

    Raises:
        IsolationUnavailable: If this machine cannot keep the trainer apart as asked.
        LedgerBroken: If the ledger was changed.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        policy: Policy,
        *,
        clock: Callable[[], datetime] = now,
        trainer: Trainer | None = None,
        inspector: Inspector | None = None,
    ) -> None:
        folder = folder.resolve()  # processes with another working folder are started from it
        self.name, self.folder = name, folder
        if trainer is None:
            trainer = IsolatedTrainer(folder, name, policy.isolation, policy.device)
            trainer.on_cohort = self._note_cohort
            inspector = inspector or IsolatedInspector(folder, policy.isolation, policy.leakage)
        self._trainer = trainer
        self._hospital = Hospital(
            folder, name, policy=policy, clock=clock, trainer=trainer, inspector=inspector
        )
        self._clock = clock
        note_policy(self._hospital.ledger, policy)
        self._record = DecisionRecord(self._hospital.ledger)
        self._entrance = Entrance(folder / "intake", self._hospital.ledger)
        self.mailbag = Mailbag(self._hospital.circle)
        self._noting = Noting(self._hospital.ledger, clock)
        self.by_majority = False
        self.approvals = Approvals(folder, name, policy.approvers)
        self._giving_back = GivingBack(self._hospital.spending, self.approvals)
        self._hospital.consent = self._consent

    def answer(self, task: Task, models: Store) -> Answer:
        """Return the site's answer to `task`.

        Args:
            task: A task whose message was signed by the hub and is not a replay.
            models: Where the model that it brings has been put.

        Raises:
            HeldForReview: If the answer waits until a person has decided.
            NotCompared: If too few witnesses were heard for a private study.
            DataError: If the site's data do not fit the study; no figures are in its words.
            TrainingFailed: If the trainer failed.
            StorageError: If a decision cannot be recorded; then nothing leaves.
        """
        if self._hospital.circle.stopped:
            return Refusal(self.name, task.id)
        try:
            self.settle()
            agreement = self.approvals.approved(task.study, self._record)
            study = agreement.study
            require(study.recipe.name, self._hospital.policy.recipes)
            unready = readiness.objection(self.folder, study)
        except NotApproved as error:
            return self._refuse(task, (Finding("approval", error.what, error.remedy),))
        except GateRefused as error:
            return self._refuse(task, (Finding("recipe", error.what, error.remedy),))
        findings = unready or self._audited(task.study)
        findings = findings or self._entrance.enter(task, study, models)
        if findings:
            return self._refuse(task, findings)
        self._hospital.join(study, agreement.keys)
        if study.privacy.dp is not None:
            self._require_compared(study, task)
        return self._hospital.answer(task, models)

    def _consent(self, study: str) -> tuple[Finding, ...]:
        """Return what speaks against a study by now: a withdrawal or an audit of meanwhile."""
        try:
            self.settle()
            self.approvals.approved(study, self._record)
        except NotApproved as error:
            return (Finding("approval", error.what, error.remedy),)
        return self._audited(study)

    def _audited(self, study: str) -> tuple[Finding, ...]:
        """Return what an audit of the study at this site speaks against."""
        return audits.objections(self.folder, study, self._hospital.policy.leakage)

    def _require_compared(self, study: Study, task: Task) -> None:
        """Raise NotCompared unless a majority of witnesses was heard; book what they missed.

        What was heard at the start is old when a study is reserved days later, by a machine
        that may have been put back as it ran: the witnesses are asked again before that.
        """
        if not self.by_majority:
            return
        circle, now = self._hospital.circle, self._clock()
        reserved = self._hospital.spending.has_reserved(study, task.kind)
        if not reserved and now - circle.since > FRESH:
            circle.ask_anew(now)
        if not circle.compared:
            said = len(circle.heard & {key.name for key in circle.witnesses})
            raise NotCompared(
                f"{said} of {len(circle.witnesses)} witnesses have said what they know",
                why="a ledger that was put back does not know all that was spent",
                remedy="wait until more than half of hub and neighbouring sites are connected",
            )
        ledger, spending = self._hospital.ledger, self._hospital.spending
        lost.book_gaps(ledger, spending, circle.name, circle.witness.alarms.all())

    def receive(self, envelope: Envelope) -> Agreement:
        """Keep a proposal that the wire has found to be the hub's.

        Raises:
            MessageRefused: If it is none, or is not about this site; this is in the ledger.
        """
        try:
            return self.approvals.receive(envelope)
        except ModelwardError as error:
            self.note_refused(envelope.study, error)
            raise

    def hear_transcript(self, envelope: Envelope) -> None:
        """Hold what the hub says of a round against what this site has seen, and keep it.

        A fault ends the study here: no task of it is answered any more. One that comes behind
        that of a later round is held against what this site was asked and released.

        Raises:
            NotApproved: If the study is not approved.
            MessageRefused: If it is no transcript, or does not fit.
        """
        agreement = self.approvals.approved(envelope.study, self._record)
        study = agreement.study
        said = from_body(envelope.study, envelope.round_no, envelope.body)
        told = self._entrance.told(study)
        late = told is not None and said.round_no < told.round_no
        self._hospital.join(study, agreement.keys)
        earlier = self._entrance.answered(study, self.name, said)
        own = self._hospital.released(transcripts.asked(study, said), earlier)
        known = Witnessed(
            roster=tuple(sorted(agreement.roster)),
            seen=self._entrance.seen(study),
            told=None if late else told,
            released=own,
        )
        wrong = transcripts.faults(self.name, study, said, known)
        self._entrance.remember(study, transcripts.after(said, told, wrong))
        if wrong:
            raise refuse(f"round {said.round_no}: {'; '.join(wrong)}")

    def note_refused(self, study: str, error: ModelwardError) -> None:
        """Record a message that was refused, once for each reason and study.

        Args:
            study: The study that it claims to belong to; "" if it cannot be read.
            error: Why.
        """
        self._noting.message(study, error)

    def settle(self) -> list[Decision]:
        """Record decisions that were made since the last call; return them for the hub.

        Raises:
            NotApproved: If a decision file cannot be relied on.
        """
        return self._giving_back.after(self.approvals.settle(self._record))

    def statements(self) -> list[tuple[str, Artifact]]:
        """Return (study, statement) of every check that the hub may be told of, in its ledger.

        Raises:
            DataError: If a site is READY and its cohort cannot be extracted all the same.
            NotCompared: If patients would be charged, and too few witnesses were heard.
            StorageError: If a statement cannot be recorded, as while the site is stopped.
        """
        found = []
        for made in readiness.to_tell(self.folder):
            study = self.approvals.proposal(made.study).study
            compared = partial(self._require_compared, study)
            with suppress(HeldForReview):
                answer = tell(self._hospital, study, made.ready, made.number, compared)
                if isinstance(answer, Release):
                    found.append((made.study, answer.artifact))
        return found

    def interrupt(self) -> None:
        """End what is being computed, from any thread; the task in hand is not decided."""
        self._trainer.stop()

    def close(self) -> None:
        """End the trainer and let go of the ledger."""
        self._hospital.close()

    def _note_cohort(self, facts: CohortFacts) -> None:
        """Record how many opted out of a cohort, once a snapshot, where there is a list."""
        ledger = self._hospital.ledger
        if facts.opted_out is None or any(
            entry["kind"] == "cohort" and entry["snapshot"] == facts.bundle for entry in ledger
        ):
            return
        ledger.append(
            kinds.fields(
                "cohort",
                study=facts.study,
                snapshot=facts.bundle,
                units=sum(facts.units.values()),
                opted_out=facts.opted_out,
            )
        )

    def _refuse(self, task: Task, findings: tuple[Finding, ...]) -> Refusal:
        """Record a refusal, once (noting.py); it is no decision about the task."""
        self._noting.task(task, findings)
        return Refusal(self.name, task.id)
