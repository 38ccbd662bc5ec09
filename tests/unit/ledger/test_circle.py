"""Sites and hub witness each other: what each round leaves, and what stops whom."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.errors import LedgerBroken, StorageError
from modelward.ledger import mail
from modelward.ledger.mail import Mail, Reply
from modelward.ledger.note import VerifierKey
from modelward.ledger.request import request
from modelward.ledger.ring import HUB, OTHERS, witnesses_of
from modelward.ledger.verify import Verified, verify
from tests.circles import Federation, Member, signer
from tests.disks import largest_file

SITES = ("north", "south", "west")


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[Federation]:
    with Federation(tmp_path, SITES) as made:
        yield made


def seen(member: Member) -> Verified:
    return verify(member.folder / "ledger", signer(member.folder.name).key.text)


def rolled_back(federation: Federation, site: str, *, to: int, then: int = 0) -> Member:
    """Put a site's ledger back to its first `to` entries, and write `then` others."""
    member = federation.sites[site]
    copy = Member(federation.folder / "copy", site)
    copy.write(to)
    copy.close()
    member.close()
    shutil.rmtree(member.folder / "ledger")
    shutil.copytree(copy.folder / "ledger", member.folder / "ledger")
    back = federation.reopen(site)
    if then:
        back.ledger.append_all([{"kind": "note", "other": n} for n in range(then)])
    return back


def test_after_three_hands_everybody_has_everybodys_cosignature(federation):
    for member in federation.sites.values():
        member.write(2)

    federation.round(3)

    for member in federation.sites.values():
        found = seen(member)
        assert found.witnessed is not None
        assert found.witnessed.checkpoint.size == 2
        assert (len(found.witnessed.times), found.asked) == (3, 3)
        assert found.witnesses_from_ledger


def test_rounds_go_on_and_the_last_checkpoint_is_the_one_that_is_kept(federation):
    for size in range(1, 6):
        for member in federation.sites.values():
            member.write()
        federation.round(3)
        for member in federation.sites.values():
            witnessed = seen(member).witnessed
            assert witnessed is not None
            assert (witnessed.checkpoint.size, len(witnessed.times)) == (size, 3)
    assert federation.board.alarms() == ()


def test_mail_once_a_round_stays_one_round_behind(federation):
    sizes = []
    for _ in range(6):
        for member in federation.sites.values():
            member.write()
        federation.round()
        found = seen(federation.sites["north"]).witnessed
        sizes.append(found.checkpoint.size if found else 0)

    assert sizes == [0, 1, 2, 3, 4, 5]


def test_a_witness_that_was_away_for_rounds_cosigns_again_when_it_is_back(federation):
    for _ in range(4):
        federation.sites["north"].write()
        for site in ("north", "south"):
            federation.hand(site)
    federation.round(4)

    found = seen(federation.sites["north"]).witnessed

    assert found is not None
    assert (found.checkpoint.size, len(found.times)) == (4, 3)
    assert federation.board.alarms() == ()


def test_a_minority_of_witnesses_is_not_kept(federation):
    federation.sites["north"].write()
    for _ in range(3):
        federation.hand("north")  # only the hub ever looks: one of three

    assert seen(federation.sites["north"]).witnessed is None


def test_a_ledger_that_was_put_back_stops_its_site_before_it_writes_anything(federation):
    federation.sites["north"].write(5)
    federation.round(3)

    back = rolled_back(federation, "north", to=2)
    federation.round(2)

    assert back.circle.stopped is not None
    assert back.ledger.size == 2
    with pytest.raises(StorageError, match="nothing is appended"):
        back.write()
    assert back.ledger.size == 2
    stopped = federation.board.stopped(back.name)
    assert stopped is not None
    assert stopped.finding == "rollback"
    assert "nobody has settled it" in stopped.sentence


@pytest.mark.parametrize(("then", "finding"), [(2, "rollback"), (3, "split"), (6, "split")])
def test_a_past_written_anew_stops_its_site_and_is_found_by_its_witnesses(
    federation, then, finding
):
    federation.sites["north"].write(5)
    federation.round(3)

    back = rolled_back(federation, "north", to=2, then=then)
    if then == 6:  # another history of five, and three more: shown from the beginning
        back.write()
    federation.round(2)

    assert back.circle.stopped is not None
    found = federation.board.stopped(back.name)
    if then <= 3:
        assert found is not None
        assert found.finding == finding


