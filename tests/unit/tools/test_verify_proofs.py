"""The stand-alone verifier checks the small files that `modelward ledger prove` writes."""

import runpy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from modelward.errors import LedgerBroken
from modelward.ledger import archive, checkpoint, cosignature, growth, merkle, witnessed
from modelward.ledger.note import Signer
from tests.ledgers import KEY, ORIGIN, STRANGER, fields, open_ledger, write
from tests.stand_alone import TOOL, Case, check, modelward_says, tool_says
from tests.witnesses import KEYS, NOON, SIGNERS

WITNESS = [KEYS[0].text]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a ledger of seven entries, all of them cosigned by one witness."""
    folder = write(tmp_path_factory.mktemp("site"), [2, 1, 2, 2])
    with open_ledger(folder) as ledger:
        line = cosignature.cosign(ledger.checkpoint, SIGNERS[0], NOON)
        witnessed.keep(ledger, cosignature.attach(ledger.checkpoint, line))
    return folder


def notes_of(folder: Path) -> list[bytes]:
    """Return every checkpoint of a ledger."""
    return checkpoint.split_history((folder / "checkpoints").read_bytes())[0]


def entry_case(folder: Path, index: int) -> Case:
    """Return the proof of an entry, as it was made."""
    raw = archive.read(folder, KEY, witnessed=True).prove(index).encode()
    return Case(f"entry {index}", {"proof": raw}, witnesses=WITNESS, about="proof")


def growth_case(folder: Path, held: bytes) -> Case:
    """Return the proof of growth since `held`, as it was made."""
    raw = growth.prove(archive.read(folder, KEY, witnessed=True), held, KEY).encode()
    return Case("growth", {"proof": raw}, held, WITNESS, "proof")


def spoiled(case: Case, masks: Sequence[int], step: int = 1) -> Iterator[Case]:
    """Yield a proof with each byte changed, and cut at each `step`-th byte."""
    raw = case.files["proof"]
    for at in range(len(raw)):
        if at % step == 0:
            yield told(case, f"cut at {at}", raw[:at])
        for mask in masks:
            changed = raw[:at] + bytes([raw[at] ^ mask]) + raw[at + 1 :]
            yield told(case, f"byte {at} ^ {mask}", changed)


def told(case: Case, how: str, raw: bytes) -> Case:
    """Return the case with another proof."""
    files: Mapping[str, bytes] = {"proof": raw}
    return Case(f"{case.name}, {how}", files, case.held, case.witnesses, case.about)


def test_every_entry_and_every_growth_is_accepted_by_both(site, tmp_path):
    cases = [entry_case(site, index) for index in range(7)]
    cases += [growth_case(site, note) for note in notes_of(site)]

    (tmp_path / "scratch").mkdir()
    for case, (code, said) in zip(cases, tool_says(cases, tmp_path / "scratch"), strict=True):
        assert (code, modelward_says(case, tmp_path)) == (0, None), (case.name, said)
        assert "\nseen: 7 entries by hub at 2026-11-20 12:00:00+00:00" in said
    assert '"task": "t6"' in tool_says([entry_case(site, 6)], tmp_path / "scratch")[0][1]


@pytest.mark.slow
def test_every_flipped_byte_of_a_proof_is_found(site, tmp_path):
    changed = [*spoiled(entry_case(site, 4), [0x01], step=11)]
    changed += spoiled(growth_case(site, notes_of(site)[2]), [0x01], step=11)

    check(changed, tmp_path)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_every_flipped_bit_and_every_cut_of_a_proof_is_found(site, tmp_path):
    masks = [1 << bit for bit in range(8)]
    changed = [*spoiled(entry_case(site, 4), masks)]
    changed += spoiled(growth_case(site, notes_of(site)[2]), masks)

    check(changed, tmp_path)


def test_every_flipped_byte_of_the_held_checkpoint_is_found(site, tmp_path):
    good = growth_case(site, notes_of(site)[2])
    held = good.held or b""

    flipped = (held[:at] + bytes([held[at] ^ 1]) + held[at + 1 :] for at in range(len(held)))
    check([Case("held", good.files, each, WITNESS, "proof") for each in flipped], tmp_path)


def test_a_proof_of_something_else_is_refused(site, tmp_path):
    notes = notes_of(site)
    growing = growth_case(site, notes[2])
    proven = entry_case(site, 4).files["proof"].decode()
    other = entry_case(site, 3).files["proof"].decode()
    stranger = checkpoint.sign(checkpoint.read(notes[2], KEY), Signer(ORIGIN, STRANGER))
    with open_ledger(tmp_path / "fork") as ledger:
        ledger.append_all([fields(9)] * 3)
    fork = notes_of(tmp_path / "fork")[-1]
    extra, theirs = proven.split("\n")[1], other.split("\n")[1]

    check(
        [
            Case("held is younger", growing.files, notes[3], WITNESS, "proof"),
            Case("held is forked", growing.files, fork, WITNESS, "proof"),
            Case("held by another key", growing.files, stranger, WITNESS, "proof"),
            Case("held is empty", growing.files, b"", WITNESS, "proof"),
            Case("growth without held", growing.files, None, WITNESS, "proof"),
            Case("an entry with held", {"proof": proven.encode()}, notes[2], WITNESS, "proof"),
            Case("nobody cosigned", growing.files, notes[2], [KEYS[1].text], "proof"),
            told(growing, "two in one", growing.files["proof"] * 2),
            told(growing, "nothing", b""),
            told(growing, "large", b"old 2\n" * 10**5),
            told(
                entry_case(site, 4), "of another entry", proven.replace(extra, theirs).encode()
            ),
        ],
        tmp_path,
    )


def test_nothing_is_proven_that_does_not_hold(site, tmp_path):
    ledger = archive.read(write(tmp_path / "short", [2]), KEY)
    with open_ledger(tmp_path / "fork") as fork:
        fork.append_all([fields(9)] * 2)

    with pytest.raises(LedgerBroken, match="ends at 2 entries, and that checkpoint"):
        growth.prove(ledger, notes_of(site)[-1], KEY)
    with pytest.raises(LedgerBroken, match="the first 2 entries are not those"):
        growth.prove(ledger, notes_of(tmp_path / "fork")[-1], KEY)


def test_every_small_tree_is_judged_as_modelward_judges_it():
    tool = SimpleNamespace(**runpy.run_path(str(TOOL)))
    leaves = [merkle.leaf_hash(bytes([number])) for number in range(20)]
    roots = [merkle.root(leaves[:size]) for size in range(21)]

    def holds(check: object, *asked: object) -> bool:
        assert callable(check)
        try:
            check(*asked)
        except (tool.Bad, LedgerBroken):
            return False
        return True

    for size in range(1, 21):
        for place in range(size + 1):
            path = list(merkle.consistency_path(place, leaves[:size]))
            for steps in (path, path[:-1], [*path, roots[1]], path[::-1]):
                asked = (place, roots[place]), (size, roots[size]), steps
                ours = holds(merkle.verify_consistency, *asked)
                assert holds(tool.check_growth, *asked) == ours
                assert ours or steps != path
        for index in range(size):
            route = list(merkle.inclusion_path(index, leaves[:size]))
            for claimed in range(size + 1):
                state = size, roots[size]
                found = holds(tool.check_inclusion, leaves[index], claimed, route, state)
                assert found == (claimed == index)
