"""What somebody would send to break a reader, to hide something, or to be believed.

Each payload goes to the reader it is made for, signed again where the format has a signature:
a thief of a key is a sender too. All are refused in words, soon, and in little memory. Bytes
that nobody made on purpose are test_fuzzed_inputs.py's.
"""

import gzip
import io
import json
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator
from time import process_time
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from modelward.artifact import bundle, envelope
from modelward.core.canonical import canonical_bytes
from modelward.core.toml_text import MAX_BYTES
from modelward.errors import ModelwardError
from modelward.ledger import checkpoint
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.note import Signer
from tests.ledgers import ORIGIN, PRIVATE
from tests.openings import OPENINGS, as_table

MIB = 2**20
SLOWEST_S = 8.0  # with every allocation counted, which takes three times as long
DEEP = 100_000
SEALED = [name for name, each in OPENINGS.items() if each.seal]
JSON_FORMATS = [*SEALED, "study.json", "alarm", "mail", "transcript", "entries"]
TOML_FORMATS = ["study", "policy", "dataset"]


PATHS = [
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "..",
    "con\0",
    "a\nb",
    "\x1b[2J",
    "\uff41",
    "",
]


class Runs:
    """What would run if anything here were unpickled."""

    @override
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("raise SystemExit('it ran')",)


def zipped(count: int) -> bytes:
    """Return an archive of `count` MiB of zeros, a thousandth of it in size."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weight.npy", bytes(count * MIB))
    return made.getvalue()


def with_header(header: bytes, values: bytes = b"") -> bytes:
    """Return a bundle with this header."""
    return struct.pack("<Q", len(header)) + header + values


def tensor(**said: object) -> bytes:
    """Return a bundle of one tensor `w` of four bytes, its header changed."""
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} | said
    return with_header(json.dumps({"w": entry}).encode(), bytes(4))


def bundles() -> Iterator[tuple[str, bytes]]:
    """Yield what a bundle is not."""
    good = OPENINGS["bundle"].good
    header = good[8 : 8 + struct.unpack("<Q", good[:8])[0]]
    values = good[8 + len(header) :]
    table = json.loads(header)
    entry = b'{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    objects = io.BytesIO()
    np.save(objects, np.array([Runs()], object), allow_pickle=True)
    noted = {"__metadata__": {"mrn": "MRN 0012345", "name": "Ada Byron"}, **table}
    yield "pickle", pickle.dumps(Runs())
    yield "pickle behind a header", with_header(b"{}", pickle.dumps(Runs()))
    yield "array of objects", objects.getvalue()
    yield "zip bomb", zipped(16)
    yield "gzip bomb", gzip.compress(bytes(16 * MIB))
    yield "header of 2^63 bytes", struct.pack("<Q", 2**63) + good[8:]
    yield "header that claims one byte more", struct.pack("<Q", len(header) + 1) + good[8:]
    yield "header of 65 kB", with_header(b" " * 65_537, values)
    yield "identifiers in metadata", with_header(json.dumps(noted).encode(), values)
    yield (
        "empty metadata",
        with_header(json.dumps({"__metadata__": {}, **table}).encode(), values),
    )
    yield "padding in the header", with_header(header + b" " * 8, values)
    yield "message in the padding", with_header(header.rstrip() + b"\t\t\t\t\t\t\t\t", values)
    yield "name twice", with_header(b'{"w":' + entry + b',"w":' + entry + b"}", bytes(4))
    yield (
        "name in two spellings",
        with_header(b'{"w":' + entry + b',"\\u0077":' + entry + b"}", bytes(4)),
    )
    yield "bytes after the values", good + b"MRN 0012345"
    yield "values cut", good[:-1]
    yield from headers()


def headers() -> Iterator[tuple[str, bytes]]:
    """Yield headers of one tensor that lie."""
    entry = b'{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    yield "shape of 2^62", tensor(shape=[2**31, 2**31], data_offsets=[0, 2**64])
    yield "shape of 10^100", tensor(shape=[10**100])
    yield "negative shape", tensor(shape=[-1])
    yield "shape of true", tensor(shape=[True])
    yield "shape of 10,000 axes", tensor(shape=[1] * 10_000)
    yield "shape of a number", tensor(shape=1)
    yield "offsets that overlap", tensor(data_offsets=[0, 0])
    yield "offsets of text", tensor(data_offsets=["0", "4"])
    yield "type of objects", tensor(dtype="O")
    yield "type of a list", tensor(dtype=["F32"])
    yield "path for a name", with_header(b'{"../../etc/passwd":' + entry + b"}", bytes(4))
    yield "name with a zero byte", with_header(b'{"a\\u0000b":' + entry + b"}", bytes(4))
    yield "name in other letters", with_header(b'{"\xef\xbd\x97":' + entry + b"}", bytes(4))
    yield "name with a surrogate", with_header(b'{"\\ud800":' + entry + b"}", bytes(4))
    yield "header that is a list", with_header(b"[]")
    yield "header nested without end", with_header(b"[" * 60_000)
    yield "number without end", with_header(b'{"w":' + b"9" * 60_000 + b"}")
    yield "NaN in the header", with_header(b'{"w":{"dtype":"F32","shape":[NaN]}}')


def tables(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield what is no table of a JSON format."""
    good = OPENINGS[name].good.split(b"\n")[0]
    end = b"\n" if name == "entries" else b""
    first = json.dumps(next(iter(json.loads(good)))).encode()
    yield "pickle", pickle.dumps(Runs())
    yield "lists without end", b"[" * DEEP + end
    yield "tables without end", b'{"a":' * DEEP + end
    yield "text that is nested 900 deep", b'{"a":' * 900 + b"1" + b"}" * 900 + end
    yield "key twice", b"{" + first + b":1," + good[1:] + end
    yield "NaN", good[:-1] + b',"zz":NaN}' + end
    yield "infinity", good[:-1] + b',"zz":1e999}' + end
    yield "integer without end", good[:-1] + b',"zz":' + b"9" * 5_000 + b"}" + end
    yield "integer beyond 2^53", good[:-1] + b',"zz":9007199254740993}' + end
    yield "surrogate", good[:-1] + b',"zz":"\\ud800"}' + end
    if name != "study.json":  # it is kept as it was written, and hashed as it is understood
        yield "blank before it", b" " + good + end
    yield "mark before it", b"\xef\xbb\xbf" + good + end
    yield "zero byte after it", good + b"\0" + end
    yield "another encoding", (good + end).decode().encode("utf-16")
    yield "two of it", good + good + end
    yield "no table", b"null" + end


