"""One spelling for every value, and none for what two readers could read differently."""

from hashlib import sha256

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.canonical import canonical_bytes, canonical_hash, parse_strict
from modelward.errors import BadArtifact

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab"), inner),
    max_leaves=8,
)


def test_the_example_of_rfc_8785_section_3_2_3_is_written_as_there():
    value = {"€": "Euro Sign", "\r": "Carriage Return", "1": "One", "ö": "Latin"}

    assert canonical_bytes(value) == (
        '{"\\r":"Carriage Return","1":"One","ö":"Latin","€":"Euro Sign"}'.encode()
    )


def test_numbers_are_written_as_ecmascript_writes_them():
    assert canonical_bytes([333333333.33333329, 1e30, 4.50, 2e-3, 1e-27, 1.0]) == (
        b"[333333333.3333333,1e+30,4.5,0.002,1e-27,1]"
    )


def test_the_hash_is_sha_256_of_the_bytes():
    assert canonical_hash({"b": 1, "a": 2}) == sha256(b'{"a":2,"b":1}').hexdigest()


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, "\ud800", object(), {1: 2}, {"a": {b"": 1}}]
)
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(BadArtifact, match="no canonical JSON form") as caught:
        canonical_bytes(value)

    assert "RFC 8785" in caught.value.why


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_text_is_nested_64_deep_at_most(opened, closed):
    assert parse_strict((opened * 64 + "1" + closed * 64).encode(), what="card")
    assert len(parse_strict(b"[" + b"[]," * 99 + b"[]]", what="card")) == 100

    for depth in (65, 500, 900, 10**5):
        with pytest.raises(BadArtifact, match="the card is not strict JSON"):
            parse_strict((opened * depth + "1" + closed * depth).encode(), what="card")


def test_a_value_nested_without_end_is_refused():
    endless: list[object] = []
    endless.append(endless)

    with pytest.raises(BadArtifact):
        canonical_bytes(endless)  # type: ignore[arg-type]


@given(values)
def test_what_is_written_reads_back_and_is_written_alike(value):
    raw = canonical_bytes(value)

    assert canonical_bytes(parse_strict(raw, what="test")) == raw


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) - 2, 2**53 + 2)
    | st.floats()
    | st.sampled_from([-0.0, 1e-4, 9.999e-5, 1e15, 1e16, 123456789012345.67, 2.0**53, 5e-324])
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.slow
@given(anything)
def test_every_value_is_spelled_as_the_library_of_rfc_8785_spells_it(value):
    try:
        expected = rfc8785.dumps(value)
    except ValueError:
        with pytest.raises(BadArtifact):
            canonical_bytes(value)
    else:
        assert canonical_bytes(value) == expected


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"a":1,"a":2}', "twice"),
        (b'{"a":{"b":1,"b":1}}', "twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"{", "strict JSON"),
        (b"\xff", "strict JSON"),
        (b"[" * 100_000, "strict JSON"),
    ],
)
def test_json_that_programs_read_differently_is_refused(raw, said):
    with pytest.raises(BadArtifact, match=said) as caught:
        parse_strict(raw, what="card")

    assert "the card is not strict JSON" in caught.value.what
