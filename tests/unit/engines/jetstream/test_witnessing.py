"""Mail goes between hub and sites beside the rounds, in signed messages or not at all."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from modelward.artifact.envelope import Envelope
from modelward.core.canonical import Json
from modelward.engines.jetstream.at_hub.witnessing import Witnessing
from modelward.engines.jetstream.journal import silent
from modelward.errors import MessageRefused
from modelward.ledger.mail import NO_STUDY
from modelward.ledger.verify import verify
from modelward.site.keeping.mailbag import Mailbag
from tests.circles import HUB_KEY, Member, signer
from tests.witnesses import NOON, noon

SITES = ("north", "south", "west")


class Post:
    """The wire: hands over what is told, and keeps count."""

    def __init__(self, bags: dict[str, Mailbag]) -> None:
        self.bags, self.told = bags, 0

    def tell(
        self, sites: list[str], kind: str, study: str, round_no: int, body: Mapping[str, Json]
    ) -> None:
        assert (kind, study, round_no) == ("witness", NO_STUDY, 0)
        self.told += 1
        for site in sites:
            self.bags[site].hear(body)


def message(site: str, body: Mapping[str, Json]) -> Envelope:
    return Envelope(
        kind="witness",
        study=NO_STUDY,
        round_no=0,
        sender=site,
        sequence=1,
        issued=NOON,
        expires=NOON + timedelta(days=1),
        body=body,
    )


@pytest.fixture
def made(tmp_path):
    members = {site: Member(tmp_path / site, site) for site in SITES}
    bags = {site: Mailbag(member.circle) for site, member in members.items()}
    post = Post(bags)
    keys = {site: signer(site).private.public_key() for site in SITES}
    hub = Witnessing(post, tmp_path / "hub", HUB_KEY, keys, silent, noon)
    yield members, bags, post, hub
    hub.close()
    for member in members.values():
        member.close()


def second(bags: dict[str, Mailbag], hub: Witnessing) -> None:
    """What happens within a second: sites send what they have, the hub passes it on."""
    for site, bag in bags.items():
        body = bag.out()
        if body is not None:
            hub.hear(message(site, body))
    hub.look()


def test_within_a_few_seconds_every_entry_is_seen_and_then_the_wire_is_quiet(made):
    members, bags, post, hub = made
    hub.look()
    for size in (1, 2):
        for member in members.values():
            member.write()
        for _ in range(3):
            second(bags, hub)
        for member in members.values():
            found = verify(member.folder / "ledger")
            assert found.witnessed is not None
            assert (found.witnessed.checkpoint.size, len(found.witnessed.times)) == (size, 3)
    before = post.told
    second(bags, hub)
    assert post.told == before
    assert hub.stopped() == set()


def test_the_end_of_a_run_waits_for_the_last_mail_and_no_longer(made, monkeypatch):
    members, bags, post, hub = made
    monkeypatch.setattr("modelward.engines.jetstream.at_hub.witnessing.QUIET_S", 0.2)
    members["north"].write()
    for _ in range(3):
        second(bags, hub)

    hub.finish(0.01)

    assert verify(members["north"].folder / "ledger").witnessed is not None
    assert post.told


def test_mail_of_another_form_is_refused(made):
    _, _, _, hub = made

    with pytest.raises(MessageRefused, match="cannot be read"):
        hub.hear(message("north", {"free": "text"}))
