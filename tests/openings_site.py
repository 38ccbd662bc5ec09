"""What a site, or an institution of the network, reads of its own folder and of letters.

Beside openings.py, which has what every party reads: what lies in a site's folder may have
been put there by somebody else, or be half of what was written.
"""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from modelward.core.canonical import canonical_bytes
from modelward.exchange.documents import card as offers
from modelward.exchange.documents import letter, members
from modelward.exchange.documents.letter import Place
from modelward.gate import hold
from modelward.gate.policy import Leakage
from modelward.ledger.log import Ledger
from modelward.privacy import book
from modelward.privacy.accounting import Event
from modelward.privacy.leakage.copies import Copies
from modelward.privacy.leakage.figures import Inspection
from modelward.privacy.leakage.membership import Membership
from modelward.site.answering import audits
from modelward.site.entering import transcripts
from modelward.site.entering.entrance import Entrance
from modelward.site.isolation.snapshot import read_facts
from modelward.site.keeping import overlaps
from tests.letters import STUDY
from tests.openings import SIGNER, VECTORS, Opening, a_card, signed, table_of
from tests.sites import newton

TASK, COHORT = "51" * 32, "77" * 32
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVENT = Event(0.1, 1.5, 20)
TOLD = Membership(
    group="all", members=200, others=100, auc=0.5, auc_low=0.4, auc_high=0.6, found=0.01,
    found_low=0.0, false_high=0.05,
)  # fmt: skip


def in_folder(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Return a reader of bytes for a reader of the file `name` in a folder."""
    folder = Path(tempfile.mkdtemp(prefix="opening", dir="/dev/shm"))
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)

    def opened(raw: bytes) -> object:
        path.write_bytes(raw)
        return read(folder)

    return opened


def offered(raw: bytes) -> object:
    """Read the card of an offer and check its signature."""
    found = offers.from_json(raw)
    offers.verify(found, SIGNER.public_key())
    return found


def written(raw: bytes) -> object:
    """Read a letter, the second of its sender."""
    place = Place(1, "77" * 32)
    return letter.read(raw, "cleveland", SIGNER.public_key(), place, now=NOON)


def counted(raw: bytes) -> object:
    """Read what the entries of a ledger say about privacy, a line each."""
    return book.read([table_of(line) for line in raw.splitlines()])


def some_entries() -> bytes:
    """Return a reservation, a use of it, and its end."""
    kept = {"kind": "reservation", **book.reserve_fields("r1", STUDY, COHORT, [EVENT])}
    booking = book.read([kept]).bookings[0]
    used = {"kind": "privacy", **book.use_fields(booking, EVENT, 1, TASK)}
    closed = {"kind": "closure", **book.close_fields("r1", STUDY)}
    return b"\n".join(map(canonical_bytes, (kept, used, closed)))


def an_introduction() -> bytes:
    """Return how an institution introduces itself."""
    sealing = X25519PrivateKey.from_private_bytes(bytes(range(32)))
    return members.introduce("north", SIGNER, sealing, "2026-11-20T12:00:00Z").to_bytes()


def something_held() -> bytes:
    """Return the file of an artifact that waits."""
    finding = {"rule": "hold", "says": "a person has to look", "remedy": "ask her"}
    return canonical_bytes(
        {"format": hold.FORMAT, "card": table_of(a_card()), "findings": [finding],
         "awaits": "Dr Ada Byron"}
    )  # fmt: skip


def what_was_found() -> dict[str, Any]:
    """Return the inspector's figures as a table."""
    none = Copies(passages=0, records=0, rows=0)
    return Inspection(copies=none, membership=(TOLD,), fewest=12, full=True).table()


SITE_OPENINGS: dict[str, Opening] = {
    "offer": Opening(
        offered,
        (VECTORS / "exchange/offer.json").read_bytes(),
        lambda table: signed(table, offers.PREFIX),
    ),
    "letter": Opening(
        written,
        (VECTORS / "exchange/letter.json").read_bytes(),
    ),
    "introduction": Opening(
        members.read, an_introduction(), lambda table: signed(table, members.PREFIX, "signing")
    ),
    "held": Opening(
        in_folder(f"{TASK}/held.json", lambda at: hold.Holding(at, frozenset(), "").read(TASK)),
        something_held(),
    ),
    "told": Opening(
        in_folder(
            f"told/{STUDY[:24]}-statistics-{COHORT[:24]}.json",
            lambda at: list(overlaps.Overlaps(at, 10)._told()),
        ),
        canonical_bytes(
            {"format": overlaps.FORMAT, "study": STUDY, "about": ["age"], "persons": [COHORT]}
        ),
    ),
    "cohort": Opening(
        in_folder(f"cohorts/{STUDY}.json", lambda at: read_facts(at, STUDY)),
        canonical_bytes(
            {
                "format": "modelward-cohort/1",
                "study": STUDY,
                "bundle": COHORT,
                "units": {"train": 2, "validation": 0, "test": 0},
                "patients": {"train": [TASK, COHORT], "validation": [], "test": []},
                "named": True,
                "notes": [],
                "opted_out": None,
            }
        ),
    ),
    "audited": Opening(
        in_folder(f"audits/{STUDY}.json", lambda at: audits.objections(at, STUDY, Leakage())),
        canonical_bytes(
            {
                "format": audits.FORMAT,
                "study": STUDY,
                "claimed": 3.0,
                "low": 0.5,
                "membership": what_was_found()["membership"],
            }
        ),
    ),
    "seen": Opening(
        in_folder(
            f"{newton().sha256}/seen.json",
            lambda at: Entrance(at, cast(Ledger, None)).seen(newton()),
        ),
        canonical_bytes({"asked": [[1, "newton", TASK]], "model": COHORT, "age": 1}),
    ),
    "heard": Opening(
        in_folder("transcript.json", transcripts.recall),
        canonical_bytes({"round_no": 3, "output": TASK, "memory": None, "fault": None}),
    ),
    "figures": Opening(
        lambda raw: Inspection.read(table_of(raw)), canonical_bytes(what_was_found())
    ),
    "budget": Opening(counted, some_entries()),
}
