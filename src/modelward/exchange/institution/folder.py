"""An institution in the network, as files in its site folder.

    site.key policy.toml ledger/ outbox/     as for studies: one gate, one ledger
    exchange/question.json                   what is answered
    exchange/shared.safetensors              the shared set, if the question has one
    exchange/introduction.json members/      who we are, and who else is in (members.py)
    exchange/sealing.key                     opens what is sealed for us
    exchange/intake.toml                     what we take in
    exchange/book.sqlite                     what was said (book.py)
    exchange/sealed/ taken/                  sealed artifacts on their way out; pulled ones
    exchange/data.npz                        own examples; never leaves

A site that its witnesses have stopped, as a node on a wire, says nothing here either
(site/budget/lost.py).

Everything a command does begins with `Institution.open`; verbs are in offering.py,
reading.py, pulling.py, judging.py, adopting.py and governing.py.
"""

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from modelward import durable
from modelward.artifact.store import Store
from modelward.core.clock import stamp
from modelward.core.ports import Carrier
from modelward.errors import EngineFailed, NotAdmitted
from modelward.exchange.documents import letter as letters
from modelward.exchange.documents import members, question
from modelward.exchange.documents.intake import Intake, read_intake
from modelward.exchange.documents.letter import Letter
from modelward.exchange.documents.members import Member
from modelward.exchange.documents.seal import Draw
from modelward.exchange.families.family import Inputs
from modelward.exchange.institution.book import Book
from modelward.exchange.institution.examples import read_shared
from modelward.exchange.institution.looking import Inspector, IsolatedInspector, Looking
from modelward.gate.door import Door
from modelward.gate.hold import Holding
from modelward.gate.policy import Policy
from modelward.gate.policy_file import read_policy
from modelward.joining.keys import signing_key
from modelward.ledger import kinds
from modelward.ledger.log import Ledger
from modelward.ledger.note import Signer
from modelward.privacy.budget import Ceilings
from modelward.site.approving.policy_record import note_policy
from modelward.site.approving.reviews import Reviews
from modelward.site.budget import lost
from modelward.site.budget.spending import Spending
from modelward.site.keeping.sent import Sent

Clock = Callable[[], datetime]


