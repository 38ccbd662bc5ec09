"""When the inspector looks at an offer, how thoroughly, and where its figures stay.

    SITE/leakage/TASK.json    figures and their salt; statements about patients, sent to nobody

Full tests on the first round, the last, and every so many (the policy says how many); the
quick ones on every other. The ledger holds the salted hash of the figures.
"""

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward import durable
from modelward.artifact.store import Store
from modelward.core.canonical import Json, canonical_bytes
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import Tensors
from modelward.gate.leaks import Look
from modelward.gate.policy import Leakage
from modelward.privacy.leakage.figures import Inspection
from modelward.site.rooms.inspecting import Inspector


class Looking:
    """An inspector, and what a site asks of it.

    Args:
        inspector: Who looks.
        folder: The site's folder.
        key: The site's signing key, from which salts are made.
        bounds: What the policy says about leakage.
    """

    def __init__(
        self, inspector: Inspector, folder: Path, key: Ed25519PrivateKey, bounds: Leakage
    ) -> None:
        self._inspector, self._folder = inspector, folder / "leakage"
        self._key, self._bounds = key, bounds

    def at(self, task: Task, study: Study, tensors: Tensors, models: Store) -> Look:
        """Return a look at `tensors`, taken when a rule first asks.

        Args:
            task: What they answer.
            study: The study that it belongs to.
            tensors: What would leave.
            models: Where the model of the task lies.
        """
        full = task.round_no in {1, study.plan.rounds}
        full = full or task.round_no % self._bounds.every == 0

        def inspect() -> Inspection | None:
            return self._inspector.inspect(task, study, tensors, models, full=full)

        return kept(self._folder, task.id, salt_of(self._key, task.id), inspect)

    def close(self) -> None:
        """End the inspector."""
        self._inspector.close()


def salt_of(key: Ed25519PrivateKey, task: str) -> bytes:
    """Return the salt of the figures of `task`, 16 bytes, the same after a restart."""
    return key.sign(b"modelward-leakage/1\n" + task.encode())[:16]


def kept(
    folder: Path, task: str, salt: bytes, inspect: Callable[[], Inspection | None]
) -> Look:
    """Return a look whose figures stay in `folder`, with their salt, once they are taken."""

    def taken() -> Inspection | None:
        found = inspect()
        if found is not None:
            durable.make_folder(folder)
            said: dict[str, Json] = {"salt": salt.hex(), "task": task, "figures": found.table()}
            durable.write_whole(folder / f"{task}.json", canonical_bytes(said), mode=0o640)
        return found

    return Look(taken, salt)
