"""One hospital: its data, its policy, its key, its ledger, and how it answers.

The folder of a site:

    dataset.toml    where its data lie (written by the site)
    site.key        its signing key
    outbox/         artifacts it has released, to be sent again after a crash
    ledger/         what its gate decided, provably
    masks/          answers that are summed behind masks, and what was decided about them
    leakage/        what the inspector found in each offer; sent to nobody
    left-out/       what coded updates have left out so far
    told/           who was behind exact figures that left, by keyed ids; sent to nobody
    kept/           what it keeps for itself between rounds; sent to nobody
    held/           what waits until a person has released or refused it
    reviews/        what people decided about that, signed
    witness/        what it has seen of the ledgers of others (ledger/circle.py)
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from modelward.artifact.store import Store
from modelward.core.clock import now
from modelward.core.study import Study
from modelward.core.task import MASK_PHASES, Task
from modelward.core.verdict import Answer, Finding, Refusal, Release
from modelward.errors import (
    BadArtifact,
    BadPrivacyTerms,
    BadUpdate,
    BudgetExceeded,
    MaskingFailed,
    TrainingFailed,
)
from modelward.gate.door import Cover, Door
from modelward.gate.hold import Holding
from modelward.gate.offer import UNBOUNDED, Offer, Rule
from modelward.gate.policy import SIMULATED, Policy
from modelward.gate.rules import exchanged, standard
from modelward.gate.uplink import coded
from modelward.ledger.circle import Circle
from modelward.ledger.log import Ledger
from modelward.ledger.note import Signer
from modelward.site.answering.answer import Computed, nobody
from modelward.site.answering.masking import Masking
from modelward.site.answering.unit import require_unit
from modelward.site.approving.keys import signing_key
from modelward.site.approving.reviews import Reviews
from modelward.site.budget.spending import Booked, Spending
from modelward.site.judging import Judging
from modelward.site.keeping.failures import Failures
from modelward.site.keeping.joined import Joined
from modelward.site.keeping.kept import Kept
from modelward.site.keeping.sent import Sent
from modelward.site.rooms.direct import DirectTrainer, Trainer
from modelward.site.rooms.inspecting import Inspector
from modelward.site.rooms.looking import Looking
from modelward.study.answers import answer_to
from modelward.study.own import residual_schema


class Hospital:
    """A site that takes part in studies.

    Args:
        folder: The site's folder, with `dataset.toml` in it.
        name: The name it is registered under.
        policy: What it allows to leave; `SIMULATED` if absent.
        clock: The time of ledger entries; no result depends on it.
        trainer: Who computes; in this process if absent.
        inspector: Who looks at offers with the data at hand; nobody if absent, as in a
            simulation, where whoever runs it holds all data anyway.

    Attributes:
        consent: Says what speaks against a study now; asked once more when an answer is
            about to leave, which may be hours after its task came. gatekeeper.py sets it.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        policy: Policy | None = None,
        clock: Callable[[], datetime] = now,
        trainer: Trainer | None = None,
        inspector: Inspector | None = None,
    ) -> None:
        self.folder, self.name, self.policy = folder, name, policy or SIMULATED
        key = signing_key(folder / "site.key")
        signer = Signer(f"modelward/{name}", key)
        self.ledger = Ledger.open(
            folder / "ledger", origin=signer.name, private_key=key, clock=clock
        )
        self.circle = Circle(folder / "witness", signer, clock, self.ledger)
        people = self.policy.approvers
        holding = Holding(folder / "held", self.policy.review, ", ".join(sorted(people)))
        self.door = Door(name, key, Store(folder / "outbox"), self.ledger, holding)
        self._reviews = Reviews(folder, name, people)
        self._masking = Masking(folder / "masks", self.door)
        self._joined = Joined(name)
        self._failures = Failures(self.ledger)
        self.consent: Callable[[str], tuple[Finding, ...]] = lambda _: ()
        self.kept = Kept(folder / "kept", self.ledger)
        self._left_out = Kept(folder / "left-out", self.ledger, residual_schema)
        self.trainer = trainer or DirectTrainer(folder, name)
        self._sent = Sent(self.ledger, clock)
        looking = None
        if inspector is not None:
            looking = Looking(inspector, folder, key, self.policy.leakage)
        self._judging = Judging(folder, self.policy, self._sent, looking)
        self.spending = Spending(folder, self.ledger, self.policy.ceilings)

    def join(self, study: Study, roster: Mapping[str, str] | None = None) -> None:
        """Take part in `study`: tasks of any other study are refused.

        Args:
            study: What is joined.
            roster: Name -> raw Ed25519 public key (hex) of every site, as approvals pinned
                them; without it nothing is summed behind masks.
        """
        self._joined.add(study)
        self._masking.pin(study, roster or {})

    def study_of(self, task: Task) -> Study:
        """Return the study that `task` belongs to.

        Raises:
            GateRefused: If the site takes no part in it.
        """
        return self._joined.of(task)

    def answer(self, task: Task, models: Store) -> Answer:
        """Return the site's answer to `task`: what the gate releases, or that it refuses.

        Args:
            task: The question.
            models: Where the model that it starts from has been put.

        Raises:
            HeldForReview: If the answer waits until a person has decided.
            GateRefused: If the site takes no part in the task's study.
            DataError: If the site's data do not fit the study.
            TrainingFailed: If training diverges.
            StorageError: If the decision cannot be recorded; then nothing leaves.
        """
        study = self.study_of(task)
        if self.circle.stopped:
            return Refusal(self.name, task.id)
        self._settle(task, study)
        if task.phase not in {None, MASK_PHASES[0]}:
            return self._exchange(task, study, models)
        if study.privacy.dp is None:
            return self.decide(task, lambda: self._compute(task, study, models), models=models)
        return self.door.decided(task) or self._answer_privately(task, study, models)

    def released(self, question: Task, named: str = "") -> tuple[str, int] | None:
        """Return what left here for the sum of `question`: its hash, and its units.

        `named` is the id of an earlier question, where the answer to that went into the sum.
        None if nothing did, or if it waits for a person: what waits went into no sum. Behind
        masks it is the hash of the masked words, and no number of units.
        """
        if self.study_of(question).privacy.aggregation is not None:
            return self._masking.left(question)
        return self.door.left(named or question.id)

    def _answer_privately(self, task: Task, study: Study, models: Store) -> Answer:
        """Book what the task does to patients, then compute; refuse what they cannot afford."""
        facts = self.trainer.facts(study)
        few = self._judging.too_few(task, study, facts)
        if few is not None:  # refused: nobody is looked at
            return self.decide(task, lambda: nobody(study, task, few))
        try:
            require_unit(study, facts)
            booked = self.spending.book(study, task, facts)
        except (BudgetExceeded, BadPrivacyTerms) as error:
            kind, _ = answer_to(study, task.kind)
            return self.door.refuse(task, kind, (Finding("budget", error.what, error.remedy),))
        return self.decide(
            task,
            lambda: self._compute(task, study, models, booked),
            booked.card,
            models=models,
        )

    def _compute(
        self, task: Task, study: Study, models: Store, booked: Booked | None = None
    ) -> Computed:
        """Have `task` computed, and keep what stays here before the gate decides."""
        kept = self.kept.before(study, task)
        try:
            computed = self.trainer.compute(task, study, models, booked, kept)
        except TrainingFailed as error:
            self._failures.note(task, error)
            raise
        if computed.kept:
            self.kept.put(study, task, computed.kept)
        return computed

    def decide(
        self,
        task: Task,
        computed: Callable[[], Computed],
        privacy: Mapping[str, str | int | float] = UNBOUNDED,
        *,
        models: Store | None = None,
    ) -> Answer:
        """Return what the gate says of what `computed` brings; it is called at most once.

        A site whose ledger is not what its witnesses saw refuses everything, and writes
        nothing, until a person has decided (ledger/circle.py).

        Raises:
            StorageError: If the decision cannot be recorded; then nothing leaves.
        """
        study = self.study_of(task)
        if self.circle.stopped:
            return Refusal(self.name, task.id)
        return self._through_the_door(
            task,
            lambda: replace(
                self._judging.offer(task, study, computed(), models), privacy=privacy
            ),
            self._consented(
                task, self._judging.rules(study, lambda: self.trainer.facts(study))
            ),
            cover=self._cover(task, study),
        )

    def put(self, task: Task, offer: Callable[[], Offer], rules: Rule) -> Answer:
        """Return what the gate says of something that no round asked for (telling.py).

        It is told before anybody approves, so `consent` has no say in it.
        """
        return self._through_the_door(task, lambda: self._judging.counted(offer()), rules)

    def _consented(self, task: Task, rules: Rule) -> Rule:
        """Return `rules`, and what speaks against the study by the time an answer leaves."""
        return lambda offer: rules(offer) or self.consent(task.study)

    def _cover(self, task: Task, study: Study) -> Cover | None:
        """Return what makes an answer leave in another form than it is judged in."""
        if task.phase is not None:
            return self._masking.keys
        if study.plan.uplink is None or task.kind != "train":
            return None
        before = self._left_out.before(study, task)
        keep = partial(self._left_out.put, study, task)
        return partial(coded, study, self.name, before, keep)

    def _exchange(self, task: Task, study: Study, models: Store) -> Answer:
        """Answer one of the exchanges that follow when an answer was judged and stays here."""

        def offer() -> Offer:
            return self._judging.counted(self._masking.following(task, study, models))

        rules = self._consented(task, exchanged(study, self.policy))
        return self._through_the_door(task, offer, rules)

    def _through_the_door(
        self,
        task: Task,
        offer: Callable[[], Offer],
        rules: Rule,
        *,
        cover: Cover | None = None,
    ) -> Answer:
        before = self.ledger.size
        try:
            answer = self.door.decide(task, offer, rules, cover)
        except (MaskingFailed, BadUpdate, BadArtifact) as error:
            if task.phase is None:
                raise
            finding = Finding("masks", error.what, error.remedy)
            return self.door.refuse(task, task.phase, (finding,))
        if isinstance(answer, Release) and self.ledger.size > before:
            self._sent.note(task.study, answer.artifact.card.nbytes)
        return answer

    def _settle(self, task: Task, study: Study) -> None:
        """Act on what a person decided about the answer to `task`, if it waits for that."""
        if self.door.held(task) is None:
            return
        schema, rules = answer_to(study, task.kind)[1], standard(study, self.policy)
        answer = self._reviews.act(self.door, task, schema, rules, self._sent)
        if isinstance(answer, Release):
            self._sent.note(task.study, answer.artifact.card.nbytes)

    def close(self) -> None:
        """End the trainer and release the locks of ledger and witness."""
        self.trainer.close()
        self._judging.close()
        self.circle.close()
        self.ledger.close()
