"""What was decided once stays decided, for a site that comes back as well."""

import pytest

from modelward.core.task import Task
from modelward.errors import StorageError
from modelward.privacy.masks.journal import FileJournal

QUESTION = Task(study="s" * 64, round_no=3, kind="train", model="m" * 64)


def test_the_first_decision_stands_also_for_whoever_opens_it_again(tmp_path):
    assert FileJournal.of(tmp_path, QUESTION).once("list", b"these") == b"these"

    assert FileJournal.of(tmp_path, QUESTION).once("list", b"others") == b"these"
    assert FileJournal.of(tmp_path, QUESTION).kept("peers") is None


def test_another_question_of_the_same_round_and_kind_meets_the_same_decisions(tmp_path):
    FileJournal.of(tmp_path, QUESTION).once("session", b"one")
    other = Task(study="s" * 64, round_no=3, kind="train", model="n" * 64)
    following = Task(study="s" * 64, round_no=4, kind="train", model="m" * 64)

    assert FileJournal.of(tmp_path, other).kept("session") == b"one"
    assert FileJournal.of(tmp_path, following).kept("session") is None


def test_secrets_are_readable_by_their_owner_only(tmp_path):
    FileJournal(tmp_path / "q").once("entropy", b"secret")

    assert (tmp_path / "q" / "entropy").stat().st_mode & 0o077 == 0


def test_a_decision_that_cannot_be_read_stops_everything(tmp_path):
    (tmp_path / "q" / "list").mkdir(parents=True)

    with pytest.raises(StorageError, match="cannot be read"):
        FileJournal(tmp_path / "q").kept("list")
