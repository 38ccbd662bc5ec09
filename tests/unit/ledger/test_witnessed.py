"""A site that comes back learns from a majority what it once showed."""

import shutil
from itertools import combinations
from pathlib import Path

import pytest

from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, cosignature, witnessed
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.log import Ledger
from modelward.ledger.note import Signer
from modelward.ledger.witnessed import latest_from_witnesses
from tests.ledgers import KEY, ORIGIN, PRIVATE, fields, open_ledger, write
from tests.witnesses import KEYS, NOON, SIGNERS, after, asked, line_of, open_witness


def reply(size: int, *numbers: int, minutes: int = 0, root: int = 0) -> bytes:
    """Return a checkpoint of made-up root that the witnesses of these numbers cosigned."""
    state = Checkpoint(ORIGIN, size, bytes([root or size]) * 32)
    signed = checkpoint.sign(state, Signer(ORIGIN, PRIVATE))
    lines = [cosignature.cosign(signed, SIGNERS[each], after(minutes)) for each in numbers]
    return cosignature.attach(signed, *lines)


def size_of(*replies: bytes) -> int:
    return latest_from_witnesses(replies, KEY, KEYS, since=NOON).size


def test_the_largest_checkpoint_that_anybody_of_a_majority_saw_counts():
    assert size_of(reply(5, 0), reply(7, 1)) == 7
    assert size_of(reply(7, 1), reply(5, 0), reply(6, 2)) == 7
    assert size_of(reply(5, 0, 2)) == 5


def test_what_a_majority_cosigned_is_known_to_every_other_majority():
    for cosigners in combinations(range(3), 2):
        for answering in combinations(range(3), 2):
            replies = [reply(9 if each in cosigners else 4, each) for each in answering]
            assert size_of(*replies) == 9


@pytest.mark.parametrize("replies", [(), (reply(5, 0),), (reply(5, 0), reply(7, 0))])
def test_a_minority_decides_nothing(replies):
    with pytest.raises(LedgerBroken, match=r"[01] of 3 witnesses said .* 2 must"):
        size_of(*replies)


def test_an_old_answer_that_is_repeated_does_not_count():
    with pytest.raises(LedgerBroken, match="1 of 3"):
        size_of(reply(5, 0), reply(5, 1, minutes=-1))


def test_two_histories_among_the_answers_are_named():
    with pytest.raises(LedgerBroken, match="signed two histories of 5 entries"):
        size_of(reply(5, 0), reply(5, 1, root=9))


def test_an_answer_that_the_site_never_signed_is_refused():
    forged = checkpoint.sign(Checkpoint(SIGNERS[0].name, 9, bytes(32)), SIGNERS[0])

    with pytest.raises(LedgerBroken, match="no signature by"):
        size_of(forged, reply(5, 1), reply(5, 2))


def recalled(tmp_path: Path) -> Checkpoint:
    """Return what two of three witnesses say."""
    replies = []
    for number in (0, 2):
        with open_witness(tmp_path / f"w{number}", number) as witness:
            replies.append(witness.recall(KEY) or b"")
    return latest_from_witnesses(replies, KEY, KEYS, since=NOON)


def show(tmp_path: Path, site: Path, old: int) -> None:
    """Let all three witnesses cosign what `site` holds."""
    for number in range(3):
        with open_witness(tmp_path / f"w{number}", number) as witness:
            line_of(witness.answer(asked(site, old), KEY))


def test_a_ledger_that_was_restored_from_a_backup_does_not_go_on(tmp_path):
    site, backup = write(tmp_path / "site", [2]), tmp_path / "backup"
    shutil.copytree(site, backup)
    show(tmp_path, site, 0)
    show(tmp_path, write(site, [3]), 2)

    seen = recalled(tmp_path)

    with open_ledger(site) as ledger:
        witnessed.confront(ledger, seen)
        ledger.append(fields(9))
        witnessed.confront(ledger, seen)
    with open_ledger(backup) as ledger:
        with pytest.raises(LedgerBroken, match="has 2 entries, and its witnesses saw 5"):
            witnessed.confront(ledger, seen)
        ledger.append_all([fields(9)] * 4)
        with pytest.raises(LedgerBroken, match="first 5 entries are not those"):
            witnessed.confront(ledger, seen)


def test_a_witness_that_saw_nothing_recalls_nothing(tmp_path):
    with open_witness(tmp_path) as witness:
        assert witness.recall(KEY) is None


def test_cosigned_checkpoints_are_kept_only_of_this_history(tmp_path):
    site = write(tmp_path / "site", [2])
    with open_ledger(site) as ledger:
        good = cosigned(ledger)
        witnessed.keep(ledger, good)
        with pytest.raises(LedgerBroken, match="not those that the witnesses saw"):
            witnessed.keep(ledger, reply(2, 0))

    assert witnessed.kept(site) == good
    assert witnessed.kept(tmp_path) is None


def cosigned(ledger: Ledger) -> bytes:
    line = cosignature.cosign(ledger.checkpoint, SIGNERS[0], NOON)
    return cosignature.attach(ledger.checkpoint, line)
