"""An entry has one spelling."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.errors import BadArtifact, LedgerBroken
from modelward.ledger import entry

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: abs(value) < 2**53)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_time_is_utc_in_whole_seconds():
    noon = datetime(2026, 11, 20, 12, 0, 0, 999_999, timezone(timedelta(hours=2)))

    assert entry.stamp(noon) == "2026-11-20T10:00:00Z"


def test_a_clock_without_a_time_zone_is_refused():
    with pytest.raises(BadArtifact, match="without a time zone"):
        entry.stamp(datetime(2026, 11, 20, 12, 0, tzinfo=UTC).replace(tzinfo=None))


@pytest.mark.parametrize("name", ["seq", "time", "salt"])
def test_a_reserved_field_is_refused(name):
    with pytest.raises(BadArtifact, match=f"its own {name}"):
        entry.complete({name: 1}, seq=0, time="2026-11-20T10:00:00Z", salt="00")


def test_an_entry_is_one_canonical_line():
    time = "2026-11-20T10:00:00Z"
    recorded = entry.complete({"task": "t\n", "b": 1.0}, seq=7, time=time, salt="0f")

    assert entry.encode(recorded) == (
        b'{"b":1,"salt":"0f","seq":7,"task":"t\\n","time":"2026-11-20T10:00:00Z"}'
    )


def test_salts_are_those_of_hmac_and_differ_between_entries_and_sites():
    # printf 'modelward ledger salt 7' | openssl dgst -sha256 -hmac secret
    assert entry.salt(b"secret", 7) == "b11cf605bdc2645251da8f17a4f4c307"
    assert len({entry.salt(secret, seq) for secret in (b"a", b"b") for seq in range(9)}) == 18


def test_an_entry_is_at_most_what_a_tile_can_hold():
    longest = entry.MAX_BYTES - len('{"a":"","seq":0}')

    assert len(entry.encode({"a": "x" * longest, "seq": 0})) == entry.MAX_BYTES
    with pytest.raises(BadArtifact, match="has 65,536 bytes"):
        entry.encode({"a": "x" * (longest + 1), "seq": 0})


@pytest.mark.slow
@given(fields=st.dictionaries(st.text().filter(lambda name: name != "seq"), values, max_size=4))
def test_what_is_written_reads_back_from_a_single_line(fields):
    line = entry.encode({**fields, "seq": 3})

    assert b"\n" not in line
    assert entry.decode(line + b"\n") == {**fields, "seq": 3}


@pytest.mark.parametrize("value", [2.0**53, 1e16, -1e20, 2**53, float("nan"), "\ud800"])
def test_a_value_that_would_not_read_back_is_refused_before_it_is_written(value):
    with pytest.raises(BadArtifact, match=r"read back|canonical"):
        entry.encode({"a": value, "seq": 0})


@pytest.mark.parametrize(
    "bad",
    [
        b"\n",
        b'{"seq":0}',
        b'{"seq":0}\r\n',
        b'{"seq":0} \n',
        b'{"seq": 0}\n',
        b'{"seq":0,"a":1}\n',
        b'{"a":1,"a":1,"seq":0}\n',
        b'{"a":1.0,"seq":0}\n',
        b'{"a":1e-07,"seq":0}\n',
        b'{"a":NaN,"seq":0}\n',
        b'{"a":9007199254740993,"seq":0}\n',
        b'{"a":"\\u0041","seq":0}\n',
        b'{"a":"\\ud800","seq":0}\n',
        b'{"\\ud800":1,"seq":0}\n',
        b'{"a":"\xff","seq":0}\n',
        b'{"seq":true}\n',
        b'{"seq":"0"}\n',
        b"{}\n",
        b"[0]\n",
        b"[" * 100_000 + b"\n",
        '{"seq":0}\n'.encode("utf-16"),
    ],
)
def test_any_other_line_is_refused(bad):
    with pytest.raises(LedgerBroken, match="not a ledger entry"):
        entry.decode(bad)


@pytest.mark.parametrize("bad", [b"[0]\n", b"x\n", b"\xff\n", b"[" * 100_000])
def test_a_glance_at_anything_else_sees_nothing(bad):
    assert entry.glance(bad) == {}
