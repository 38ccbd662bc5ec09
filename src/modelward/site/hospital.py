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
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import MASK_PHASES, Task
from modelward.core.tensors import Tensors
from modelward.core.verdict import Answer, Finding, Refusal, Release
from modelward.errors import (
    BadArtifact,
    BadPrivacyTerms,
    BadUpdate,
    BudgetExceeded,
    GateRefused,
    HeldForReview,
    MaskingFailed,
)
from modelward.gate.cells import coarser
from modelward.gate.door import Cover, Door
from modelward.gate.hold import Holding
from modelward.gate.policy import Policy
from modelward.gate.rules import UNBOUNDED, Offer, Rule, exchanged, standard
from modelward.gate.uplink import coded
from modelward.ledger.circle import Circle
from modelward.ledger.log import Ledger
from modelward.ledger.note import Signer
from modelward.privacy.budget import Ceilings
from modelward.readers.cohort import Cohort
from modelward.readers.open import open_cohort
from modelward.site.answer import Computed, compute, nobody
from modelward.site.extractor import patient_key
from modelward.site.inspecting import Inspector
from modelward.site.kept import Kept
from modelward.site.keys import signing_key
from modelward.site.looking import Looking
from modelward.site.masking import Masking
from modelward.site.overlaps import Overlaps
from modelward.site.reviews import Reviews
from modelward.site.sent import Sent
from modelward.site.snapshot import CohortFacts, cohort_digest, facts_of
from modelward.site.spending import Booked, Spending, require_unit
from modelward.site.task_model import model_of
from modelward.study.answers import answer_to
from modelward.study.own import residual_schema

SIMULATED = Policy(min_cell=1)
"""The policy of a simulated hospital: the standard one, but for small cells, which are shown
to whoever holds all rows anyway."""


def now() -> datetime:
    """Return the time for ledger entries."""
    return datetime.now(UTC)


