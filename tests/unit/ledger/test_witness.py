"""A witness cosigns what extends what it saw, and keeps evidence of what does not."""

import shutil
from pathlib import Path

import pytest

from modelward.errors import LedgerBroken, StorageError
from modelward.ledger import alarm, checkpoint, cosignature, kinds
from modelward.ledger.alarm import Alarm
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.note import Signer
from modelward.ledger.request import Request, parse
from modelward.ledger.witness import Behind, Cosigned
from tests.disks import largest_file
from tests.ledgers import KEY, ORIGIN, STRANGER, fields, open_ledger, write
from tests.witnesses import KEYS, NOON, asked, line_of, open_witness


@pytest.fixture
def seen(tmp_path: Path) -> tuple[Path, Path]:
    """Return a ledger of five entries, of which the witness has cosigned 2 and then 5."""
    site, witness = tmp_path / "site", tmp_path / "witness"
    with open_witness(witness) as hub:
        write(site, [2])
        line_of(hub.answer(asked(site, 0), KEY))
        write(site, [1])
        shutil.copytree(site, tmp_path / "three")
        write(site, [2])
        line_of(hub.answer(asked(site, 2), KEY))
    return site, witness


def answer(witness: Path, request: Request) -> Cosigned | Behind | Alarm:
    """Open the witness again and ask it."""
    with open_witness(witness) as hub:
        return hub.answer(parse(request.encode()), KEY)


def rewritten(folder: Path, batches: list[int]) -> Path:
    """Return a ledger by the same key with other entries."""
    with open_ledger(folder) as ledger:
        for size in batches:
            ledger.append_all([fields(9)] * size)
    return folder


def raised(found: object) -> Alarm:
    assert isinstance(found, Alarm), found
    return found


def test_the_first_checkpoint_is_cosigned_whatever_its_size(tmp_path):
    site = write(tmp_path / "site", [3])
    given = asked(site, 0)

    line = line_of(answer(tmp_path / "witness", given))

    assert cosignature.cosigned_at(cosignature.attach(given.signed, line), KEYS[0]) == NOON


def test_a_ledger_that_grew_is_cosigned_and_remembered(seen):
    site, witness = seen
    write(site, [4])

    line_of(answer(witness, asked(site, 5)))

    assert answer(witness, asked(site, 2)) == answer(witness, asked(site, 9))
    write(site, [1])
    assert answer(witness, asked(site, 5)) == Behind(9)


def test_the_same_checkpoint_is_cosigned_again(seen):
    site, witness = seen

    assert answer(witness, asked(site, 2)) == answer(witness, asked(site, 5))
    assert isinstance(answer(witness, asked(site, 5)), Cosigned)


def test_a_late_copy_of_a_checkpoint_it_saw_raises_no_alarm(seen, tmp_path):
    _, witness = seen
    late = asked(write(tmp_path / "late", [2]), 0)

    assert answer(witness, late) == Behind(5)
    with open_witness(witness) as hub:
        assert hub.alarms.all() == ()


def test_a_proof_from_elsewhere_is_asked_for_again(seen):
    site, witness = seen
    write(site, [1])

    assert answer(witness, asked(site, 2)) == Behind(5)
    assert isinstance(answer(witness, asked(site, 5)), Cosigned)


def test_a_proof_for_the_first_checkpoint_is_refused(tmp_path):
    site = write(tmp_path / "site", [3])

    assert answer(tmp_path / "witness", asked(site, 2)) == Behind(0)


def test_a_ledger_that_was_rolled_back_and_written_again_raises_an_alarm(seen, tmp_path):
    _, witness = seen
    with open_ledger(tmp_path / "three") as ledger:
        ledger.append(fields(9))

    found = raised(answer(witness, asked(tmp_path / "three", 2)))

    assert found.finding == "rollback"
    assert [state.size for state in found.states] == [5, 4]


@pytest.mark.parametrize(("batches", "held"), [([2], 2), ([2, 3], 5)])
def test_two_histories_of_one_size_raise_an_alarm_that_convicts(seen, tmp_path, batches, held):
    _, witness = seen

    found = raised(answer(witness, asked(rewritten(tmp_path / "other", batches), 0)))

    assert found.finding == "split"
    ours, theirs = found.states
    assert ours.size == theirs.size == held
    assert ours.root != theirs.root
    for evidence in (found.held, found.shown):
        checkpoint.read(evidence, KEY)


def test_a_longer_history_without_proof_raises_an_alarm(seen, tmp_path):
    _, witness = seen
    longer = asked(rewritten(tmp_path / "other", [6]), 5)

    found = raised(answer(witness, longer))

    assert found.finding == "inconsistent"
    assert [state.size for state in found.states] == [5, 6]


