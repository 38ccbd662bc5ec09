"""A simulated wire with real hospitals behind it, and faults on request.

Patients are invented (tests/studies.py); site, gate and ledger are the real ones. A fault
turns one site's answer of one round into what a broken or hostile site would send:

    silent    nothing, ever          late      nothing now, and the answer a round later
    refusing  a refusal              twice     the same answer two times
    longer    an update past the bound         nan       not a number
    crowd     2^40 patients                    nobody    0 patients
    replay    the last round's answer again    stranger  signed with another key
    crash     the wire breaks

What is changed is signed again with the site's own key: the lie is a proper artifact.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.artifact import card
from modelward.artifact.store import Store
from modelward.core.artifact import Artifact, Card
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal, Release
from modelward.errors import EngineFailed
from modelward.gate.policy import Policy
from modelward.site.hospital import Hospital
from tests.ledgers import STRANGER
from tests.studies import hospital, make_site

Fault = Literal[
    "silent", "late", "refusing", "twice", "longer", "nan", "crowd", "nobody", "replay",
    "stranger", "crash",
]  # fmt: skip

Planned = Mapping[tuple[str, int], Fault]
"""(site, round) -> what goes wrong there."""

LIES: tuple[Fault, ...] = ("longer", "nan", "crowd", "nobody", "replay", "stranger")
"""Faults that the hub must see through."""

SEEDS = {"north": 1, "south": 2, "west": 3}
"""Sites, and the seeds of their patients and keys."""

PATIENTS = {"north": 150, "south": 130, "west": 90}


class Wards:
    """An engine over real hospitals of this process.

    Args:
        folder: Holds a folder for each site; they are written if they are missing.
        studies: What the sites take part in.
        models: The hub's store.
        faults: What goes wrong, and where.
        kind: Task kind that faults concern; for an exchange such as `train/masked`.
        order: In which the sites that are asked answer.
        seeds: The sites, each with the seed of its patients and key.
        policy: Of every site; that of a simulation if absent.
    """

    def __init__(
        self,
        folder: Path,
        studies: Sequence[Study],
        models: Path,
        *,
        faults: Planned | None = None,
        kind: str = "train",
        order: Callable[[Sequence[str]], Iterable[str]] = iter,
        seeds: Mapping[str, int] = SEEDS,
        policy: Policy | None = None,
    ) -> None:
        self._order = order
        self.faults, self.kind = dict(faults or {}), kind
        self.asked: list[tuple[str, int, str]] = []
        self._models = Store(models)
        self._late: list[Answer] = []
        self._last: dict[str, Release] = {}
        self.hospitals: dict[str, Hospital] = {}
        for name, seed in seeds.items():
            if not (folder / name).exists():
                make_site(folder / name, PATIENTS.get(name, 100), seed)
            self.hospitals[name] = hospital(folder / name, name, *studies, policy=policy)
        self.pin(*studies)

    @property
    def keys(self) -> dict[str, Ed25519PublicKey]:
        """Public keys of the sites."""
        return {name: site.door.key.public_key() for name, site in self.hospitals.items()}

    def ask(
        self,
        task: Task,
        sites: Sequence[str],
        *,
        deadline_s: float | None,  # noqa: ARG002 - silence is over at once here
    ) -> Iterator[Answer]:
        """Ask the sites; see `core.ports.Engine`."""
        late, self._late = self._late, []
        yield from late
        for name in self._order(sites):
            self.asked.append((name, task.round_no, task.kind))
            answer = self.hospitals[name].answer(task, self._models)
            yield from self._sent(name, task, answer)
            if isinstance(answer, Release):
                self._last[name] = answer

    def pin(self, *studies: Study) -> None:
        """Have every site sum behind masks with these, and only these, sites."""
        roster = {name: key.public_bytes_raw().hex() for name, key in self.keys.items()}
        for site in self.hospitals.values():
            for study in studies:
                site.join(study, roster)

    def close(self) -> None:
        """Release the ledgers."""
        for site in self.hospitals.values():
            site.close()

    def _sent(self, name: str, task: Task, answer: Answer) -> Iterator[Answer]:
        """Yield what arrives of `answer`."""
        concerned = task.kind if task.phase is None else f"{task.kind}/{task.phase}"
        fault = self.faults.get((name, task.round_no)) if concerned == self.kind else None
        if fault == "crash":
            raise EngineFailed("the wire broke", why="a test broke it", remedy="run again")
        if fault == "late":
            self._late.append(answer)
        elif fault == "refusing":
            yield Refusal(name, task.id)
        elif fault == "twice":
            yield answer
            yield answer
        elif fault in LIES and isinstance(answer, Release):
            yield self._lie(fault, answer)
        elif fault != "silent":
            yield answer

    def _lie(self, fault: Fault, answer: Release) -> Release:
        """Return what the site sends instead of `answer`."""
        if fault == "replay":
            return replace(self._last[answer.site], task=answer.task)
        if fault == "stranger":
            return _signed_again(answer, lambda found: card.sign(found.card, STRANGER))
        key = self.hospitals[answer.site].door.key
        if fault in {"crowd", "nobody"}:
            patients = 2**40 if fault == "crowd" else 0
            return _signed_again(
                answer, lambda found: card.sign(replace(found.card, patients=patients), key)
            )
        value = np.float32(60.0 if fault == "longer" else np.nan)
        tensors = {n: np.full_like(v, value) for n, v in answer.artifact.tensors.items()}
        lie = Artifact(answer.artifact.card, tensors)
        return replace(answer, artifact=Artifact(card.sign(lie.card, key), tensors))


def _signed_again(answer: Release, sign: Callable[[Artifact], Card]) -> Release:
    found = answer.artifact
    return replace(answer, artifact=Artifact(sign(found), found.tensors))
