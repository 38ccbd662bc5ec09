"""The quick look at a line says what the full check says, whatever it has learned before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.errors import LedgerBroken
from modelward.ledger import entry, shape
from modelward.ledger.shape import Shapes

LINE = b'{"a":"x y","n":null,"on":true,"p":{"q":[1,"z"],"seq":3},"seq":7,"w":1.5}\n'

texts = st.text(st.characters(codec="utf-8"), max_size=4) | st.sampled_from(["a", "A~", " "])
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15).map(float)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
tables = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


def learned(*lines: bytes) -> Shapes:
    """Return shapes that have seen `lines`."""
    shapes = Shapes()
    for line in lines:
        shapes.seq(line)
    return shapes


def verdict(line: bytes) -> object:
    """Return the seq that the full check finds, or None."""
    try:
        return entry.decode(line)["seq"]
    except LedgerBroken:
        return None


def quick(shapes: Shapes, line: bytes) -> object:
    """Return the seq that the quick look finds, or None."""
    try:
        return shapes.seq(line)
    except LedgerBroken:
        return None


def test_the_outer_seq_is_returned_whatever_is_inside():
    shapes = learned(LINE)

    assert shapes.seq(LINE.replace(b'"seq":7', b'"seq":123456')) == 123456


@pytest.mark.slow
def test_any_byte_put_anywhere_into_a_known_line_is_judged_as_in_full():
    shapes = learned(LINE)

    for place in range(len(LINE)):
        for byte in range(256):
            changed = LINE[:place] + bytes([byte]) + LINE[place + 1 :]
            assert quick(shapes, changed) == verdict(changed), changed
            longer = LINE[:place] + bytes([byte]) + LINE[place:]
            assert quick(shapes, longer) == verdict(longer), longer


@pytest.mark.parametrize(
    "bad",
    [b"07", b"-0", b"1.0", b"1e3", b"9007199254740992", b"+1", b"", b"true", b'"7"', b"7 "],
)
def test_a_number_in_another_spelling_is_refused_in_a_known_shape(bad):
    with pytest.raises(LedgerBroken):
        learned(LINE).seq(LINE.replace(b'"seq":7', b'"seq":' + bad))


@pytest.mark.parametrize("text", [rb"\u0041", rb"\/", b"\x7f", b"\t", b"\\", b'"', b"\xc3"])
def test_a_text_in_another_spelling_is_judged_as_in_full(text):
    line = LINE.replace(b"x y", text)

    assert quick(learned(LINE), line) == verdict(line)


@pytest.mark.slow
@given(first=tables, second=tables, seq=st.integers(0, 2**53 - 1))
def test_what_was_learned_from_one_line_changes_no_verdict_on_another(first, second, seq):
    shapes = learned(entry.encode({**first, "seq": 0}) + b"\n")
    line = entry.encode({**second, "seq": seq}) + b"\n"

    assert shapes.seq(line) == seq
    swapped = line.replace(b'"b"', b'"c"')
    assert quick(shapes, swapped) == verdict(swapped)


def test_a_ledger_of_many_shapes_stays_checked_and_learns_no_more_than_the_limit():
    shapes = Shapes()
    for number in range(shape.MOST_SHAPES * 2):
        assert shapes.seq(b'{"a%03d":1,"seq":%d}\n' % (number, number)) == number
    assert quick(shapes, b'{"a100":1,"a100":1,"seq":1}\n') is None


def test_a_known_shape_is_refused_when_it_is_too_long():
    with pytest.raises(LedgerBroken, match="at most 65,535"):
        learned(LINE).seq(LINE.replace(b"x y", b"x" * 65_536))
