"""`python -m bench.exchange.catalogue`: 50 institutions x 200 artifacts, read and queried.

The letters are real ones, signed; one institution reads them all from nothing, then a day's
news (one new offer from each), then asks its catalogue. They come over a folder, or with
`--server` from a nats-server on the loopback: mutual TLS, every letter on its disk. Goals: a
query in 100 ms, the news in 2 s, memory bounded.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from modelward.core.clock import stamp
from modelward.core.ports import Carrier
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.boxes import Boxes
from modelward.engines.shared_folder import SharedFolder
from modelward.exchange.documents import card as cards
from modelward.exchange.documents import letter as letters
from modelward.exchange.documents import members
from modelward.exchange.documents.card import Competence, Made, OfferCard, Terms
from modelward.exchange.documents.letter import Letter, Place
from modelward.exchange.documents.question import Question
from modelward.exchange.institution.folder import Institution, prepare
from modelward.exchange.institution.reading import sync
from modelward.joining.site_folder import SiteFolder
from tests.wire import Federation

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
LABELS = tuple(f"class {n}" for n in range(10))
Figures = dict[str, float]
QUESTION = Question(id="many", purpose="measure", labels=LABELS, inputs=(8, 8))


class Peer:
    """An institution that only writes letters.

    Args:
        name: As it signs.
        number: Seeds its keys.
    """

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.key = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
        sealing = X25519PrivateKey.from_private_bytes((number + 999).to_bytes(32, "big"))
        self.introduction = members.introduce(name, self.key, sealing, stamp(NOW))
        self.place = Place()

    def offer(self, carrier: Carrier) -> None:
        """Post one offer, without the artifact: only letters are measured here."""
        number = self.place.number + 1
        card = OfferCard(
            kind=("model", "predictions")[number % 2],
            site=self.name,
            version=1,
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
        carrier.post(number, raw)
        self.place = Place(number, letters.digest(raw))


@dataclass(frozen=True, slots=True)
class Wire:
    """What carries.

    Attributes:
        dial: How an institution reaches it.
        server: Process of the server; None for a folder.
    """

    dial: Callable[[str], Carrier]
    server: int | None = None


@contextmanager
def over_a_folder(folder: Path, _: Sequence[str]) -> Iterator[Wire]:
    """Carry over a folder."""
    yield Wire(lambda name: SharedFolder(folder / "carrier", name))


@contextmanager
def over_a_server(folder: Path, names: Sequence[str]) -> Iterator[Wire]:
    """Carry over a nats-server of a hub that has admitted everybody."""
    made = Federation(folder / "hub", list(names))

    def dial(name: str) -> Carrier:
        return Boxes(folders.site_identity(SiteFolder(made.sites[name])))

    with made.server() as running:
        yield Wire(dial, running.pid)


Way = Callable[[Path, Sequence[str]], AbstractContextManager[Wire]]


def measure(folder: Path, peers: int, offers: int, way: Way = over_a_folder) -> Figures:
    """Return seconds and mebibytes."""
    others = [Peer(f"peer-{n:02d}", n + 1) for n in range(peers)]
    prepare(folder / "here", "here", QUESTION, NOW)
    for each in others:
        said = each.introduction
        members.admit(folder / "here" / "exchange" / "members", said, said.spoken)
    with way(folder, ["here", *(each.name for each in others)]) as wire:
        _offered(others, offers, wire)
        before = _memory()
        carrier = wire.dial("here")
        with Institution.open(folder / "here", carrier, clock=lambda: NOW) as here:
            found: Figures = {"letters": float(peers * (offers + 1))}
            found["read all from nothing, s"] = _seconds(lambda: sync(here))
            _offered(others, 1, wire)
            found["news, one offer from each, s"] = _seconds(lambda: sync(here))
            found["nothing new, s"] = _seconds(lambda: sync(here))
            found |= _queries(here)
        found["memory above the start, MiB"] = _memory() - before
        if wire.server is not None:
            found["most memory of the server, MiB"] = _most(wire.server)
    return found


def _offered(others: Sequence[Peer], offers: int, wire: Wire) -> None:
    """Have every peer post some offers."""
    for each in others:
        carrier = wire.dial(each.name)
        for _ in range(offers):
            each.offer(carrier)
        carrier.close()


def _queries(here: Institution) -> Figures:
    """Return what questions to the catalogue take."""
    question, book = QUESTION.sha256, here.book

    def asked(query: Callable[[], object], times: int = 20) -> float:
        return statistics.median(_seconds(query) for _ in range(times))

    some = book.catalogue(question, limit=1)[0].sha
    return {
        "query by kind, first 100, s": asked(
            lambda: book.catalogue(question, kinds=("model",), limit=100)
        ),
        "query by institution, all of it, s": asked(
            lambda: book.catalogue(question, site="peer-01")
        ),
        "one by name, s": asked(lambda: book.entry(some)),
        "every card unpacked, s": asked(lambda: book.catalogue(question), 1),
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _most(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--institutions", type=int, default=50)
    parser.add_argument("--artifacts", type=int, default=200)
    parser.add_argument("--server", action="store_true")
    asked = parser.parse_args(arguments)
    way = over_a_server if asked.server else over_a_folder
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), asked.institutions, asked.artifacts, way)
    for name, value in found.items():
        print(f"  {name:<40} {value:10.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
