"""What hiding an update in a sum costs: seconds and bytes of each site, seconds of the hub.

    python -m bench.masks [--sites 40] [--parameters 1000000] [--drops 5] [--levels 127]

All sites of one round in this process, one after the other, on one thread; a site's seconds
are those of its own five messages: encoding, keys, shares, masks, signature, shares again. Some
sites fall silent after their masked words were due, so the hub has to rebuild their keys. The
sum is held against the plain one. Bytes are those of the bundles that leave, as any artifact.
With `--levels` updates are coded before they are masked (privacy/masks/coded.py).
"""

import argparse
import secrets
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.artifact import bundle
from modelward.core.task import MASK_PHASES, Task
from modelward.core.tensors import Schema, TensorSpec
from modelward.privacy.masks import exchange, hub, site
from modelward.privacy.masks.coded import Code, words_of
from modelward.privacy.masks.messages import FromSite, ToSite
from modelward.privacy.masks.seat import Seat
from modelward.privacy.masks.session import Session
from modelward.privacy.masks.words import answer_words
from modelward.recipes.layers.draws import draws

LEAVES_AT = 2
"""Exchange that those who fall silent do not answer: that of the masked words."""

PATIENTS = 100
"""Of each site."""


class Memory:
    """A journal in memory: disks are measured by bench.wire."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def once(self, name: str, value: bytes, /) -> bytes:
        """Keep `value` unless something is there; return what is kept."""
        return self._kept.setdefault(name, value)


def updates(sites: int, size: int) -> tuple[Schema, list[np.ndarray]]:
    """Return the schema of an update, and one on its grid for each site."""
    draw = np.random.default_rng(0)
    made = [draw.integers(-(2**20), 2**20, size).astype(np.float32) for _ in range(sites)]
    return Schema.of(TensorSpec("w", "F32", (size,))), [each * 2.0**-24 for each in made]


@dataclass
class Round:
    """One round, and what it took so far.

    Attributes:
        session: The round.
        seats: The sites.
        took: Seconds of each site.
        sent: Bytes of each site.
        hub_s: Seconds of the hub.
    """

    session: Session
    seats: Mapping[str, Seat]
    took: dict[str, float]
    sent: Counter[str] = field(default_factory=Counter)
    hub_s: float = 0.0

    def play(self, drops: int) -> hub.State:
        """Return the hub's state at the end; the last `drops` sites send no words."""
        states: dict[str, site.State] = {}
        centre, told = hub.State(self.session), dict[str, ToSite]()
        for phase, named in enumerate(MASK_PHASES):
            due = sorted(told) or sorted(self.seats)
            for name in due[: len(due) - drops] if phase == LEAVES_AT else due:
                said: FromSite
                began = time.perf_counter()
                if phase == 0:
                    states[name], said = site.begin(self.seats[name], secrets.token_bytes(32))
                else:
                    states[name], said = site.step(states[name], told[name])
                self.took[name] += time.perf_counter() - began
                self.sent[name] += weight(self.session, said, phase)
                began = time.perf_counter()
                centre = hub.receive(centre, name, said)
                self.hub_s += time.perf_counter() - began
            if named != MASK_PHASES[-1]:
                centre, told = hub.close(centre)
        return centre


def seated(sites: int, size: int, levels: int | None) -> Round:
    """Return a round of sites with updates; the encoding of words counts as their time."""
    code = None if levels is None else Code(2**20 // levels, levels, PATIENTS)
    schema, vectors = updates(sites, size)
    own = {f"site{number:02d}": Ed25519PrivateKey.generate() for number in range(sites)}
    roster = tuple((n, key.public_key().public_bytes_raw().hex()) for n, key in own.items())
    question = Task(study="0" * 64, round_no=1, kind="train", model="0" * 64)
    session = exchange.session_of(question, schema, dict(roster), code)
    took, seats = dict[str, float](), dict[str, Seat]()
    for (name, key), vector in zip(own.items(), vectors, strict=True):
        began = time.perf_counter()
        if code is None:
            words = answer_words({"w": vector}, schema, PATIENTS, sites)
        else:
            words = words_of(vector, PATIENTS, code, (sites, sites), draws("bench", name))
        took[name] = time.perf_counter() - began
        seats[name] = Seat(session, name, key, words, Memory())
    return Round(session, seats, took)


def measure(sites: int, size: int, drops: int, levels: int | None) -> None:
    """Play one round and print what it took."""
    played = seated(sites, size, levels)
    centre = played.play(drops)
    began = time.perf_counter()
    total = hub.finish(centre)
    unmask_s = time.perf_counter() - began
    stayed = sorted(centre.said[LEAVES_AT])
    plain = [played.seats[name].words for name in stayed]
    if not np.array_equal(total, np.add.reduce(plain, dtype=total.dtype)):
        raise SystemExit("the sum is not the plain one")
    seconds = [played.took[name] for name in stayed]
    print(
        f"{sites} sites, {size:,} parameters, {drops} silent\n"
        f"a site  {median(seconds):.2f} s (at most {max(seconds):.2f}), "
        f"{max(played.sent.values()) / 1e6:.2f} MB up\n"
        f"the hub {played.hub_s:.2f} s to add and check, {unmask_s:.2f} s to take masks off"
    )


def weight(session: Session, said: FromSite, phase: int) -> int:
    """Return the bytes of the bundle in which `said` leaves a site."""
    tensors = exchange.said(session, said)
    chunks = bundle.encode(tensors, exchange.said_schema(session, MASK_PHASES[phase]))
    return sum(len(memoryview(each).cast("B")) for each in chunks)


def main() -> None:
    """Read the command line and measure."""
    reader = argparse.ArgumentParser(prog="python -m bench.masks")
    reader.add_argument("--sites", type=int, default=40)
    reader.add_argument("--parameters", type=int, default=1_000_000)
    reader.add_argument("--drops", type=int, default=5)
    reader.add_argument("--levels", type=int, help="steps each way of a code; none if absent")
    asked = reader.parse_args()
    measure(asked.sites, asked.parameters, asked.drops, asked.levels)


if __name__ == "__main__":
    main()
