"""`python -m bench.exchange.catalogue`: 50 institutions x 200 artifacts, read and queried.

The letters are real ones, signed, over the folder carrier; one institution reads them all from
nothing, then a day's news (one new offer from each), then asks its catalogue. Goals: a query
in 100 ms, the news in 2 s, memory bounded.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from modelward.engines.shared_folder import SharedFolder
from modelward.exchange import card as cards
from modelward.exchange import letter as letters
from modelward.exchange import members
from modelward.exchange.card import Competence, Made, OfferCard, Terms
from modelward.exchange.institution import Institution, prepare
from modelward.exchange.letter import Letter, Place, stamp
from modelward.exchange.question import Question
from modelward.exchange.reading import sync

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
LABELS = tuple(f"class {n}" for n in range(10))
QUESTION = Question(id="many", purpose="measure", labels=LABELS, inputs=(8, 8))


class Peer:
    """An institution that only writes letters.

    Args:
        folder: The carrier.
        name: As it signs.
        number: Seeds its keys.
    """

    def __init__(self, folder: Path, name: str, number: int) -> None:
        self.name = name
        self.key = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
        sealing = X25519PrivateKey.from_private_bytes((number + 999).to_bytes(32, "big"))
        self.introduction = members.introduce(name, self.key, sealing, stamp(NOW))
        self.box = folder / name / "letters"
        SharedFolder(folder, name)
        self.place = Place()

    def offer(self, version: int) -> None:
        """Write one offer, without the artifact: only letters are measured here."""
        number = self.place.number + 1
        card = OfferCard(
            kind=("model", "predictions")[number % 2],
            site=self.name,
            version=version,
            series=f"s{number}",
            question=QUESTION.sha256,
            made=Made(family="mlp-64", inputs=(8, 8)),
            sha256=f"{number:064x}",
            nbytes=20_000,
            release="51" * 32,
            competence=Competence(labels=LABELS, units=(50,) * 10),
            privacy={"mechanism": "none"},
            terms=Terms(purposes=("measure",), expires="2027-11-26T00:00:00Z"),
            issued=stamp(NOW),
        )
        signed = cards.sign(card, self.key).model_dump(mode="json")
        body = {"card": signed, "sealed": {"sha256": "00" * 32, "nbytes": 20_016}, "keys": {}}
        said = Letter(
            kind="offer",
            question=QUESTION.sha256,
            sender=self.name,
            number=number,
            previous=self.place.digest,
            issued=stamp(NOW),
            body=body,
        )
        raw = letters.write(said, self.key)
        (self.box / f"{number:09d}.json").write_bytes(raw)
        self.place = Place(number, letters.digest(raw))


def measure(folder: Path, peers: int, offers: int) -> dict[str, float]:
    """Return seconds and mebibytes."""
    prepare(folder / "here", "here", QUESTION, NOW)
    others = [Peer(folder / "carrier", f"peer-{n:02d}", n + 1) for n in range(peers)]
    for each in others:
        said = each.introduction
        members.admit(folder / "here" / "exchange" / "members", said, said.spoken)
        for _ in range(offers):
            each.offer(1)
    before = _memory()
    carrier = SharedFolder(folder / "carrier", "here")
    with Institution.open(folder / "here", carrier, clock=lambda: NOW) as here:
        first = _seconds(lambda: sync(here))
        for each in others:
            each.offer(1)
        news = _seconds(lambda: sync(here))
        nothing = _seconds(lambda: sync(here))
        question = QUESTION.sha256
        kind = [
            _seconds(lambda: here.book.catalogue(question, kinds=("model",), limit=100))
            for _ in range(20)
        ]
        one = [
            _seconds(lambda: here.book.catalogue(question, site="peer-07")) for _ in range(20)
        ]
        whole = _seconds(lambda: here.book.catalogue(question))
        named = [
            _seconds(lambda: here.book.entry(here.book.catalogue(question, limit=1)[0].sha))
        ]
    return {
        "letters": peers * (offers + 1),
        "read all from nothing, s": first,
        "news, one offer from each, s": news,
        "nothing new, s": nothing,
        "query by kind, first 100, s": statistics.median(kind),
        "query by institution, all of it, s": statistics.median(one),
        "one by name, s": named[0],
        "every card unpacked, s": whole,
        "memory above the start, MiB": _memory() - before,
    }


def _seconds(work: object) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - began


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--institutions", type=int, default=50)
    parser.add_argument("--artifacts", type=int, default=200)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), asked.institutions, asked.artifacts)
    for name, value in found.items():
        print(f"  {name:<40} {value:10.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