class Institution:
    """An open institution; get one from `Institution.open`, then `close` it.

    Attributes:
        site: Its site folder.
        folder: Its `exchange` folder.
        name: As it signs.
        key: Its signing key.
        carrier: The wire.
        clock: The time.
        draw: Where random bytes come from.
        book: What was said.
        ledger: Its ledger.
        door: Its gate.
        sent: Bytes that have left.
        looking: Who looks at offers before they leave.
        spending: What is left of its patients' privacy, over studies and the network.
        policy: What may leave.
        intake: What may come in.
        question: What is answered.
        members: Who is in the network, itself included.
    """

    def __init__(
        self,
        site: Path,
        carrier: Carrier,
        clock: Clock,
        draw: Draw,
        inspector: Callable[[Path, question.Question], Inspector] | None,
    ) -> None:
        self.site, self.folder = site, site / "exchange"
        self.carrier, self.clock, self.draw = carrier, clock, draw
        self.members = members.members(self.folder / "members")
        own = members.read(_bytes(self.folder / "introduction.json"))
        self.name = own.name
        self.question = question.from_json(_bytes(self.folder / "question.json"))
        self.intake: Intake = read_intake(self.folder / "intake.toml")
        self.policy: Policy = read_policy(site / "policy.toml")
        self.key = signing_key(site / "site.key")
        self.sealing = sealing_key(self.folder / "sealing.key")
        self.taken = Store(self.folder / "taken")
        signer = Signer(f"modelward/{self.name}", self.key)
        self.ledger = Ledger.open(
            site / "ledger", origin=signer.name, private_key=self.key, clock=clock
        )
        self.ledger.halted = lambda: lost.standing(site, signer.name)
        self._noted = max((str(entry["time"]) for entry in self.ledger), default="")
        note_policy(self.ledger, self.policy)
        people = ", ".join(sorted(self.policy.approvers))
        holding = Holding(site / "held", self.policy.review, people)
        self.door = Door(self.name, self.key, Store(site / "outbox"), self.ledger, holding)
        self.reviews = Reviews(site, self.name, self.policy.approvers)
        self.sent = Sent(self.ledger, clock)
        looks = inspector(self.folder, self.question) if inspector else None
        looks = looks or IsolatedInspector(self.folder, self.policy.isolation)
        self.looking = Looking(looks, site, self.key, self.policy.leakage)
        ceilings = Ceilings(
            self.policy.epsilon_study, self.policy.epsilon_lifetime, self.policy.delta
        )
        self.spending = Spending(site, self.ledger, ceilings)
        lost.book_gaps(self.ledger, self.spending, signer.name, lost.known(site))
        self.book = Book(self.folder / "book.sqlite")

    @classmethod
    def open(
        cls,
        site: Path,
        carrier: Carrier,
        *,
        clock: Clock,
        draw: Draw = os.urandom,
        inspector: Callable[[Path, question.Question], Inspector] | None = None,
    ) -> Self:
        """Open the institution in a site folder.

        Args:
            site: The folder.
            carrier: The wire.
            clock: The time.
            draw: Where random bytes come from.
            inspector: Makes who looks at offers; isolated as the policy says if absent.

        Raises:
            NotAdmitted: If it has not introduced itself.
            BadArtifact: If question or shared set are not what they should be.
            StorageError: If another process holds its ledger.
        """
        return cls(site, carrier, clock, draw, inspector)

    @property
    def now(self) -> datetime:
        """The time."""
        return self.clock()

    @property
    def behind(self) -> timedelta:
        """How far the clock is behind what the ledger has been dated; zero if it is not."""
        if (last := self.ledger.last) is not None:
            self._noted = max(self._noted, str(last["time"]))
        noted = datetime.fromisoformat(self._noted) if self._noted else self.now
        return max(noted - self.now, timedelta())

    @property
    def terms_at(self) -> datetime:
        """The time that terms are asked at: no clock that was set back undoes an expiry."""
        return self.now + self.behind

    def peer(self, name: str) -> Member:
        """Return an admitted institution.

        Raises:
            NotAdmitted: If there is none of that name.
        """
        if name not in self.members:
            raise NotAdmitted(
                f"{name} is not admitted here",
                why="only institutions whose keys were compared are heard",
                remedy="take its introduction.json, compare, and modelward exchange admit",
            )
        return self.members[name]

    def shared(self) -> Inputs:
        """Return the shared set.

        Raises:
            BadArtifact: If it is not the one that the question names.
        """
        return read_shared(self.folder / "shared.safetensors", self.question)

    def say(
        self, kind: letters.Kind, body: Mapping[str, Any], *, card: str | None = None
    ) -> Letter:
        """Write the next letter of our box: ledger, then book, then the wire.

        A wire that is down delays it: it is posted the next time (`deliver`).
        """
        place = self.book.place(self.name)
        said = Letter(
            kind=kind,
            question=self.question.sha256,
            sender=self.name,
            number=place.number + 1,
            previous=place.digest,
            issued=stamp(self.now),
            body=dict(body),
        )
        raw = letters.write(said, self.key)
        about = {"card": card} if card else {}
        self.ledger.append(
            kinds.fields(
                "letter",
                study=self.question.sha256,
                number=said.number,
                about=kind,
                sha256=letters.digest(raw),
                **about,
            )
        )
        self.book.keep(said, raw, posted=False)
        return said

    def deliver(self) -> int:
        """Post what is not posted yet; return how many letters still wait."""
        waiting = self.book.unposted(self.name)
        try:
            for number, raw in waiting:
                for sealed in self._sealed(raw):
                    self.carrier.put(sealed, self.folder / "sealed" / sealed)
                self.carrier.post(number, raw)
                self.book.mark_posted(self.name, number)
        except EngineFailed:
            return len(self.book.unposted(self.name))
        return 0

    def close(self) -> None:
        """Let go of inspector, ledger, book and wire."""
        self.looking.close()
        self.book.close()
        self.ledger.close()
        self.carrier.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sealed(self, raw: bytes) -> list[str]:
        said = Letter.model_validate_json(raw, strict=True)
        return [said.body["sealed"]["sha256"]] if said.kind == "offer" else []


def prepare(site: Path, name: str, asked: question.Question, now: datetime) -> str:
    """Make an institution's keys and introduction; return the fingerprint to compare.

    A second call with the same name changes nothing. The institution admits itself.
    """
    folder = site / "exchange"
    for part in (folder, folder / "members", folder / "sealed"):
        durable.make_folder(part)
    path = folder / "introduction.json"
    if not path.exists():
        key: Ed25519PrivateKey = signing_key(site / "site.key")
        said = members.introduce(name, key, sealing_key(folder / "sealing.key"), stamp(now))
        durable.write_whole(path, said.to_bytes())
    own = members.read(path.read_bytes())
    if own.name != name:
        raise NotAdmitted(
            f"{folder} is the institution {own.name}",
            why="an institution has one name in the network",
            remedy="use another folder, or its own name",
        )
    members.admit(folder / "members", own, own.spoken)
    text = asked.model_dump_json(exclude_none=True).encode()
    durable.write_whole(folder / "question.json", text)
    return own.spoken


def sealing_key(path: Path) -> X25519PrivateKey:
    """Return the X25519 key stored at `path`, raw, making one if there is none."""
    if not path.exists():
        made = X25519PrivateKey.generate()
        durable.write_once(path, made.private_bytes_raw(), mode=0o600)
    return X25519PrivateKey.from_private_bytes(_bytes(path))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotAdmitted(
            f"{path} cannot be read: {error.strerror}",
            why="an institution is known by what lies in its exchange folder",
            remedy="begin with: modelward exchange init SITE --name NAME --question FILE",
        ) from error
