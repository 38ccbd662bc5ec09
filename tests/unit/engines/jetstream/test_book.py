"""Messages are kept whole, known again, and refused when they are replayed."""

import os
from datetime import datetime, timedelta

import pytest

from modelward.artifact.envelope import Envelope, Kind, seal, unseal
from modelward.engines.jetstream.messages.book import VALID, Book
from modelward.engines.jetstream.messages.count_from import restored
from modelward.engines.jetstream.messages.remembered import REMEMBERED
from modelward.errors import MessageRefused, StorageError
from tests.disks import largest_file
from tests.letters import HUB, MODEL, MORNING, STRANGER, STUDY, letter

BODY = {"kind": "train", "model": MODEL}


@pytest.fixture
def book(tmp_path):
    made = Book(tmp_path, "hub", HUB)
    yield made
    made.close()


def written(book: Book, round_no: int = 1) -> bytes:
    return book.write("task", study=STUDY, round_no=round_no, body=BODY, now=MORNING)


def read(raw: bytes) -> Envelope:
    return unseal(raw, {"hub": HUB.public_key()}, now=MORNING)


def test_sequences_count_up_and_go_on_after_a_restart(tmp_path):
    first = Book(tmp_path, "hub", HUB)
    for expected in (1, 2):
        raw = written(first, round_no=expected)
        assert read(raw).sequence == expected
        first.keep(STUDY, raw)
    first.close()

    again = Book(tmp_path, "hub", HUB)
    assert read(written(again)).sequence == 3
    again.close()


def test_a_restored_book_counts_on_from_a_number_that_was_never_used(tmp_path):
    number = restored(tmp_path, MORNING)
    book = Book(tmp_path, "hub", HUB)
    raw = written(book)
    book.keep(STUDY, raw)

    assert (read(raw).sequence, read(written(book)).sequence) == (number, number + 1)
    book.close()
    assert restored(tmp_path, MORNING + timedelta(days=1)) > number + 1


def test_a_number_that_cannot_be_read_is_not_passed_over(tmp_path):
    (tmp_path / "count-from").write_text("many")

    with pytest.raises(StorageError, match="holds no number"):
        Book(tmp_path, "hub", HUB)


def test_a_message_that_was_not_kept_was_not_sent(book):
    assert read(written(book)).sequence == read(written(book)).sequence == 1


def say(book: Book, round_no: int = 1, now: datetime = MORNING) -> bytes:
    return book.say("task", study=STUDY, round_no=round_no, body=BODY, now=now)


def test_what_was_said_last_is_said_again_with_the_same_bytes_also_after_a_restart(
    tmp_path, book
):
    raw = say(book)

    assert say(book, now=MORNING + timedelta(hours=1)) == raw
    again = Book(tmp_path, "hub", HUB)
    assert say(again) == raw
    again.close()


def test_what_was_said_before_something_else_gets_a_sequence_behind_it(book):
    say(book, 1)
    say(book, 2)

    assert read(say(book, 1)).sequence == 3


def test_mail_is_never_repeated_for_it_asks_about_now(tmp_path, book):
    """A site that restarts twice shows the same checkpoint, and waits for a reply each time."""

    def mail(of: Book) -> int:
        raw = of.say("witness", study="0" * 64, round_no=0, body={"shown": []}, now=MORNING)
        return read(raw).sequence

    assert mail(book) == 1
    again = Book(tmp_path, "hub", HUB)
    assert [mail(again), mail(again)] == [2, 3]
    again.close()


def test_what_has_expired_is_said_anew(book):
    say(book)

    assert unseal_sequence(say(book, now=MORNING + VALID)) == 2


def unseal_sequence(raw: bytes) -> int:
    return unseal(raw, {"hub": HUB.public_key()}, now=MORNING + VALID).sequence


def test_the_same_message_twice_is_kept_once(tmp_path, book):
    raw = written(book)
    book.keep(STUDY, raw)
    book.keep(STUDY, raw, raw)

    assert (tmp_path / f"{STUDY}.jsonl").read_bytes() == raw + b"\n"
    assert book.repeats(raw, read(raw))


def test_messages_that_come_together_are_synced_together(tmp_path, book, monkeypatch):
    book.keep(STUDY, written(book))
    messages = [seal(letter(sequence=n, sender="north"), STRANGER) for n in (1, 2, 3)]
    waiting = [book.put(STUDY, each) for each in messages]
    synced: list[int] = []
    fsync = os.fsync

    def counted(descriptor: int) -> None:
        synced.append(descriptor)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", counted)

    for on_disk in waiting:
        on_disk()

    assert len(synced) == 1
    lines = (tmp_path / f"{STUDY}.jsonl").read_bytes().splitlines()
    assert lines[1:] == messages


def test_a_message_that_a_full_disk_took_back_is_not_taken_for_kept(book):
    raw = written(book)
    with largest_file(len(raw) + 10):
        on_disk = book.put(STUDY, raw)
        with pytest.raises(StorageError, match="could not take"):
            book.put(STUDY, seal(letter(sequence=1, sender="north"), STRANGER))
        with pytest.raises(StorageError, match="did not take"):
            on_disk()

    assert not book.repeats(raw, read(raw))
    book.keep(STUDY, raw)
    assert book.repeats(raw, read(raw))