def test_a_stopped_site_shows_nothing_and_goes_on_when_a_person_has_decided(federation):
    federation.sites["north"].write(5)
    federation.round(3)
    back = rolled_back(federation, "north", to=2)
    federation.round(2)
    alarm = back.circle.stopped
    assert alarm is not None
    assert back.circle.show() == ()

    back.circle.witness.alarms.settle(alarm.id, by="Dr Ada Byron", reason="a test")

    assert back.circle.stopped is None


def test_two_histories_shown_to_two_witnesses_convict_when_one_tells_the_hub(federation):
    north, south = federation.sites["north"], federation.sites["south"]
    north.write(1)
    federation.round(3)
    twin = Member(federation.folder / "twin", "north")
    twin.ledger.append({"kind": "note", "other": 1})
    south.circle.meet([twin.ledger.key])

    (reply,) = south.circle.judge([request(twin.ledger, 0)])
    south.circle.sync()
    raised = federation.board.incoming(south.name, Mail(replies=(reply,)))

    assert reply.alarm is not None
    assert [each.finding for each in raised] == ["split"]
    assert federation.board.stopped(north.name) is not None
    assert [entry["kind"] for entry in south.ledger] == ["alarm"]
    twin.close()


def test_a_report_that_does_not_convict_by_itself_stops_nobody(federation):
    north, south = federation.sites["north"], federation.sites["south"]
    north.write(1)
    early = north.ledger.checkpoint
    north.write(1)
    lie = south.circle.witness.alarms.raise_("rollback", north.ledger.checkpoint, early)

    raised = federation.board.incoming(
        south.name, Mail(replies=(Reply(south.name, north.name, alarm=lie),))
    )
    federation.hand("north")

    assert len(raised) == 1
    assert federation.board.stopped(north.name) is None
    assert north.circle.stopped is None


def test_a_site_speaks_only_for_itself(federation):
    north, south = federation.sites["north"], federation.sites["south"]
    for member in (north, south):
        member.write()
        federation.hand(member.folder.name)
    forged = Mail(
        shown=(request(north.ledger, 0),),
        replies=(Reply(HUB, north.name, known=north.ledger.checkpoint),),
    )
    before = federation.board.outgoing(north.name)

    federation.board.incoming(south.name, forged)

    assert before.replies
    assert federation.board.outgoing(north.name) == Mail()


def test_a_party_that_comes_with_another_key_is_refused(federation):
    federation.round()
    other = VerifierKey("modelward/south", bytes(32))

    with pytest.raises(LedgerBroken, match="another key than the one that is pinned"):
        federation.sites["north"].circle.meet([other])
    assert federation.reopen("north").circle.witnesses[0].name == HUB


def test_nothing_is_given_away_that_is_not_on_disk(federation):
    federation.round()
    north, west = federation.sites["north"], federation.sites["west"]
    north.write()
    shown = request(north.ledger, 0)

    with largest_file(10), pytest.raises(StorageError):
        west.circle.exchange(Mail(shown=(shown,)))

    assert (west.folder / "witness" / "seen").read_bytes() == b""
    (reply,) = west.circle.exchange(Mail(shown=(shown,)))
    assert reply.known
    assert (west.folder / "witness" / "seen").read_bytes() == reply.known + b"\n"


@settings(max_examples=30, deadline=None)
@given(names=st.sets(st.sampled_from([f"s{n:02}" for n in range(20)]), min_size=1))
def test_everybody_is_witnessed_by_the_hub_and_the_next_in_the_ring(names):
    counts = dict.fromkeys(names, 0)
    for name in names:
        found = witnesses_of(name, names)
        assert found[0] == HUB
        assert name not in found
        assert len(found) == len(set(found)) == 1 + min(OTHERS, len(names) - 1)
        for each in found[1:]:
            counts[each] += 1

    assert len(set(counts.values())) == 1


def test_mail_reads_back_and_any_other_spelling_is_refused(federation):
    federation.sites["north"].write()
    federation.round()
    body: dict[str, Any] = federation.board.outgoing("modelward/north").body()
    assert mail.from_body(body).body() == body

    for bad in (
        {},
        {**body, "more": 1},
        {**body, "keys": "x"},
        {**body, "shown": ["x"]},
        {**body, "replies": [{}]},
        {**body, "replies": [{**body["replies"][0], "more": 1}]},
        {**body, "keys": [signer("a").key.text] * 257},
    ):
        with pytest.raises(LedgerBroken, match="cannot be read"):
            mail.from_body(bad)


def test_an_empty_folder_names_no_witnesses(tmp_path):
    with Federation(tmp_path, ["north"]) as alone:
        alone.sites["north"].write()
        assert seen(alone.sites["north"]).asked == 0
