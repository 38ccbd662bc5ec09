"""WebSocket frames by the book. Whole ways to a server are tested in tests/contract."""

from hypothesis import given
from hypothesis import strategies as st

from modelward.engines.jetstream.lines.websocket import frame


def unframed(raw: bytes) -> tuple[int, bytes]:
    """Read one masked frame as RFC 6455, section 5.2 draws it, byte by byte."""
    assert raw[0] & 0x80, "not final"
    assert raw[1] & 0x80, "not masked"
    size, at = raw[1] & 0x7F, 2
    if size == 126:
        size, at = int.from_bytes(raw[2:4], "big"), 4
        assert size >= 126, "not the shortest form"
    elif size == 127:
        size, at = int.from_bytes(raw[2:10], "big"), 10
        assert size >= 1 << 16, "not the shortest form"
    mask, payload = raw[at : at + 4], raw[at + 4 :]
    assert len(payload) == size
    return raw[0] & 0x0F, bytes(b ^ mask[n % 4] for n, b in enumerate(payload))


@given(
    st.sampled_from([0x2, 0x8, 0xA]),
    st.one_of(st.binary(max_size=300), st.sampled_from([bytes(65535), b"\xa5" * 65536])),
    st.binary(min_size=4, max_size=4),
)
def test_what_is_framed_is_read_back(kind, payload, mask):
    assert unframed(frame(kind, payload, mask)) == (kind, payload)


def test_the_mask_is_not_the_payload():
    assert b"CONNECT {" not in frame(2, b"CONNECT {}", b"\x01\x02\x03\x04")
