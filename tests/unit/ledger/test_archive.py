"""One entry is proven and all are published from a ledger that holds, and from no other."""

import struct
from hashlib import sha256
from pathlib import Path

import pytest

from modelward.errors import LedgerBroken
from modelward.ledger import archive, merkle, proof, witnessed
from modelward.ledger.proof import Proof
from tests.ledgers import KEY, open_ledger, write
from tests.unit.ledger.test_witnessed import cosigned
from tests.witnesses import KEYS, NAMES, NOON

SIZE = 300


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a ledger of 300 entries, the first 298 of them cosigned."""
    folder = write(tmp_path_factory.mktemp("ledger"), [8, 290])
    with open_ledger(folder) as opened:
        witnessed.keep(opened, cosigned(opened))
    return write(folder, [2])


def test_every_entry_is_proven_by_a_small_file(ledger):
    found = archive.read(ledger, KEY)

    for index in (0, 1, 255, 256, SIZE - 1):
        raw = found.prove(index).encode()
        proven = proof.verify(proof.parse(raw), KEY)
        assert proven.entry["task"] == f"t{index}"
        assert proven.witnessed.checkpoint.size == SIZE
        assert len(raw) < 1500


def test_a_proof_may_stand_under_what_witnesses_cosigned(ledger):
    found = archive.read(ledger, KEY, witnessed=True)

    proven = proof.verify(found.prove(297), KEY, KEYS[:2], need=1)

    assert proven.witnessed.times == {NAMES[0]: NOON}
    with pytest.raises(LedgerBroken, match="1 of 2 witnesses cosigned"):
        proof.verify(found.prove(297), KEY, KEYS[:2], need=2)
    with pytest.raises(LedgerBroken, match="no entry 298 in a tree of 298"):
        found.prove(298)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_no_byte_of_a_proof_can_be_changed(ledger, mask):
    raw = archive.read(ledger, KEY).prove(7).encode()

    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= mask
        with pytest.raises(LedgerBroken):
            proof.verify(proof.parse(bytes(changed)), KEY)
        with pytest.raises(LedgerBroken):
            proof.verify(proof.parse(raw[:at]), KEY)


def test_an_entry_at_another_place_is_refused(ledger):
    found = archive.read(ledger, KEY)

    moved = Proof(7, found.prove(7).path, found.signed, found.prove(8).line)
    with pytest.raises(LedgerBroken, match="entry 7 is not shown"):
        proof.verify(moved, KEY)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"index 7", b"index 07"),
        (b"index 7", b"index +7"),
        (b"index 7", b"Index 7"),
        (b"extra ", b"extra"),
        (b"@v1", b"@v2"),
        (b"\n\n", b"\n"),
        (b"=\n", b"\n"),
    ],
)
def test_a_proof_has_one_spelling(ledger, old, new):
    raw = archive.read(ledger, KEY).prove(7).encode()

    with pytest.raises(LedgerBroken):
        proof.verify(proof.parse(raw.replace(old, new, 1)), KEY)


def test_a_proof_that_is_too_long_is_not_read():
    with pytest.raises(LedgerBroken, match="more than 262,144"):
        proof.parse(bytes(2**18 + 1))
    with pytest.raises(LedgerBroken, match="at most 63 hashes"):
        proof.parse_hashes(proof.hash_lines([bytes(32)] * 64))


def test_artifacts_are_found_by_their_hash(tmp_path):
    with open_ledger(tmp_path) as opened:
        opened.append({"kind": "refusal", "sha256": "aa"})
        opened.append_all([{"kind": "release", "sha256": each} for each in ("aa", "bb", "aa")])

    assert archive.read(tmp_path, KEY).releases("aa") == [1, 3]


def test_nothing_is_proven_from_a_ledger_that_was_changed(tmp_path):
    write(tmp_path, [2])
    entries = tmp_path / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b"release", b"refusal"))

    with pytest.raises(LedgerBroken, match="does not hold the 2 entries"):
        archive.read(tmp_path, KEY)
    with pytest.raises(LedgerBroken, match="cannot be read"):
        archive.read(tmp_path / "missing", KEY)


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (3, 1234067, 256, "tile/3/x001/x234/067"),  # the example of C2SP tlog-tiles
        ("entries", 999, 7, "tile/entries/999.p/7"),
        ("entries", 1000, 255, "tile/entries/x001/000.p/255"),
    ],
)
def test_tiles_lie_where_the_format_says(level, index, width, path):
    assert archive.tile_path(level, index, width) == path


def test_tiles_can_be_read_back_by_somebody_who_knows_only_the_format(ledger, tmp_path):
    files = archive.export(archive.read(ledger, KEY), tmp_path)

    found = {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()}
    assert found == {
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    }
    assert files == len(found)
    entries = []
    for name in ("000", "001.p/44"):
        raw = (tmp_path / "tile/entries" / name).read_bytes()
        while raw:
            (size,) = struct.unpack(">H", raw[:2])
            entries.append(raw[2 : 2 + size])
            raw = raw[2 + size :]
    assert b"".join(each + b"\n" for each in entries) == (ledger / "entries.jsonl").read_bytes()
    leaves = b"".join(sha256(b"\0" + each).digest() for each in entries)
    hashes = [(tmp_path / "tile/0" / each).read_bytes() for each in ("000", "001.p/44")]
    assert b"".join(hashes) == leaves
    full = [leaves[at : at + 32] for at in range(0, 256 * 32, 32)]
    assert (tmp_path / "tile/1/000.p/1").read_bytes() == merkle.root(full)
    assert (tmp_path / "checkpoint").read_bytes() == archive.read(ledger, KEY).signed