class Trainer(Protocol):
    """Who computes. Implementations: `DirectTrainer` here, `IsolatedTrainer` in isolated.py."""

    def compute(
        self,
        task: Task,
        study: Study,
        models: Store,
        booked: Booked | None = None,
        kept: Tensors | None = None,
    ) -> Computed:
        """Return the result of `task`, whose model lies in `models`.

        `booked` is what the budget allows, for studies under differential privacy; `kept` is
        what the site kept for itself from its last round (kept.py).
        """
        ...

    def facts(self, study: Study) -> CohortFacts:
        """Return what may be known of the cohort of `study` outside of the trainer."""
        ...

    def stop(self) -> None:
        """End what is being computed, from any thread, if that can be done."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class DirectTrainer:
    """Trains in this process, which opens the data: for simulations.

    Args:
        folder: The site's folder, with `dataset.toml` in it.
        site: The site's name.
    """

    def __init__(self, folder: Path, site: str) -> None:
        self._folder, self._site = folder, site
        self._cohorts: dict[str, Cohort] = {}
        self._facts: dict[str, CohortFacts] = {}

    def compute(
        self,
        task: Task,
        study: Study,
        models: Store,
        booked: Booked | None = None,
        kept: Tensors | None = None,
    ) -> Computed:
        """Return the result of `task`."""
        model = model_of(task, study, models, kept)
        return compute(task, study, model, self.cohort(study), self._site, booked)

    def facts(self, study: Study) -> CohortFacts:
        """Return what may be known of the cohort, made when it is first needed."""
        if study.sha256 not in self._facts:
            key = patient_key(self._folder / "patients.key")
            cohort = self.cohort(study)
            self._facts[study.sha256] = facts_of(cohort, study, cohort_digest(cohort), key)
        return self._facts[study.sha256]

    def stop(self) -> None:
        """Do nothing: a thread cannot be ended."""

    def close(self) -> None:
        """Forget the cohorts."""
        self._cohorts.clear()

    def cohort(self, study: Study) -> Cohort:
        """Return the site's units for `study`, read when they are first needed.

        Studies that differ only in how they train share one cohort.
        """
        asks = study.model_dump_json(include={"study", "cohort", "features", "target", "plan"})
        if asks not in self._cohorts:
            self._cohorts[asks] = open_cohort(self._folder / "dataset.toml", study)
        return self._cohorts[asks]


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
        self._studies: dict[str, Study] = {}
        self.kept = Kept(folder / "kept", self.ledger)
        self._left_out = Kept(folder / "left-out", self.ledger, residual_schema)
        self.trainer = trainer or DirectTrainer(folder, name)
        self._looking = None
        if inspector is not None:
            self._looking = Looking(inspector, folder, key, self.policy.leakage)
        self._overlaps = Overlaps(folder, self.policy.min_cell)
        self._sent = Sent(self.ledger, clock)
        self.spending = Spending(
            folder,
            self.ledger,
            Ceilings(
                study=self.policy.epsilon_study,
                lifetime=self.policy.epsilon_lifetime,
                delta=self.policy.delta,
            ),
        )

    def join(self, study: Study, roster: Mapping[str, str] | None = None) -> None:
        """Take part in `study`: tasks of any other study are refused.

        Args:
            study: What is joined.
            roster: Name -> raw Ed25519 public key (hex) of every site, as approvals pinned
                them; without it nothing is summed behind masks.
        """
        self._studies[study.sha256] = study
        self._masking.pin(study, roster or {})

    def study_of(self, task: Task) -> Study:
        """Return the study that `task` belongs to.

        Raises:
            GateRefused: If the site takes no part in it.
        """
        study = self._studies.get(task.study)
        if study is None:
            raise GateRefused(
                f"{self.name} takes no part in study {task.study[:12]}…",
                why="a site answers only for studies that it has joined",
                remedy="ask the site to join the study first",
            )
        return study

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

    def released(self, question: Task) -> tuple[str, int] | None:
        """Return what left here for the sum of `question`: its hash, and its units.

        None if nothing did, or if it waits for a person: what waits went into no sum. Behind
        masks it is the hash of the masked words, and no number of units.
        """
        if self.study_of(question).privacy.aggregation is not None:
            sha256 = self._masking.sent(question)
            return None if sha256 is None else (sha256, 0)
        try:
            answer = self.door.decided(question)
        except HeldForReview:
            return None
        if not isinstance(answer, Release):
            return None
        return answer.artifact.card.sha256, answer.artifact.card.patients

    def _answer_privately(self, task: Task, study: Study, models: Store) -> Answer:
        """Book what the task does to patients, then compute; refuse what they cannot afford."""
        facts = self.trainer.facts(study)
        units = facts.behind(task.kind)
        if units < self._fewest(task, study):  # the gate will refuse: nobody is looked at
            return self.decide(task, lambda: nobody(study, task, units))
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
        computed = self.trainer.compute(task, study, models, booked, kept)
        if computed.kept:
            self.kept.put(study, task, computed.kept)
        return computed

    def _fewest(self, task: Task, study: Study) -> int:
        floor = 0 if task.kind == "evaluate" else study.study.min_patients
        return max(self.policy.min_patients, floor, 1)

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
            lambda: replace(self._offer(task, study, computed(), models), privacy=privacy),
            self._rules(study),
            cover=self._cover(task, study),
        )

    def put(self, task: Task, offer: Callable[[], Offer], rules: Rule) -> Answer:
        """Return what the gate says of something that no round asked for (telling.py)."""
        sent, today = self._sent.for_study(task.study), self._sent.today()
        return self._through_the_door(
            task, lambda: replace(offer(), sent_bytes=sent, today_bytes=today), rules
        )

    def _rules(self, study: Study) -> Rule:
        """Return what an answer must satisfy; where data are inspected, overlaps as well."""
        judged = standard(study, self.policy)
        if self._looking is None:
            return judged

        def rule(offer: Offer) -> tuple[Finding, ...]:
            return judged(offer) or self._overlaps.objections(
                offer, study, lambda: self.trainer.facts(study)
            )

        return rule

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
            said = self._masking.following(task, study, models)
            sent, today = self._sent.for_study(task.study), self._sent.today()
            return replace(said, sent_bytes=sent, today_bytes=today)

        return self._through_the_door(task, offer, exchanged(study, self.policy))

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
        answer = self._reviews.act(self.door, task, study, (self.policy, self._sent))
        if isinstance(answer, Release):
            self._sent.note(task.study, answer.artifact.card.nbytes)

    def _offer(
        self, task: Task, study: Study, computed: Computed, models: Store | None
    ) -> Offer:
        kind, schema = answer_to(study, task.kind)
        tensors = coarser(study, computed.tensors, self.policy.min_cell)
        look = None
        if self._looking is not None and models is not None:
            look = self._looking.at(task, study, tensors, models)
        return Offer(
            task=task,
            kind=kind,
            tensors=tensors,
            patients=computed.patients,
            schema=schema,
            sent_bytes=self._sent.for_study(task.study),
            today_bytes=self._sent.today(),
            look=look,
        )

    def close(self) -> None:
        """End the trainer and release the locks of ledger and witness."""
        self.trainer.close()
        if self._looking is not None:
            self._looking.close()
        self.circle.close()
        self.ledger.close()
