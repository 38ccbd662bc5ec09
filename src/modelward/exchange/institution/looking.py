"""The institution's side of the inspection: hands in an offer, takes out figures.

    exchange/inspection/see/     examples, question and shared set, for the inspector to read
    exchange/inspection/in/      the offer, and the base of an adapter
    SITE/inspector.log           what the inspector prints; stays here
    SITE/leakage/TASK.json       figures and their salt; about patients, and sent to nobody

All tests run at every offer: offers are few. Without figures the gate refuses. What the card
tells the others is `told`: which tests ran and that nothing above the policy's bounds was
found, with the salted hash that the ledger has; never a figure.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward import durable
from modelward.artifact import bundle
from modelward.artifact.store import Store
from modelward.core.canonical import parse_strict
from modelward.core.tensors import Schema
from modelward.errors import BadArtifact, ModelwardError
from modelward.exchange.documents.question import Question
from modelward.exchange.families.family import Inputs
from modelward.exchange.institution.examples import read_examples
from modelward.exchange.institution.inspection import Looker, Subject
from modelward.exchange.institution.inspector import EXAMPLES, QUESTION, SHARED
from modelward.gate.leaks import Look
from modelward.gate.policy import Isolation, Leakage
from modelward.privacy.leakage.figures import Inspection
from modelward.site.isolation.view import TRAINER_UID
from modelward.site.rooms.looking import kept, salt_of
from modelward.site.rooms.trainer_line import Line, child

PATIENCE_S = 300.0
"""Seconds that one look may take; a student of predictions is taught in it."""

TRIES = 2
"""How often one offer is looked at: an inspector that was killed says nothing about it."""

READ_ONLY = 0o440


class Inspector(Protocol):
    """Who looks at offers. Implementations: `DirectInspector`, `IsolatedInspector`."""

    def inspect(self, subject: Subject, similarity: float) -> Inspection | None:
        """Return the figures of an offer, or None if there are none."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class DirectInspector:
    """Looks in this process, for simulations and tests.

    Args:
        folder: The institution's `exchange` folder.
        question: What is answered.
    """

    def __init__(self, folder: Path, question: Question) -> None:
        self._folder, self._question = folder, question

    def inspect(self, subject: Subject, similarity: float) -> Inspection | None:
        """Return the figures of an offer."""
        own = read_examples(self._folder / EXAMPLES, self._question)
        return Looker(self._question, own, self._shared(), similarity).look(subject)

    def close(self) -> None:
        """Do nothing: nothing is held."""

    def _shared(self) -> Inputs | None:
        if self._question.shared is None:
            return None
        return bundle.parse_any((self._folder / SHARED).read_bytes())["x"]


