"""What people decide about artifacts that wait at their site's door.

    SITE/held/TASK/             what waits (gate/hold.py)
    SITE/reviews/TASK.json      what a person signed about it; the first decision is the last

As with approvals, a person decides at the command line, beside a running node: the decision
is a signed file, and the gatekeeper, which holds the ledger, acts on it when the hub next
asks for the answer (hospital.py), which is every few seconds for as long as the hub waits.
What waits for the network leaves when it is offered again (exchange/giving/offering.py).
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward import durable
from modelward.artifact.card import fingerprint
from modelward.artifact.review import Review, Ruling
from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.core.clock import stamp
from modelward.core.task import Cause
from modelward.core.tensors import Schema
from modelward.core.verdict import Answer
from modelward.errors import BadArtifact, HeldForReview, MessageRefused, NotApproved
from modelward.gate.door import Door
from modelward.gate.hold import Held, Holding
from modelward.gate.offer import Offer, Rule
from modelward.site.keeping.sent import Sent

LEAST = 6
"""Digits of a task's id that name it."""


class Reviews:
    """The decisions in a site's folder about what it holds.

    Args:
        folder: The site's folder.
        site: The site's name.
        approvers: Who may decide: name -> fingerprint of the person's key (the policy's).
    """

    def __init__(self, folder: Path, site: str, approvers: Mapping[str, str]) -> None:
        self._folder, self._site, self._approvers = folder / "reviews", site, approvers
        self._holding = Holding(folder / "held", frozenset(), ", ".join(sorted(approvers)))

    def waiting(self) -> list[Held]:
        """Return what nobody has decided about, by study and round."""
        return [
            held
            for held in self._holding.all()
            if self._holding.waits(held) and not self._path(held.card.task).exists()
        ]

    def decide(
        self, word: Ruling, task: str, person: tuple[str, Ed25519PrivateKey], now: datetime,
        reason: str = "",
    ) -> Review:  # fmt: skip
        """Sign a decision about what is held and keep it for the gatekeeper.

        Args:
            word: What is decided.
            task: Id of the task that it would answer, or the start of it.
            person: Who decides, as the policy spells the name, and that person's key.
            now: The time, with a time zone.
            reason: Why, in at most 400 characters; it stays at the site.

        Raises:
            NotApproved: If this person may not decide, or nothing or too much fits `task`.
            MessageRefused: If the reason is too long, or is not one line.
            StorageError: If it cannot be written.
        """
        name, key = person
        if self._approvers.get(name) != fingerprint(key.public_key()):
            raise NotApproved(
                f"{name} may not decide for {self._site} with this key",
                why="the site's policy names who may, and the fingerprint of each one's key",
                remedy="add the person under [approvers] in policy.toml",
            )
        fitting = [
            held
            for held in self.waiting()
            if len(task) >= LEAST and held.card.task.startswith(task)
        ]
        if len(fitting) != 1:
            raise NotApproved(
                f"{len(fitting)} held artifacts fit {task[:70]!r}",
                why="a decision is about exactly one artifact, and is made once",
                remedy="list what waits with: modelward site holds SITE",
            )
        made = Review(
            word=word,
            task=fitting[0].card.task,
            card=fitting[0].sha256,
            site=self._site,
            person=name,
            time=stamp(now),
            reason=reason,
        ).signed(key)
        durable.make_folder(self._folder)
        if not durable.write_once(self._path(made.task), canonical_bytes(made.body())):
            raise NotApproved(
                f"somebody else has just decided about task {made.task[:12]}…",
                why="a decision about what is held is made once",
                remedy="list what still waits with: modelward site holds SITE",
            )
        return made

    def made(self, held: Held) -> Review | None:
        """Return what was decided about `held`, or None if nobody has decided.

        Raises:
            HeldForReview: If the file cannot be relied on; then it goes on waiting.
        """
        path = self._path(held.card.task)
        if not path.exists():
            return None
        try:
            found = Review.read(parse_strict(path.read_bytes(), what="review"))
        except (MessageRefused, BadArtifact) as error:
            raise _broken(path, error.what) from error
        if (found.site, found.task, found.card) != (self._site, held.card.task, held.sha256):
            raise _broken(path, "it is about another artifact or site")
        if self._approvers.get(found.person) != found.key:
            raise _broken(path, f"{found.person} may not decide here, or not any more")
        return found

    def act(
        self, door: Door, task: Cause, schema: Schema, rules: Rule, sent: Sent
    ) -> Answer | None:
        """Act on a decision about the answer to `task`, if it waits and there is one.

        Args:
            door: The site's door.
            task: The question, or the publication.
            schema: Of what waits.
            rules: What it must satisfy by now.
            sent: What has left meanwhile.

        Returns:
            The answer, as recorded; None if nothing waits or nobody has decided.

        Raises:
            HeldForReview: If the decision cannot be relied on.
            StorageError: If what is held is not what was recorded, or nothing can be.
        """
        held = door.held(task)
        made = None if held is None else self.made(held)
        if held is None or made is None:
            return None

        def offer() -> Offer:
            return Offer(
                task=task,
                kind=held.card.kind,
                tensors=self._holding.tensors(held, schema),
                patients=held.card.patients,
                schema=schema,
                sent_bytes=sent.for_study(task.study),
                today_bytes=sent.today(),
                privacy=held.card.privacy,
            )

        answer = door.settle(task, made, offer, rules)
        self._holding.drop(held)
        return answer

    def _path(self, task: str) -> Path:
        return self._folder / f"{task}.json"


def _broken(path: Path, what: str) -> HeldForReview:
    return HeldForReview(
        f"{path} cannot be relied on: {what}",
        why="what leaves after a review leaves on a person's signature",
        remedy="remove the file, and decide again: modelward site release or refuse",
    )
