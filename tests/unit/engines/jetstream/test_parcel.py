"""What travels with a message, and the pieces of what is too large for that."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.engines.jetstream import journal
from modelward.engines.jetstream.lines import pieces as piecewise
from modelward.engines.jetstream.lines.pieces import Pieces
from modelward.engines.jetstream.messages.parcel import check_attached, pack, unpack
from modelward.errors import MessageRefused


@given(attached=st.none() | st.binary())
def test_a_payload_comes_apart_as_it_was_put_together(attached):
    assert unpack(pack(b'{"a":"\\n"}', attached)) == (b'{"a":"\\n"}', attached)


def test_only_the_named_bytes_may_travel_along():
    check_attached(b"model", sha256(b"model").hexdigest())
    with pytest.raises(MessageRefused, match="not the artifact"):
        check_attached(b"other", sha256(b"model").hexdigest())


@given(parts=st.lists(st.binary(max_size=9)), size=st.integers(1, 5))
def test_pieces_are_the_content_whatever_parts_it_lies_in(monkeypatch_module, parts, size):
    monkeypatch_module.setattr(piecewise, "PIECE", size)
    pieces = Pieces(parts)
    found = b"".join(pieces.piece(number) for number in range(len(pieces)))

    assert found == b"".join(parts)
    assert pieces.nbytes == len(found)
    assert all(len(pieces.piece(n)) == size for n in range(pieces.nbytes // size))


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_a_journal_entry_is_one_line_of_json():
    out = StringIO()
    note = journal.to_stream(lambda: datetime(2026, 11, 20, 9, 30, tzinfo=UTC), out)

    note("answered", round=3, decision="released")

    assert out.getvalue().endswith("}\n")
    assert json.loads(out.getvalue()) == {
        "time": "2026-11-20T09:30:00.000+00:00",
        "event": "answered",
        "round": 3,
        "decision": "released",
    }