class IsolatedInspector:
    """Looks in a process that is kept apart, started when it is first needed.

    A site whose trainer is a unit of systemd gets namespaces here: the network's inspector has
    no unit of its own.

    Args:
        folder: The institution's `exchange` folder.
        isolation: How the policy keeps it apart.
    """

    def __init__(self, folder: Path, isolation: Isolation) -> None:
        self._folder, self._namespaces = folder.resolve(), isolation != "none"
        self._line: Line | None = None

    def inspect(self, subject: Subject, similarity: float) -> Inspection | None:
        """Return the figures of an offer; None if the inspector failed, died or was slow."""
        try:
            self._show()
            inside = self._room / "in"
            durable.make_folder(inside)
            for old in inside.iterdir():
                old.unlink()
            store = Store(inside)
            schema = Schema.from_tensors(subject.tensors)
            base = None
            if subject.base is not None:
                base = store.put(subject.base, Schema.from_tensors(subject.base))[0]
            return self._ask(
                {
                    "kind": subject.kind,
                    "made": subject.made.model_dump(mode="json"),
                    "offer": store.put(subject.tensors, schema)[0],
                    "base": base,
                    "seed": subject.seed,
                    "similarity": similarity,
                }
            )
        except (OSError, ModelwardError):
            return None

    def close(self) -> None:
        """End the inspector."""
        if self._line is not None:
            self._line.close()
            self._line = None

    @property
    def _room(self) -> Path:
        return self._folder / "inspection"

    def _ask(self, asked: dict[str, object]) -> Inspection | None:
        for _ in range(TRIES):
            self._line = self._line or self._start()
            reply = self._line.ask(asked, PATIENCE_S)
            if reply is not None:
                try:
                    return Inspection.read(reply.get("figures"))
                except BadArtifact:
                    return None
            self.close()
        return None

    def _start(self) -> Line:
        for name in ("root", "out"):
            durable.make_folder(self._room / name)
        view: dict[str, str | int | bool] = {
            "root": str(self._room / "root"),
            "snapshot": str(self._room / "see"),
            "models": str(self._room / "in"),
            "outbox": str(self._room / "out"),
            "largest_file": 0,
            "namespaces": self._namespaces,
        }
        log = self._folder.parent / "inspector.log"
        return child(view, log, "modelward.exchange.institution.inspector")

    def _show(self) -> None:
        """Have the inspector's copies be what lies in the exchange folder now."""
        see = self._room / "see"
        durable.make_folder(see)
        for name in (EXAMPLES, QUESTION, SHARED):
            source, copy = self._folder / name, see / name
            if not source.exists():
                continue
            now = source.stat()
            if copy.exists() and copy.stat().st_mtime_ns == now.st_mtime_ns:
                continue
            self.close()  # it may have the old ones open
            durable.write_whole(copy, _blocks(source), mode=READ_ONLY)
            if os.geteuid() == 0:  # the inspector is another user then
                os.chown(copy, 0, TRAINER_UID)
            os.utime(copy, ns=(now.st_atime_ns, now.st_mtime_ns))


class Looking:
    """An inspector, and where its figures stay.

    Args:
        inspector: Who looks.
        site: The site's folder.
        key: The site's signing key, from which salts are made.
        bounds: What the policy says about leakage.
    """

    def __init__(
        self, inspector: Inspector, site: Path, key: Ed25519PrivateKey, bounds: Leakage
    ) -> None:
        self._inspector, self._folder = inspector, site / "leakage"
        self._key, self._bounds = key, bounds

    def at(self, task: str, subject: Subject) -> Look:
        """Return a look at an offer, taken when a rule first asks."""

        def inspect() -> Inspection | None:
            return self._inspector.inspect(subject, self._bounds.similarity)

        return kept(self._folder, task, salt_of(self._key, task), inspect)

    def told(self, task: str, subject: Subject, digest: str) -> dict[str, str | int | float]:
        """Return what the card of a released publication says of its look.

        Args:
            task: The publication.
            subject: What was looked at.
            digest: The salted hash in its ledger entry.

        Raises:
            BadArtifact: If the figures at hand are not those of the ledger.
        """
        table = {}
        with suppress(OSError):
            raw = (self._folder / f"{task}.json").read_bytes()
            table = parse_strict(raw, what="figures of a look")
        found = Inspection.read(table.get("figures"))
        if Look(lambda: found, salt_of(self._key, task)).digest != digest:
            raise BadArtifact(
                f"the figures of {task[:12]}… are not those of its ledger entry",
                why="a card says what was measured of these bytes, and nothing else",
                remedy="restore leakage/ from a backup, or offer it again as a new version",
            )
        ran = ["copies"]
        ran += ["inversion"] if subject.has_layer else []
        ran += ["likeness"] if found.likeness is not None else []
        ran += ["means"] if found.astray is not None else []
        ran += ["membership"] if found.membership else []
        return {
            "tests": " ".join(ran),
            "found": "nothing above the bounds",
            "copies_from": self._bounds.copies,
            "similarity": self._bounds.similarity,
            "membership_above": self._bounds.membership,
            "figures": digest,
        }

    def close(self) -> None:
        """End the inspector."""
        self._inspector.close()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            yield block
