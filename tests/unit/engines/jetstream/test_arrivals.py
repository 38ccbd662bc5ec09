"""What a hub takes in: a message that comes again was dealt with, whatever came meanwhile."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.engines.jetstream.at_hub.arrivals import Arrivals
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.messages.book import Book
from modelward.engines.jetstream.messages.parcel import pack
from modelward.engines.jetstream.messages.questions import Questions
from modelward.engines.jetstream.messages.received import Received
from modelward.ledger.mail import NO_STUDY
from tests.sites import clock

NORTH = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HUB = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def letters(folder: Path, number: int) -> list[bytes]:
    """Return mail of a site, one message after the other."""
    with closing(Book(folder / "north", "north", NORTH)) as book:
        return [
            book.say("witness", study=NO_STUDY, round_no=0, body={"number": n}, now=clock())
            for n in range(number)
        ]


def test_mail_that_comes_again_behind_later_mail_is_not_heard_twice(tmp_path):
    """A server sends again what was not acknowledged in time, as at a hub that was slow."""
    first, second = letters(tmp_path, 2)
    heard: list[Any] = []

    def hear(_: bytes, envelope: Any) -> bool:
        heard.append(envelope.body["number"])
        return True

    with closing(Book(tmp_path / "hub", "hub", HUB)) as book:
        received = Received(tmp_path / "inbox", book, {"north": NORTH.public_key()})
        line: Any = None  # nothing is fetched for mail
        arrivals = Arrivals(line, received, Questions(), silent, clock)
        arrivals.on_message = hear

        async def come(*messages: bytes) -> list[bool]:
            return [await arrivals._read("north", pack(each, None)) for each in messages]

        dealt_with = asyncio.run(come(first, second, first))

    assert heard == [0, 1]
    assert dealt_with == [True, True, True]


def test_mail_whose_time_had_not_come_is_heard_when_it_comes_again(tmp_path):
    (only,) = letters(tmp_path, 1)
    answers, heard = iter([False, True]), []

    def hear(_: bytes, envelope: Any) -> bool:
        heard.append(envelope.body["number"])
        return next(answers)

    with closing(Book(tmp_path / "hub", "hub", HUB)) as book:
        received = Received(tmp_path / "inbox", book, {"north": NORTH.public_key()})
        line: Any = None
        arrivals = Arrivals(line, received, Questions(), silent, clock)
        arrivals.on_message = hear

        async def come() -> list[bool]:
            return [await arrivals._read("north", pack(only, None)) for _ in range(2)]

        dealt_with = asyncio.run(come())

    assert heard == [0, 0]
    assert dealt_with == [False, True]
