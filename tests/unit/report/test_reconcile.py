"""Wire and ledger agree to the byte, or the difference is named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from modelward.artifact.envelope import Envelope, seal
from modelward.core.canonical import Json
from modelward.errors import LedgerBroken
from modelward.report.processing.carried import Carried, gaps, read
from modelward.report.processing.reconcile import Reconciled, reconcile, words
from tests.ledgers import KEY, PRIVATE, STRANGER

STUDY, CONTENT = "9f" * 32, b"model update"
TASKS = [f"{n}{n}" * 32 for n in range(10)]
DIGEST = sha256(CONTENT).hexdigest()
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
RELEASE: dict[str, Json] = {
    "kind": "release",
    "seq": 0,
    "task": TASKS[0],
    "sha256": DIGEST,
    "bytes": len(CONTENT),
}
REFUSAL: dict[str, Json] = {"kind": "refusal", "seq": 1, "task": TASKS[1]}


def stored(body: Any, number: int = 1, *, kind: Any = "answer", key: Any = PRIVATE) -> Carried:
    """Return a message of the site as the server stored it; an artifact comes with a card."""
    envelope = Envelope(
        kind=kind,
        study=STUDY,
        round_no=1,
        sender="cleveland",
        sequence=number,
        issued=NINE,
        expires=NINE + timedelta(days=1),
        body=body,
    )
    message = seal(envelope, key)
    attached = CONTENT if body.get("card") else None
    payload = message if attached is None else message + b"\n" + attached
    return Carried(
        stream="ANS",
        sequence=number,
        subject=f"fl.ans.cleveland.{number}",
        time="2026-11-20T09:00:00Z",
        id="",
        bytes=len(payload),
        sha256=sha256(payload).hexdigest(),
        message=message.decode(),
        attached=len(attached or b""),
        attached_sha256=sha256(attached).hexdigest() if attached else "",
    )


def released(number: int = 1, *, nbytes: int = len(CONTENT), key: Any = PRIVATE) -> Carried:
    card = {"sha256": DIGEST, "nbytes": nbytes}
    return stored({"task": TASKS[0], "decision": "released", "card": card}, number, key=key)


def refused(task: str = TASKS[1], number: int = 2) -> Carried:
    return stored({"task": task, "decision": "refused", "card": None}, number)


def pieces(total: int, number: int = 2, digest: str = DIGEST) -> Carried:
    subject = f"$O.up-cleveland.C.{digest}"
    return Carried(
        stream="OBJ_up-cleveland",
        sequence=number,
        subject=subject,
        time="2026-11-20T09:00:00Z",
        id="",
        bytes=total,
        sha256="",
        message="",
        attached=0,
        attached_sha256="",
    )


def compared(*record: Carried) -> Reconciled:
    return reconcile([RELEASE, REFUSAL], list(record), KEY)


def test_a_release_and_a_refusal_are_found_in_the_ledger():
    found = compared(released(), refused())

    assert found.differences == found.duplicates == []
    assert (found.messages, found.releases, found.refusals) == (2, 1, 1)
    assert found.released_bytes == 12
    assert "releases    1, 12 bytes: each is one entry" in words(found)
    assert words(found).splitlines()[-1].startswith("equal       every message")


def test_what_is_held_carries_nothing_so_a_refusal_of_it_is_a_difference():
    held = {**REFUSAL, "kind": "hold", "awaits": "Dr Ada Byron"}

    assert reconcile([RELEASE, held], [released()], KEY).differences == []
    (difference,) = reconcile([RELEASE, held], [released(), refused()], KEY).differences
    assert "the ledger holds no refusal" in difference


def test_what_was_recorded_and_not_carried_is_a_difference():
    (difference,) = compared(refused(number=1)).differences

    assert "entry 0, a release of 12 bytes" in difference
    assert "no message carried it" in difference


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        (released(2, key=STRANGER), "is not signed by cleveland"),
        (released(2, nbytes=13), "of which the ledger holds no entry"),
        (refused(TASKS[9]), "the ledger holds no refusal"),
        (stored({"task": TASKS[1], "decision": "refused"}, 2), "not its form"),
        (stored({"task": "MRN 4711", "decision": "failed", "card": None}, 2), "not its form"),
        (stored({}, 2, kind="task"), "no reason to send"),
        (stored({"free": "text"}, 2, kind="witness"), "not its form"),
        (stored({"free": "text"}, 2, kind="approval"), "not its form"),
        (replace(refused(), message="Mrs Muster, ward 7"), "is not signed by cleveland"),
        (replace(refused(), attached=9, attached_sha256="aa"), "nothing is released"),
        (replace(released(2), attached=9), "not those of entry 0"),
        (replace(released(2), attached_sha256="bb" * 32), "not those of entry 0"),
        (pieces(99, 1), "99 bytes were stored"),
        (pieces(12, 1, "cc" * 32), "the ledger holds no entry"),
    ],
)
def test_anything_else_is_named(odd, says):
    found = compared(released(), odd)

    assert len(found.differences) == 1, found.differences
    assert says in found.differences[0]


def test_the_same_bytes_again_and_the_same_entry_again_are_duplicates():
    first = released()
    again = replace(first, sequence=2)
    resent = released(3)

    found = compared(first, again, resent)

    assert found.differences == []
    assert found.releases == 1
    assert "message 2 of ANS" in found.duplicates[0]
    assert "answers entry 0 again, after number 1" in found.duplicates[1]


def test_a_large_artifact_is_its_message_and_its_pieces():
    inline = released()
    alone = replace(inline, attached=0, attached_sha256="")

    assert compared(alone, pieces(5, 1), pieces(7, 2)).differences == []
    assert "stored 2 times" in compared(alone, pieces(24, 1)).duplicates[0]
    (difference,) = compared(alone).differences
    assert "were not carried" in difference


def test_what_is_under_another_sites_certificate_is_not_this_sites():
    other = replace(released(2), subject="fl.ans.hungary.2")

    assert compared(released(), other).messages == 1


def test_control_messages_are_counted_by_kind():
    failed = stored({"task": TASKS[5], "decision": "failed", "card": None}, 2)
    mail = stored({"keys": [], "shown": [], "replies": []}, 3, kind="witness")

    found = compared(released(), failed, mail)

    assert found.differences == []
    assert found.control == {"failed": 1, "witness": 1}
    assert "1 failed, 1 witness" in words(found)


def test_missing_numbers_of_a_stream_are_named():
    assert gaps([released(1), released(2), pieces(12, 1)]) == []
    assert gaps([released(1), released(4)]) == [
        "2 stored in ANS after number 1 are not in the record"
    ]


def test_the_record_reads_back_and_half_a_line_at_its_end_is_passed_over(tmp_path):
    path = tmp_path / "carried.jsonl"
    path.write_text(released().text() + refused().text() + refused().text()[:50])
    assert list(read(path)) == [released(), refused()]

    path.write_text('{"stream":1}\n')
    with pytest.raises(LedgerBroken, match="line 1 of"):
        list(read(path))
    with pytest.raises(LedgerBroken, match="cannot be read"):
        list(read(tmp_path / "missing"))
