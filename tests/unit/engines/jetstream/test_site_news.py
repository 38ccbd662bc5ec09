"""What a site tells of its own accord: a bad decision does not hold up witnesses' mail."""

import pytest

from modelward.engines.jetstream.at_site.site_node import SiteNode
from modelward.engines.jetstream.journal import silent
from modelward.errors import NotApproved
from modelward.ledger.note import VerifierKey
from modelward.ledger.ring import HUB
from tests.wire import Federation, now, study

STUDY = study(rounds=2)


def test_mail_goes_though_decisions_cannot_be_recorded(tmp_path):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    node = SiteNode(made.sites["north"], silent, now, compare_s=0)
    try:
        sites = [
            VerifierKey(f"modelward/{each.site}", each.signing.public_bytes_raw())
            for each in made.hub.members()
        ]
        hub = VerifierKey(HUB, made.hub.key.public_key().public_bytes_raw())
        node.keeper._hospital.circle.meet([hub, *sites])
        node.keeper.settle()  # its ledger has entries that its witnesses have not seen
        (made.sites["north"] / "decisions" / STUDY.sha256 / "0002.json").write_text("{}")

        first = node.end.telling.news()

        assert [each.kind for each in first] == ["witness"]
        with pytest.raises(NotApproved):
            node.end.telling.news()
    finally:
        node.keeper.close()