def twisted(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield a signed table with one field that it must not have, signed again."""
    seal = OPENINGS[name].seal
    assert seal is not None
    fields = as_table(name)
    paths = [*PATHS, "x" * 70_000]
    where = [each for each in ("site", "sender", "hub", "person", "kind") if each in fields]
    for field in where:
        for path in paths[: 4 if field in {"person"} else None]:
            if field != "person" or not path.isprintable():
                yield f"{field} is {path[:12]!r}", seal({**fields, field: path})
    odd = [fields], "a" * 20_000, {"__class__": 1}
    wrongs: tuple[Any, ...] = (None, [], {}, True, -1, 1.5, *odd)
    for each, value in fields.items():
        for wrong in wrongs if each not in {"signature", "key", "public", "hub_key"} else ():
            if type(wrong) is not type(value) and (each, wrong) != ("parent", None):
                yield f"{each} is {str(wrong)[:20]!r}", seal({**fields, each: wrong})
    yield "field too many", seal({**fields, "note": "MRN 0012345"})
    yield "another format", seal({**fields, "format": "modelward-card/99"})


def toml(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield what is no file that people wrote."""
    good = OPENINGS[name].good + b"\n"
    yield "pickle", pickle.dumps(Runs())
    yield "lists without end", good + b"a = " + b"[" * DEEP
    yield "tables without end", good + b"a = " + b"{a = " * DEEP
    yield "key of 100,000 parts", b".".join([b"a"] * 100_000) + b"=1"
    yield "table of 100,000 parts", b"[" + b".".join([b"a"] * 100_000) + b"]"
    yield "integer without end", good + b"[zz]\na = " + b"9" * 5_000
    yield "keys without end", b"\n".join(b"k%d = 1" % n for n in range(5_000))
    yield "key of a megabyte", b"a" * (MAX_BYTES - 4) + b"= 1"
    yield "two megabytes", good + b"#" * 2 * MIB
    yield "key twice", good.split(b"\n\n")[0] + b"\n[a]\nb = 1\nb = 1\n"
    yield "zero byte", good + b"\0"
    yield "no UTF-8", good + b"\xff"
    yield "text that turns around", good + '[zz]\n"\u202ea" = 1'.encode()
    yield "key that moves the cursor", good + b'[zz]\n"\\u001b[2J" = 1'
    yield "dunder", good + b"[__class__]\na = 1"
    yield "date for a table", b"study = 1979-05-27\nleaves = 1979-05-27\ndataset = 07:32:00"


def numbers(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield a file with each of its numbers replaced by what is none."""
    lines = OPENINGS[name].good.decode().splitlines()
    for at, line in enumerate(lines):
        key, equals, value = line.partition(" = ")
        if equals and value[0] in "0123456789-":
            huge = "1e400" if "." in value or "e" in value else "99999999999999999999"
            for wrong in ("nan", "-inf", "-1", huge, '"1"', "true"):
                told = "\n".join([*lines[:at], f"{key} = {wrong}", *lines[at + 1 :]])
                yield f"{key.strip()} is {wrong}", told.encode()


def notes(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield what is no signed text."""
    good = OPENINGS[name].good
    dash = "— ".encode()
    yield "pickle", pickle.dumps(Runs())
    yield "lines without end", b"\n" * MIB
    yield "100,000 signatures", good + good.splitlines(keepends=True)[-1] * 100_000
    yield "base64 without end", good.rstrip(b"\n") + b"A" * MIB + b"\n"
    yield "size without end", good.replace(b"\n3\n", b"\n" + b"9" * 10_000 + b"\n")
    yield "size in other digits", good.replace(b"\n3\n", "\n٣\n".encode())
    yield "size with a zero before it", good.replace(b"\n3\n", b"\n03\n")
    yield "carriage returns", good.replace(b"\n", b"\r\n")
    yield "dash of another kind", good.replace(dash, b"-- ")
    yield "zero byte", good.replace(b"\n3\n", b"\n3\0\n")
    yield "no UTF-8", b"\xff" + good
    yield "line separator", good.replace(b"cleveland\n", "cleveland\u2028".encode(), 1)
    yield "nothing", b""
    if name in {"checkpoint", "cosignature"}:
        root = bytes(32)
        for origin in ("../../etc", "modelward/va", "modelward/cleveland ", "x" * 60_000):
            signed = checkpoint.sign(Checkpoint(origin, 3, root), Signer(ORIGIN, PRIVATE))
            yield f"of {origin[:20]}", signed


def payloads() -> Iterator[tuple[str, str, bytes]]:
    """Yield reader, what is wrong, bytes."""
    for what, raw in bundles():
        yield "bundle", what, raw
    makers = {
        tables: JSON_FORMATS,
        twisted: SEALED,
        toml: TOML_FORMATS,
        numbers: ["study", "policy"],
        notes: ["checkpoint", "note", "history", "cosignature", "proof", "growth", "key"],
    }
    for make, names in makers.items():
        for name in names:
            for what, raw in make(name):
                if raw != OPENINGS[name].good:
                    yield name, what, raw
    for body in ({"a": "x" * MIB}, {"a": [0] * MIB}):
        table = {**as_table("message"), "body": body}
        yield "message", "longer than a message", canonical_bytes(table)


PAYLOADS = list(payloads())


def refusal(name: str, raw: bytes) -> tuple[str | None, float, int]:
    """Return what a reader says against bytes, its seconds of work, and bytes of memory."""
    read = OPENINGS[name].read
    tracemalloc.start()
    start = process_time()
    try:
        read(raw)
        said = None
    except ModelwardError as error:
        said = error.explain()
    finally:
        seconds, memory = process_time() - start, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return said, seconds, memory


@pytest.mark.parametrize("name", OPENINGS)
def test_what_is_good_is_taken_and_taken_again_when_it_is_signed_again(name):
    opening = OPENINGS[name]

    opening.read(opening.good)
    if opening.seal:
        opening.read(opening.seal(as_table(name)))


@pytest.mark.parametrize("name", OPENINGS)
def test_every_payload_is_refused_in_words_soon_and_in_little_memory(name):
    mine = [(what, raw) for reader, what, raw in PAYLOADS if reader == name]

    for what, raw in mine:
        said, seconds, memory = refusal(name, raw)
        assert said is not None, (name, what)
        assert len(said) < 20_000, (name, what, len(said))
        assert said.replace("\n", "").isprintable(), (name, what)
        assert seconds < SLOWEST_S, (name, what, seconds)
        assert memory < 16 * MIB + 40 * len(raw), (name, what, memory)


def test_there_are_more_than_sixty_and_they_differ():
    assert len({(name, raw) for name, _, raw in PAYLOADS}) > 600
    assert {name for name, _, _ in PAYLOADS} >= {
        "bundle", "card", "policy", "study", "checkpoint", "proof", "membership", "message",
    }  # fmt: skip


def test_a_message_may_be_a_megabyte_and_no_longer():
    table = as_table("message")
    seal = OPENINGS["message"].seal
    assert seal is not None
    room = envelope.MAX_BYTES - len(seal({**table, "body": {"a": ""}}))

    OPENINGS["message"].read(seal({**table, "body": {"a": "x" * room}}))
    with pytest.raises(ModelwardError, match="at most"):
        OPENINGS["message"].read(seal({**table, "body": {"a": "x" * (room + 1)}}))


def test_no_tensor_is_made_before_its_bytes_are_there():
    with pytest.raises(ModelwardError):
        bundle.parse_any(tensor(shape=[2**39], data_offsets=[0, 2**41]))
