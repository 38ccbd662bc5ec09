"""The stand-alone verifier finds every tampering, where modelward's own verifier finds it."""

import re
import runpy
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.canonical import canonical_bytes
from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, cosignature, entry
from modelward.ledger.note import Signer
from modelward.ledger.witnessed import WITNESSED
from tests.ledgers import KEY, ORIGIN, PRIVATE, STRANGER, fields, open_ledger, write
from tests.stand_alone import ROOT, TOOL, Case, check, modelward_says, tool_says
from tests.witnesses import KEYS, NOON, SIGNERS

VECTOR = ROOT / "tests/vectors/ledger"


def files_of(folder: Path) -> dict[str, bytes]:
    names = ("entries.jsonl", "checkpoints", WITNESSED)
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def flips(files: Mapping[str, bytes], masks: Sequence[int]) -> Iterator[Case]:
    """Yield the ledger with each byte changed once by each mask."""
    for name in ("entries.jsonl", "checkpoints"):
        whole = files[name]
        for at in range(len(whole)):
            for mask in masks:
                changed = whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :]
                yield Case(f"{name} byte {at} ^ {mask}", {**files, name: changed})


def cuts(files: Mapping[str, bytes]) -> Iterator[Case]:
    """Yield the ledger with each file cut at each byte."""
    for name in ("entries.jsonl", "checkpoints"):
        for size in range(len(files[name])):
            yield Case(f"{name} cut at {size}", {**files, name: files[name][:size]})


def moves(files: Mapping[str, bytes]) -> Iterator[Case]:
    """Yield the ledger with lines and checkpoints deleted, doubled, swapped and added."""
    lines = files["entries.jsonl"].splitlines(keepends=True)
    notes, _ = checkpoint.split_history(files["checkpoints"])
    for name, parts in (("entries.jsonl", lines), ("checkpoints", [n + b"\n" for n in notes])):
        for at in range(len(parts)):
            yield Case(f"{name} doubled {at}", {**files, name: joined(parts, at, at + 1, at)})
            if name == "entries.jsonl" or at == len(parts) - 1:
                yield Case(f"{name} deleted {at}", {**files, name: joined(parts, at, at + 1)})
            for other in range(at + 1, len(parts)):
                swapped = list(parts)
                swapped[at], swapped[other] = swapped[other], swapped[at]
                yield Case(f"{name} swapped {at}, {other}", {**files, name: b"".join(swapped)})
    added = b'{"seq":%d,"task":"forged"}\n' % len(lines)
    yield Case("added", {**files, "entries.jsonl": files["entries.jsonl"] + added})
    edited = files["entries.jsonl"].replace(b"01010101", b"01010102")
    yield Case("edited", {**files, "entries.jsonl": edited})


def joined(parts: Sequence[bytes], stop: int, start: int, again: int | None = None) -> bytes:
    """Return the parts without those from `stop` to `start`, or with part `again` twice."""
    if again is not None:
        return b"".join([*parts[: again + 1], *parts[again:]])
    return b"".join([*parts[:stop], *parts[start:]])


def histories(files: Mapping[str, bytes], tmp_path: Path) -> Iterator[Case]:
    """Yield rolled back, forked and re-signed ledgers, with what somebody kept."""
    notes, _ = checkpoint.split_history(files["checkpoints"])
    kept = notes[-1]
    rolled = files_of(write(tmp_path / "rolled", [2]))
    yield Case("rolled back", rolled, held=kept)
    with open_ledger(tmp_path / "fork") as ledger:
        ledger.append_all([fields(9)] * 2)
        ledger.append_all([fields(9)] * 3)
    fork = files_of(tmp_path / "fork")
    yield Case("rewritten", fork, held=kept)
    theirs, _ = checkpoint.split_history(fork["checkpoints"])
    mixed = b"".join(each + b"\n" for each in [notes[0], theirs[1], notes[2]])
    yield Case("two histories", {**files, "checkpoints": mixed})
    states = [checkpoint.read(each, KEY) for each in notes]
    stranger = Signer(ORIGIN, STRANGER)
    resigned = b"".join(checkpoint.sign(each, stranger) + b"\n" for each in states)
    yield Case("signed by another key", {**files, "checkpoints": resigned})
    renamed = Signer("modelward/hungary", PRIVATE)
    foreign = b"".join(checkpoint.sign(each, renamed) + b"\n" for each in states)
    yield Case("signed by another name", {**files, "checkpoints": foreign})
    yield Case("held is forged", files, held=checkpoint.sign(states[1], stranger))
    one = cosignature.attach(kept, cosignature.cosign(kept, SIGNERS[0], NOON))
    both = [each.text for each in KEYS[:2]]
    yield Case("too few cosigned", files, held=one, witnesses=both)
    yield Case("one counted twice", files, held=one, witnesses=[both[0], both[0]])
    yield Case("rolled back, cosigned", rolled, held=one, witnesses=both[:1])
    bad = one.replace(one[-20:-10], one[-10:][::-1][:10])
    yield Case("cosignature damaged", files, held=bad, witnesses=both[:1])
    yield Case("none witnessed", files, witnesses=both)


@pytest.fixture
def ledger(tmp_path: Path) -> dict[str, bytes]:
    """Return the files of a ledger of five entries in batches of two and three."""
    return files_of(write(tmp_path / "ledger", [2, 3]))


@pytest.mark.slow
def test_every_flipped_byte_is_found_at_its_place(ledger, tmp_path):
    check(list(flips(ledger, [0x01])), tmp_path)


