"""TOML from elsewhere is read within bounds of length, depth and parts of a key."""

import json
from time import process_time

import pytest

from modelward.core.toml_text import MAX_BYTES, MAX_PARTS, NotToml, read, to_json


def test_a_file_becomes_json(tmp_path):
    (tmp_path / "a.toml").write_text('a.b = [1, 2.5]\nday = 2026-11-20\nsays = "ä.b"\n')

    assert json.loads(read(tmp_path / "a.toml")) == {
        "a": {"b": [1, 2.5]},
        "day": "2026-11-20",
        "says": "ä.b",
    }


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a = \xff", "invalid start byte"),
        (b"a =", "Invalid value"),
        (b"a = " + b"9" * 5_000, "4300 digits"),
        (b"a = " + b"[" * 100 + b"]" * 100, "nested more than 64 deep"),
        (b"a = " + b"[" * 10**5, "recursion"),
        (b"#" * (MAX_BYTES + 1), "longer than 1,048,576 bytes"),
        (b".".join([b"a"] * 10**5) + b" = 1", "more than 16 parts"),
        (b"x = 1\n[" + b" . ".join([b'"a b"'] * 20) + b"]", "more than 16 parts"),
        (b"x = {" + b".".join([b"a"] * 20) + b" = 1}", "more than 16 parts"),
    ],
)
def test_what_is_none_is_refused_soon(raw, said):
    start = process_time()
    with pytest.raises(NotToml, match=said):
        to_json(raw)

    assert process_time() - start < 1.0


def test_many_dots_in_words_and_numbers_are_no_key():
    numbers = ", ".join(["1.5"] * 200)
    words = "Age. Sex. Heart rate. " * 50
    parts = ".".join(["a"] * MAX_PARTS)

    found = json.loads(to_json(f'n = [{numbers}]\ns = "{words}"\n{parts} = 1'.encode()))

    assert (len(found["n"]), found["s"]) == (200, words)
