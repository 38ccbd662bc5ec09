"""What a site hands to its gate, and by which rules it is judged there.

    offer    what was computed, its counts made coarser, with what has left before and a
             look of the inspector that is taken when a rule first asks
    rules    the standard ones; where an inspector looks, persons and overlaps of cohorts too

The rules are gate/'s; who computed is direct.py's or isolated.py's business.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import LOOKS_AT, Task
from modelward.core.verdict import Finding
from modelward.gate.cells import coarser
from modelward.gate.offer import Offer, Rule
from modelward.gate.policy import Policy
from modelward.gate.rules import min_persons, standard
from modelward.site.answering.answer import Computed
from modelward.site.isolation.snapshot import CohortFacts
from modelward.site.keeping.overlaps import Overlaps
from modelward.site.keeping.sent import Sent
from modelward.site.rooms.looking import Looking
from modelward.study.answers import answer_to


class Judging:
    """How one site judges what it computed.

    Args:
        folder: The site's folder.
        policy: What it allows to leave.
        sent: What has left before.
        looking: Its inspector; None where nobody looks, as in a simulation.
    """

    def __init__(
        self, folder: Path, policy: Policy, sent: Sent, looking: Looking | None
    ) -> None:
        self._policy, self._sent, self._looking = policy, sent, looking
        self._overlaps = Overlaps(folder, policy.min_cell)

    def offer(
        self, task: Task, study: Study, computed: Computed, models: Store | None
    ) -> Offer:
        """Return what was computed for `task` as an offer.

        Args:
            task: The question.
            study: The study that it belongs to.
            computed: What the trainer brought.
            models: Where the model of the task lies; None for one that nobody looks at.
        """
        kind, schema = answer_to(study, task.kind)
        tensors = computed.tensors
        if schema.fits(tensors):
            least, missing = self._policy.min_cell, self._policy.min_missing
            tensors = coarser(study, task.kind, tensors, least, missing)
        look = None
        if self._looking is not None and models is not None:
            look = self._looking.at(task, study, tensors, models)
        made = Offer(
            task=task,
            kind=kind,
            tensors=tensors,
            patients=computed.patients,
            schema=schema,
            look=look,
        )
        return self.counted(made)

    def fewest(self, task: Task, study: Study) -> int:
        """Return how many units an answer to `task` needs behind it, at least one."""
        floor = 0 if task.kind in LOOKS_AT else study.study.min_patients
        return max(self._policy.min_patients, floor, 1)

    def too_few(self, task: Task, study: Study, facts: CohortFacts) -> int | None:
        """Return how many are behind an answer if they are too few, in units or in patients."""
        units, persons = facts.behind(task.kind), self._persons(task, facts)
        if units < self.fewest(task, study):
            return units
        return persons if persons < self._policy.min_patients else None

    def _persons(self, task: Task, facts: CohortFacts) -> int:
        """Return the patients behind an answer; units stand for them in a simulation."""
        if self._looking is None:
            return facts.behind(task.kind)
        return len(facts.patients[LOOKS_AT.get(task.kind, "train")])

    def counted(self, offer: Offer) -> Offer:
        """Return `offer` with the bytes that have left before it."""
        sent, today = self._sent.for_study(offer.task.study), self._sent.today()
        return replace(offer, sent_bytes=sent, today_bytes=today)

    def rules(self, study: Study, facts: Callable[[], CohortFacts]) -> Rule:
        """Return what an answer must satisfy; where data are inspected, persons as well.

        Args:
            study: The study that it belongs to.
            facts: Returns what is known of the cohort.
        """
        policy = self._policy
        judged = standard(study, policy)
        if self._looking is None:
            return judged

        def rule(offer: Offer) -> tuple[Finding, ...]:
            found = judged(offer)
            if found:
                return found
            enough = min_persons(policy.min_patients, self._persons(offer.asked, facts()))
            return enough(offer) or self._overlaps.objections(offer, study, facts)

        return rule

    def close(self) -> None:
        """End the inspector."""
        if self._looking is not None:
            self._looking.close()
