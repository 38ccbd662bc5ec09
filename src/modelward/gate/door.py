"""The one door out: an offer goes in, a release or a refusal comes out, both recorded.

Order, which never changes (docs/gate.md):

    1. judge the offer by every rule; the door fails closed
    2. write the tensors anew, canonically; submitted bytes do not exist for the door
    3. sign the card
    4. append the decision to the ledger, on disk before anything is sent
    5. answer

Where answers are summed behind masks, what is judged stays at the site and something else
leaves in its place (`cover`): the entry then has the hash of both.

A task that already has a decision in the ledger gets the same answer again, from the same
bytes: a crash between two steps costs no second release, and no second look at patients.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.artifact import bundle, card
from modelward.artifact.store import Store, measure
from modelward.core.artifact import Card
from modelward.core.canonical import Json, canonical_hash
from modelward.core.task import Task
from modelward.core.verdict import Answer, Finding, Refusal, Release
from modelward.gate.leaks import Look
from modelward.gate.rules import Offer, Rule
from modelward.ledger import kinds

Cover = Callable[[Offer], Offer]
"""What leaves in place of an offer that has been judged."""


class Record(Protocol):
    """What the door needs of a ledger; ledger/log.py is one."""

    def append(self, fields: Mapping[str, Json], /) -> Mapping[str, Json]:
        """Add an entry and return once it is on disk under a signed checkpoint."""
        ...

    def find(self, task: str) -> Mapping[str, Json] | None:
        """Return the entry that decides `task`, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """A site's door.

    Attributes:
        site: The site's name.
        key: Its signing key.
        outbox: Where released artifacts are kept, to be sent again after a crash.
        ledger: Its ledger.
    """

    site: str
    key: Ed25519PrivateKey
    outbox: Store
    ledger: Record

    def decided(self, task: Task) -> Answer | None:
        """Return the answer that the ledger already holds for `task`, or None."""
        entry = self.ledger.find(task.id)
        if entry is None:
            return None
        if entry["kind"] != "release":
            return Refusal(self.site, task.id)
        return Release(self.site, task.id, self.outbox.artifact(str(entry["sha256"]), task.id))

    def decide(
        self, task: Task, offer: Callable[[], Offer], rules: Rule, cover: Cover | None = None
    ) -> Answer:
        """Return the answer to `task`, judging what `offer` brings unless it is decided.

        Args:
            task: The question.
            offer: Called at most once, and only for a task without a decision.
            rules: What the offer must satisfy.
            cover: What leaves in its place if it does; the offer itself if absent.

        Raises:
            StorageError: If the decision cannot be recorded; then nothing leaves.
        """
        known = self.decided(task)
        if known is not None:
            return known
        offered = offer()
        findings = rules(offered)
        if findings:
            return self.refuse(task, offered.kind, findings, offered.look)
        if cover is None:
            return self._release(task, offered)
        plaintext, _ = measure(bundle.encode(offered.tensors, offered.schema))
        return self._release(task, cover(offered), plaintext=plaintext)

    def _release(self, task: Task, offer: Offer, **judged: Json) -> Release:
        digest, length = self.outbox.put(offer.tensors, offer.schema)
        signed = card.sign(
            Card(
                kind=offer.kind,
                study=task.study,
                round_no=task.round_no,
                task=task.id,
                site=self.site,
                schema=canonical_hash(offer.schema.describe()),
                sha256=digest,
                nbytes=length,
                patients=0 if task.phase else offer.patients,
                privacy=dict(offer.privacy),
                parent=task.model,
            ),
            self.key,
        )
        self.outbox.put_card(signed)
        self.ledger.append(
            kinds.fields(
                "release",
                **_asked(task, offer.kind),
                sha256=digest,
                bytes=length,
                patients=offer.patients,
                privacy=signed.privacy,
                **judged,
                **_looked(offer.look),
            )
        )
        return Release(self.site, task.id, self.outbox.artifact(digest, task.id, offer.schema))

    def refuse(
        self, task: Task, kind: str, findings: tuple[Finding, ...], look: Look | None = None
    ) -> Refusal:
        """Record that nothing leaves for `task`, and why; return the refusal.

        Args:
            task: The question.
            kind: Kind of the artifact that was asked for.
            findings: At least one.
            look: The inspector's, if there was one.
        """
        self.ledger.append(
            kinds.fields(
                "refusal",
                **_asked(task, kind),
                findings=[
                    {"rule": finding.rule, "says": finding.says, "remedy": finding.remedy}
                    for finding in findings
                ],
                **_looked(look),
            )
        )
        return Refusal(self.site, task.id)


def _asked(task: Task, kind: str) -> dict[str, Json]:
    """Return the fields that every entry about a task starts with."""
    return {
        "study": task.study,
        "round": task.round_no,
        "task": task.id,
        "artifact": kind,
    }


def _looked(look: Look | None) -> dict[str, Json]:
    """Return the salted hash of the inspector's figures, where it has looked."""
    if look is None or not look.taken:
        return {}
    digest = look.digest
    return {} if digest is None else {"leakage": digest}