def cosigned(files: Mapping[str, bytes], masks: Sequence[int]) -> list[Case]:
    """Return the ledger with each byte of its cosigned checkpoint changed once by each mask."""
    notes, _ = checkpoint.split_history(files["checkpoints"])
    lines = [cosignature.cosign(notes[-1], signer, NOON) for signer in SIGNERS[:2]]
    good, keys = cosignature.attach(notes[-1], *lines), [each.text for each in KEYS[:2]]
    flipped = (
        (at, mask, good[:at] + bytes([good[at] ^ mask]) + good[at + 1 :])
        for at in range(len(good))
        for mask in masks
    )
    return [
        Case(f"witnessed {at} ^ {mask}", {**files, WITNESSED: bad}, witnesses=keys)
        for at, mask, bad in flipped
    ]


@pytest.mark.slow
def test_every_flipped_byte_of_what_witnesses_signed_is_found(ledger, tmp_path):
    check(cosigned(ledger, [0x01]), tmp_path)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_every_flipped_bit_is_found_at_its_place(ledger, tmp_path):
    masks = [1 << bit for bit in range(8)]
    check([*flips(ledger, masks), *cosigned(ledger, masks)], tmp_path)


@pytest.mark.slow
def test_every_cut_is_found_at_its_place(ledger, tmp_path):
    check(list(cuts(ledger)), tmp_path)


def test_every_move_is_found_at_its_place(ledger, tmp_path):
    check(list(moves(ledger)), tmp_path)


def test_every_other_history_is_found(ledger, tmp_path):
    check(list(histories(ledger, tmp_path)), tmp_path)


def test_a_ledger_that_holds_is_accepted_with_all_that_was_kept_of_it(ledger, tmp_path):
    notes, _ = checkpoint.split_history(ledger["checkpoints"])
    lines = [cosignature.cosign(notes[1], signer, NOON) for signer in SIGNERS]
    seen = cosignature.attach(notes[1], *lines)
    keys = [each.text for each in KEYS]
    cases = [
        Case("plain", ledger),
        Case("held", ledger, held=notes[0]),
        Case("cosigned", ledger, held=seen, witnesses=keys),
        Case("witnessed", {**ledger, WITNESSED: seen}, witnesses=[SIGNERS[1].key.text]),
    ]

    (tmp_path / "scratch").mkdir()
    for case, (code, said) in zip(cases, tool_says(cases, tmp_path / "scratch"), strict=True):
        assert (code, modelward_says(case, tmp_path / "folder")) == (0, None), said
        assert said.startswith(f"ok: 5 entries of {ORIGIN}, root ")
        assert said.count("seen: 2 entries by ") == len(case.witnesses)


def test_it_runs_alone_and_its_exit_code_tells():
    vector, key = ROOT / "tests/vectors/ledger", ROOT / "tests/vectors/ledger/key.pub"

    def run(*options: str | Path) -> int:
        command = [sys.executable, "-I", TOOL, *options]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert run(vector, "--key", key) == 0
    assert run(vector, "--key", KEYS[0].text) == 1
    assert run(vector / "missing", "--key", key) == 1
    assert run(vector) == 2


def test_it_is_one_file_that_a_person_can_read():
    text = TOOL.read_text()

    assert len(text.splitlines()) <= 480
    assert "modelward" not in re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE)


@pytest.fixture(scope="module")
def tool() -> SimpleNamespace:
    """Return the tool's functions, in this process."""
    return SimpleNamespace(**runpy.run_path(str(TOOL)))


def seq_of(tool: SimpleNamespace, line: bytes, known: Any = None) -> object:
    """Return the number that the tool reads on a line, or None."""
    try:
        return (known or tool.Lines()).seq_of(line)
    except tool.Bad:
        return None


def decoded(line: bytes) -> object:
    try:
        return entry.decode(line)["seq"]
    except LedgerBroken:
        return None


numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(st.characters(codec="utf-8"), max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(value=values.filter(lambda value: value not in (2**53, -(2**53))))
def test_both_read_every_value_alike(tool, value):
    try:
        line = canonical_bytes({"a": value, "seq": 7}) + b"\n"
    except Exception:  # noqa: BLE001 - a value without canonical form is another test's
        return
    known = tool.Lines()
    assert seq_of(tool, line, known) == decoded(line)
    assert seq_of(tool, line, known) == decoded(line)  # by its pattern now


@given(
    text=st.text(st.sampled_from('{}[]":,0123456789.eE+-\\u nrtaf\x7fé\U0001f600'), max_size=30)
)
def test_both_judge_every_spelling_alike(tool, text):
    for line in (text, f'{{"a":{text},"seq":7}}', f'{{"{text}":1,"seq":7}}'):
        raw = line.encode() + b"\n"
        assert seq_of(tool, raw) == decoded(raw), raw


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_a_pattern_takes_nothing_that_the_full_check_refuses(tool, step):
    line = (VECTOR / "entries.jsonl").read_bytes().splitlines(keepends=True)[1]
    known = tool.Lines()
    assert seq_of(tool, line, known) == 1

    for at in range(0, len(line), step):
        for byte in range(256):
            changed = line[:at] + bytes([byte]) + line[at + 1 :]
            assert seq_of(tool, changed, known) == decoded(changed), changed


@pytest.mark.parametrize("depth", [1, 62, 63, 64, 200, 500, 10_000])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_both_read_nested_entries_to_the_same_depth(tool, depth, opened, closed):
    line = f'{{"a":{opened * depth}1{closed * depth},"seq":7}}\n'.encode()

    assert seq_of(tool, line) == decoded(line) == (7 if depth < 64 else None)


def test_a_ledger_of_more_shapes_than_are_remembered_is_read_to_its_end(tool):
    known = tool.Lines()
    lines = [
        canonical_bytes({"seq": number, f"k{number}": True}) + b"\n" for number in range(200)
    ]

    assert [known.seq_of(line) for line in lines] == list(range(200))
    assert known.count == tool.SHAPES