def test_a_line_that_a_crash_cut_short_is_dropped(tmp_path, book):
    raw = written(book)
    book.keep(STUDY, raw)
    file = tmp_path / f"{STUDY}.jsonl"
    file.write_bytes(raw + b"\n" + raw[:40])

    again = Book(tmp_path, "hub", HUB)
    assert again.repeats(raw, read(raw))
    again.close()
    assert file.read_bytes() == raw + b"\n"


def test_a_known_sequence_with_other_content_is_refused(tmp_path):
    book = Book(tmp_path, "north", STRANGER)
    book.keep(STUDY, seal(letter(sequence=7), HUB))
    other = letter(sequence=7, issued=MORNING + timedelta(seconds=1))

    with pytest.raises(MessageRefused, match="sequence"):
        book.repeats(seal(other, HUB), other)
    book.close()


LATE: list[Kind] = ["witness", "transcript", "task", "answer"]


@pytest.mark.parametrize("kind", LATE)
def test_what_was_not_seen_may_come_late_once(tmp_path, kind):
    """What a killed site had in hand comes again after what was sent later."""
    book = Book(tmp_path, "north", STRANGER)
    later, late = (letter(kind=kind, sequence=number) for number in (7, 6))
    book.keep(STUDY, seal(later, HUB))

    assert book.repeats(seal(late, HUB), late) is False
    book.keep(STUDY, seal(late, HUB))
    assert book.repeats(seal(late, HUB), late) is True
    other = letter(kind=kind, sequence=6, round_no=4)
    with pytest.raises(MessageRefused, match="with other content"):
        book.repeats(seal(other, HUB), other)
    book.close()


def test_a_proposal_may_come_late_unless_a_later_one_has_replaced_it(tmp_path):
    book = Book(tmp_path, "north", STRANGER)
    early, late = (letter(kind="proposal", sequence=number) for number in (4, 6))
    book.keep(STUDY, seal(letter(kind="transcript", sequence=7), HUB))

    assert book.repeats(seal(late, HUB), late) is False
    book.keep(STUDY, seal(late, HUB))
    with pytest.raises(MessageRefused, match="was replaced by 6"):
        book.repeats(seal(early, HUB), early)
    assert book.repeats(seal(late, HUB), late) is True
    book.close()


def test_of_two_answers_the_one_that_was_said_last_counts_whichever_came_first(tmp_path):
    book = Book(tmp_path, "hub", HUB)
    failed, released = (
        seal(
            letter(
                kind="answer",
                sender="north",
                sequence=number,
                body={"task": MODEL, "decision": decision, "card": None},
            ),
            STRANGER,
        )
        for number, decision in ((6, "failed"), (7, "refused"))
    )

    book.keep(STUDY, released, failed)

    assert book.answer(STUDY, MODEL, "north") == released
    book.close()


def test_what_is_older_than_is_remembered_is_a_replay(tmp_path):
    book = Book(tmp_path, "north", STRANGER)
    for number in range(2, REMEMBERED + 2):
        book.keep(STUDY, seal(letter(kind="witness", sequence=number), HUB))

    oldest = letter(kind="witness", sequence=1)
    with pytest.raises(MessageRefused, match="sequence 1 after"):
        book.repeats(seal(oldest, HUB), oldest)
    book.close()


def test_studies_do_not_share_sequences(tmp_path):
    book = Book(tmp_path, "north", STRANGER)
    book.keep(STUDY, seal(letter(sequence=7), HUB))
    other = letter(sequence=1, study="11" * 32)

    assert book.repeats(seal(other, HUB), other) is False
    book.close()


def test_what_is_remembered_does_not_grow_and_what_is_older_is_a_replay(tmp_path):
    book = Book(tmp_path, "north", STRANGER)
    letters = [letter(sequence=number) for number in range(1, REMEMBERED + 2)]
    for each in letters:
        book.keep(STUDY, seal(each, HUB))

    assert book.repeats(seal(letters[1], HUB), letters[1])
    with pytest.raises(MessageRefused, match="sequence 1 after"):
        book.repeats(seal(letters[0], HUB), letters[0])
    book.close()


def refused(book: Book, study: str, number: int) -> None:
    """Have a message of north under a known number, with other bytes, be refused."""
    said = letter(sequence=number, sender="north", study=study)
    book.keep(study, seal(said, STRANGER))
    other = letter(sequence=number, sender="north", study=study, expires=MORNING + VALID)
    with pytest.raises(MessageRefused, match="sequence"):
        book.repeats(seal(other, STRANGER), other)


def taken(book: Book, study: str, number: int) -> None:
    said = letter(sequence=number, sender="north", study=study)
    assert not book.repeats(seal(said, STRANGER), said)


def test_who_is_refused_as_a_replay_is_known_after_a_restart_until_something_newer_comes(
    tmp_path,
):
    first, other = Book(tmp_path, "hub", HUB), "ef" * 32
    refused(first, STUDY, 7)
    refused(first, other, 3)
    first.close()

    again = Book(tmp_path, "hub", HUB)
    assert again.replays() == {"north"}
    taken(again, STUDY, 8)
    assert again.replays() == {"north"}, "the other study's refusal is not over"
    taken(again, STUDY, int(MORNING.timestamp() * 1000))
    assert again.replays() == set(), "it counts on from a restore, in every study"
    again.close()

    (tmp_path / "replayed.json").write_text("[3")
    assert Book(tmp_path, "hub", HUB).replays() == set(), "it stops nobody"
