"""The one door out: an offer goes in, a release or a refusal comes out, both recorded.

What the policy has reviewed waits behind the door until a person has decided (hold.py).

Order, which never changes (docs/gate.md):

    1. judge the offer by every rule; the door fails closed. What is to be reviewed is kept
       and recorded as held here, and goes on from here, judged again, when it is released
    2. write the tensors anew, canonically; submitted bytes do not exist for the door
    3. sign the card
    4. append the decision to the ledger, on disk before anything is sent
    5. answer

Where answers are summed behind masks, or coded, what is judged stays at the site and something
else leaves in its place (`cover`): the entry then has the hash of both.

A task that already has a decision in the ledger gets the same answer again, from the same
bytes: a crash between two steps costs no second release, and no second look at patients.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.artifact import bundle, card
from modelward.artifact.review import Review
from modelward.artifact.store import Store, measure
from modelward.core.artifact import Card
from modelward.core.canonical import Json, canonical_hash
from modelward.core.task import Cause
from modelward.core.verdict import Answer, Finding, Refusal, Release
from modelward.errors import HeldForReview, StorageError
from modelward.gate.hold import Held, Holding, waiting
from modelward.gate.leaks import Look
from modelward.gate.offer import Offer, Rule
from modelward.ledger import kinds

Cover = Callable[[Offer], Offer]
"""What leaves in place of an offer that has been judged."""

_NOT_REVIEWABLE = Finding(
    "hold",
    "the policy has this kind of artifact reviewed, and the study sends it masked or coded",
    "take the kind out of [review], or decline studies with secure aggregation or an uplink",
)
"""Found of an answer that leaves in another form than a person would have to see first."""


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
        holding: What waits for a person; None where nothing is ever held.
    """

    site: str
    key: Ed25519PrivateKey
    outbox: Store
    ledger: Record
    holding: Holding | None = None

    def decided(self, task: Cause) -> Answer | None:
        """Return the answer that the ledger already holds for `task`, or None.

        Raises:
            HeldForReview: If it waits for a person.
        """
        return self.decided_on(task.id)

    def decided_on(self, task: str) -> Answer | None:
        """Return the answer that the ledger already holds for the task with this id, or None.

        Raises:
            HeldForReview: If it waits for a person.
        """
        entry = self.ledger.find(task)
        if entry is None:
            return None
        if entry["kind"] == "hold":
            raise waiting(self.site, task, str(entry["awaits"]))
        if entry["kind"] != "release":
            return Refusal(self.site, task)
        return Release(self.site, task, self.outbox.artifact(str(entry["sha256"]), task))

    def left(self, task: str) -> tuple[str, int] | None:
        """Return hash and units of what left for the task with this id, or None.

        None as well if it waits for a person: what waits has not left.
        """
        try:
            answer = self.decided_on(task)
        except HeldForReview:
            return None
        if not isinstance(answer, Release):
            return None
        return answer.artifact.card.sha256, answer.artifact.card.patients

    def decide(
        self, task: Cause, offer: Callable[[], Offer], rules: Rule, cover: Cover | None = None
    ) -> Answer:
        """Return the answer to `task`, judging what `offer` brings unless it is decided.

        Args:
            task: The question.
            offer: Called at most once, and only for a task without a decision.
            rules: What the offer must satisfy.
            cover: What leaves in its place if it does; the offer itself if absent.

        Raises:
            HeldForReview: If it has to wait for a person; it is on disk, and recorded.
            StorageError: If the decision cannot be recorded; then nothing leaves.
        """
        known = self.decided(task)
        if known is not None:
            return known
        offered = offer()
        findings = rules(offered)
        if findings:
            return self.refuse(task, offered.kind, findings, offered.look)
        said = _looked(offered.look)
        if self.holding is not None and offered.kind in self.holding.kinds:
            if cover is not None:
                return self.refuse(task, offered.kind, (_NOT_REVIEWABLE,), offered.look)
            raise self._hold(task, offered, self.holding)
        if cover is None:
            return self._release(task, offered, said)
        plaintext, _ = measure(bundle.encode(offered.tensors, offered.schema))
        return self._release(task, cover(offered), {**said, "plaintext": plaintext})

    def held(self, task: Cause) -> Held | None:
        """Return what waits to answer `task`, as the ledger has it; None if nothing does.

        Raises:
            StorageError: If what lies there is not what was recorded.
        """
        entry = self.ledger.find(task.id)
        if entry is None or entry["kind"] != "hold" or self.holding is None:
            return None
        held = self.holding.read(task.id)
        if held.sha256 != entry.get("card"):
            raise StorageError(
                f"what is held for task {task.id[:12]}… is not what the ledger says",
                why="what is to leave must be what was judged",
                remedy="restore the folder held/ from a backup, or refuse the artifact",
            )
        return held

    def settle(
        self, task: Cause, made: Review, offer: Callable[[], Offer], rules: Rule
    ) -> Answer:
        """Act on what a person decided about the answer to `task` that waits.

        A release is judged again: a policy that was tightened while it waited holds, and the
        bytes of other releases since count. The inspector does not look a second time.

        Args:
            task: The question, for which something is held.
            made: The decision, checked to be of somebody who may decide about this card.
            offer: What waits; called for a release only.
            rules: What it must satisfy now.

        Raises:
            StorageError: If the decision cannot be recorded; then nothing leaves.
        """
        entry = self.ledger.find(task.id)
        if entry is None or entry["kind"] != "hold":
            raise AssertionError("only what is held is settled")
        said: dict[str, Json] = {"by": made.person, "key": made.key, "review": made.sha256}
        if "leakage" in entry:
            said["leakage"] = entry["leakage"]
        if made.word == "released":
            waits = offer()
            findings = rules(waits)
            if not findings:
                return self._release(task, waits, said)
        else:
            findings = (_refused_by(made),)
        return self._refuse(task, str(entry["artifact"]), findings, said)

    def _hold(self, task: Cause, offer: Offer, holding: Holding) -> HeldForReview:
        """Keep the offer and record that it waits; return what says so."""
        digest, length = measure(bundle.encode(offer.tensors, offer.schema))
        held = holding.put(self._card(task, offer, digest, length), offer.tensors, offer.schema)
        self.ledger.append(
            kinds.fields(
                "hold",
                **_asked(task, offer.kind),
                findings=_told(held.findings),
                awaits=holding.awaits,
                card=held.sha256,
                **_looked(offer.look),
            )
        )
        return waiting(self.site, task.id, holding.awaits)

    def _card(self, task: Cause, offer: Offer, digest: str, length: int) -> Card:
        return Card(
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
        )

    def _release(self, task: Cause, offer: Offer, said: Mapping[str, Json]) -> Release:
        digest, length = measure(bundle.encode(offer.tensors, offer.schema))
        signed = card.sign(self._card(task, offer, digest, length), self.key)
        self.outbox.put_signed(offer.tensors, offer.schema, signed)
        self.ledger.append(
            kinds.fields(
                "release",
                **_asked(task, offer.kind),
                sha256=digest,
                bytes=length,
                patients=offer.patients,
                privacy=signed.privacy,
                **({} if offer.cut is None else {"cut": offer.cut}),
                **said,
            )
        )
        return Release(self.site, task.id, self.outbox.artifact(digest, task.id, offer.schema))

    def refuse(
        self, task: Cause, kind: str, findings: tuple[Finding, ...], look: Look | None = None
    ) -> Refusal:
        """Record that nothing leaves for `task`, and why; return the refusal.

        Args:
            task: The question.
            kind: Kind of the artifact that was asked for.
            findings: At least one.
            look: The inspector's, if there was one.
        """
        return self._refuse(task, kind, findings, _looked(look))

    def _refuse(
        self, task: Cause, kind: str, findings: tuple[Finding, ...], said: Mapping[str, Json]
    ) -> Refusal:
        self.ledger.append(
            kinds.fields("refusal", **_asked(task, kind), findings=_told(findings), **said)
        )
        return Refusal(self.site, task.id)


def _asked(task: Cause, kind: str) -> dict[str, Json]:
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


def _told(findings: tuple[Finding, ...]) -> list[Json]:
    """Return findings as the ledger has them."""
    return [asdict(finding) for finding in findings]


def _refused_by(made: Review) -> Finding:
    because = f": {made.reason}" if made.reason else ""
    return Finding(
        rule="hold",
        says=f"{made.person} looked at it and refused it{because}",
        remedy="ask that person; the task can have no other answer",
    )