def test_a_damaged_proof_raises_an_alarm(seen):
    site, witness = seen
    write(site, [1])
    good = asked(site, 5)

    bad = Request(good.old, (bytes(32), *good.path[1:]), good.signed)

    assert raised(answer(witness, bad)).finding == "inconsistent"


def test_an_alarm_stops_the_cosignatures_until_a_person_settles_it(seen, tmp_path):
    site, witness = seen
    found = raised(answer(witness, asked(rewritten(tmp_path / "other", [2]), 0)))

    assert answer(witness, asked(site, 5)) == found
    with open_witness(witness) as hub:
        assert hub.alarms.standing(ORIGIN) == found
        with pytest.raises(LedgerBroken, match="cannot be settled"):
            hub.alarms.settle(found.id, by="", reason="test of the alarm")
        hub.alarms.settle(found.id, by="A. Officer", reason="test of the alarm")
    assert isinstance(answer(witness, asked(site, 5)), Cosigned)
    with open_witness(witness) as hub:
        (kept,) = hub.alarms.all()
    assert kept.settled == "2026-11-20T12:00:00Z A. Officer: test of the alarm"


def test_an_alarm_about_one_ledger_does_not_stop_another(seen, tmp_path):
    _, witness = seen
    answer(witness, asked(rewritten(tmp_path / "other", [2]), 0))
    stranger = Signer("modelward/stranger", STRANGER)
    other = checkpoint.sign(Checkpoint(stranger.name, 1, bytes(32)), stranger)

    with open_witness(witness) as hub:
        assert isinstance(hub.answer(Request(0, (), other), stranger.key), Cosigned)


def test_an_alarm_says_what_to_do_and_fits_the_ledger_of_the_witness(seen, tmp_path):
    _, witness = seen
    found = raised(answer(witness, asked(rewritten(tmp_path / "other", [2]), 0)))

    assert "signed two histories of 2 entries" in found.explain()
    assert kinds.fields("alarm", **found.fields)["finding"] == "split"
    assert alarm.decode(alarm.encode(found)) == found


def test_a_checkpoint_that_the_site_did_not_sign_is_no_evidence(seen):
    site, witness = seen
    forged = checkpoint.sign(Checkpoint(ORIGIN, 5, bytes(32)), Signer(ORIGIN, STRANGER))

    with pytest.raises(LedgerBroken, match="no signature by"):
        answer(witness, Request(5, (), forged))
    assert isinstance(answer(witness, asked(site, 5)), Cosigned)


def test_another_key_under_the_same_name_is_refused(seen):
    _, witness = seen
    impostor = Signer(ORIGIN, STRANGER)
    forged = checkpoint.sign(Checkpoint(ORIGIN, 9, bytes(32)), impostor)

    with open_witness(witness) as hub, pytest.raises(LedgerBroken, match="checkpoint 1 does"):
        hub.answer(Request(5, (), forged), impostor.key)


def test_a_crash_at_any_byte_of_its_memory_loses_nothing_that_was_answered(seen):
    site, witness = seen
    memory = witness / "seen"
    before = memory.read_bytes()
    write(site, [1])
    line_of(answer(witness, asked(site, 5)))
    after = memory.read_bytes()

    for kept in range(len(before), len(after)):
        memory.write_bytes(after[:kept])
        line_of(answer(witness, asked(site, 5)))
        assert memory.read_bytes() == after


def test_nothing_is_cosigned_that_cannot_be_remembered(seen):
    site, witness = seen
    memory = witness / "seen"
    before = memory.read_bytes()
    write(site, [1])
    given = asked(site, 5)

    with (
        open_witness(witness) as hub,
        largest_file(len(before) + 10),
        pytest.raises(StorageError),
    ):
        hub.answer(given, KEY)

    assert memory.read_bytes() == before
    assert isinstance(answer(witness, given), Cosigned)


def test_two_processes_are_not_one_witness(tmp_path):
    with open_witness(tmp_path), pytest.raises(StorageError, match="another process"):
        open_witness(tmp_path)


@pytest.mark.parametrize("bad", [b"{}", b"[]", b"\xff", b'{"finding":1}'])
def test_an_alarm_that_cannot_be_read_is_not_passed_over(tmp_path, bad):
    open_witness(tmp_path).close()
    (tmp_path / "alarms" / "x.json").write_bytes(bad)

    with pytest.raises(LedgerBroken, match="not an alarm"):
        open_witness(tmp_path)
