"""Three institutions, three families: offer, catalogue, pull, evaluate, adopt."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from modelward.errors import BadArtifact, GateRefused, MessageRefused, NotApproved
from modelward.exchange import verbs
from modelward.exchange.documents.card import Terms
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution import home
from modelward.exchange.institution.governing import given, leave, revoke
from modelward.exchange.institution.pulling import pull
from modelward.exchange.institution.reading import sync
from modelward.exchange.listening.judging import judge, quarantined
from modelward.exchange.listening.voices import in_hand
from modelward.exchange.methods.probability import log_softmax
from modelward.exchange.verbs import adopt, catalogue, evaluate, offer_model, train
from tests.network import Network, digits, unseen

FAMILIES = {"north": "linear", "south": "mlp-64", "west": "conv-8"}
HAVE = {"north": [0, 1, 2, 3, 4], "south": [3, 4, 5, 6, 7], "west": [6, 7, 8, 9, 0]}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    made = digits(list(HAVE.values()), list(HAVE), tmp_path_factory.mktemp("network"))
    for name, family in FAMILIES.items():
        with made.open(name) as here:
            train(here, load(family), seed=1)
            offer_model(here)
    exchange(made)
    return made


def exchange(network: Network) -> None:
    """Have everybody read, pull and judge, until reports and ballots have gone round."""
    for _ in range(3):
        for name in network.names:
            with network.open(name) as here:
                sync(here)
                for entry in catalogue(here):
                    pull(here, entry.sha)
                evaluate(here)


def entries(network: Network, name: str) -> list[dict[str, Any]]:
    """Return the ledger of an institution."""
    with network.open(name) as here:
        return [dict(entry) for entry in here.ledger]


def test_what_others_offer_is_adopted_where_it_is_shown_to_be_better(network):
    x, y = unseen()
    better = 0
    for name in FAMILIES:
        with network.open(name) as here:
            sync(here)
            found = adopt(here)
            right = {n: (v(x).argmax(1) == y).mean() for n, v in found.table.candidates.items()}

            decided = found.use("Dr Ada Byron")

            assert found.choice.adopted == (found.choice.low > 0)
            assert right[decided.candidate] >= right["local"]
            assert all(each.used for each in found.standings.values())
            assert home.in_use(here.folder) == decided
            better += found.choice.adopted
    assert better >= 2


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_model_that_is_no_numbers_is_in_quarantine_and_in_no_combination(network, value):
    with network.open("north") as here:
        found, _ = in_hand(here)
        tensors = {name: np.full_like(v, value) for name, v in found[0].tensors.items()}
        family = found[0].family

        def voice(x):
            with np.errstate(invalid="ignore"):
                return log_softmax(family.logits(tensors, x))

        bad = replace(found[0], tensors=tensors, voice=voice)
        own = verbs.examples(here)
        judged = judge([bad, *found[1:]], own, here.policy.min_cell)

        assert [each.rule for each in judged[0].findings] == ["not-finite"]
        held = quarantined(verbs.standings(here), judged, {})
        assert not held[bad.entry.sha].used
        assert held[bad.entry.sha].reason.startswith("quarantine: not-finite")


def test_nothing_is_used_without_a_persons_decision(network):
    with network.open("west") as here:
        found = adopt(here)
        before = here.ledger.size

        with pytest.raises(NotApproved, match="nobody decided"):
            found.use(" ")

        assert here.ledger.size == before


def test_everything_that_left_and_came_is_in_the_ledger(network):
    found = entries(network, "north")
    kinds = [entry["kind"] for entry in found]

    assert kinds.count("receipt") == 2
    letters = [entry for entry in found if entry["kind"] == "letter"]
    assert [entry["number"] for entry in letters] == list(range(1, len(letters) + 1))
    assert {entry["about"] for entry in letters} == {
        "offer", "acknowledgement", "report", "ballot"
    }  # fmt: skip
    released = {e["artifact"] for e in found if e["kind"] == "release"}
    assert released == {"model", "metrics"}


def test_who_is_asked_again_says_nothing_twice(network):
    with network.open("south") as here:
        sync(here)
        before = here.ledger.size
        again = evaluate(here)

        assert again.reported == again.ballots == []
        assert here.ledger.size == before


def test_a_kind_that_the_policy_does_not_list_stays(tmp_path):
    made = digits([[0, 1]], ["north"], tmp_path)
    (tmp_path / "north" / "policy.toml").write_text('[leaves]\nkinds = ["metrics"]\n')

    with made.open("north") as here:
        train(here, load("linear"), seed=1)
        with pytest.raises(GateRefused, match="kind: kind 'model'"):
            offer_model(here)

        assert [e["kind"] for e in here.ledger][-1] == "refusal"
        assert here.book.place("north").number == 0


def test_a_revoked_model_is_not_used_by_who_hears_of_it(tmp_path):
    made = digits([[0, 1, 2], [1, 2, 3]], ["north", "south"], tmp_path)
    with made.open("north") as north:
        train(north, load("linear"), seed=1)
        card = offer_model(north).sha
    with made.open("south") as south:
        sync(south)
        pull(south, card)
    with made.open("north") as north:
        sync(north)
        assert [(each.to, each.card) for each in given(north)] == [("south", card)]
        revoke(north, card[:10], by="Dr Ada Byron", reason="trained on a wrong scanner")

    with made.open("south") as south:
        assert sync(south).revoked == [card]
        with pytest.raises(BadArtifact, match="wrong scanner"):
            pull(south, card)
        assert catalogue(south) == []


def test_who_leaves_is_told_what_it_gave_to_whom(tmp_path):
    made = digits([[0, 1, 2], [1, 2, 3]], ["north", "south"], tmp_path)
    with made.open("north") as north:
        train(north, load("linear"), seed=1)
        card = offer_model(north).sha
    with made.open("south") as south:
        sync(south)
        pull(south, card)
    with made.open("north") as north:
        sync(north)
        list_of = leave(north, by="Dr Ada Byron", reason="the study is over")
    assert [(each.to, each.series, each.version) for each in list_of] == [("south", "main", 1)]
    with made.open("south") as south:
        assert sync(south).revoked == [card]


def test_an_artifact_that_expired_is_not_used(tmp_path):
    made = digits([[0, 1, 2], [1, 2, 3]], ["north", "south"], tmp_path)
    with made.open("north") as north:
        train(north, load("linear"), seed=1)
        card = offer_model(north).sha
    with made.open("south") as south:
        sync(south)
        pull(south, card)
    made.clock.later(days=366)

    with made.open("south") as south, pytest.raises(BadArtifact, match="terms-expired"):
        pull(south, card)


def test_an_institution_that_came_later_asks_for_a_grant(tmp_path):
    from modelward.exchange.giving.offering import grant
    from modelward.exchange.institution.pulling import named

    made = digits([[0, 1, 2], [1, 2, 3]], ["north", "south"], tmp_path)
    (tmp_path / "north/exchange/members/south.json").rename(tmp_path / "south.json")
    with made.open("north") as north:
        train(north, load("linear"), seed=1)
        card = offer_model(north)
    with made.open("south") as south:
        sync(south)
        with pytest.raises(MessageRefused, match="not sealed for south"):
            pull(south, card.sha)
    (tmp_path / "south.json").rename(tmp_path / "north/exchange/members/south.json")

    with made.open("north") as north:
        assert sync(north).requests == [(card.sha, "south")]
        grant(north, named(north, card.sha), "south")
    with made.open("south") as south:
        sync(south)
        assert np.isfinite(pull(south, card.sha)["out.weight"]).all()


def test_terms_by_which_nobody_could_use_it_are_refused(tmp_path):
    made = digits([[0, 1, 2], [1, 2, 3]], ["north", "south"], tmp_path)
    year = "2027-11-20T00:00:00Z"
    with made.open("north") as north:
        train(north, load("linear"), seed=1)
        for wrong, why in (
            ({"expires": "2026-11-20T09:30:00Z"}, "would have expired"),
            ({"expires": year, "recipients": ("nobody",)}, "nobody is not admitted here"),
        ):
            with pytest.raises(NotApproved, match=why):
                offer_model(north, Terms(purposes=("read digits",), **wrong))
        assert verbs.catalogue(north) == []


def test_a_pulled_file_that_was_damaged_is_fetched_again(tmp_path):
    made = digits([[0, 1, 2], [1, 2, 3]], ["north", "south"], tmp_path)
    with made.open("north") as north:
        train(north, load("linear"), seed=1)
        card = offer_model(north)
    with made.open("south") as south:
        sync(south)
        before = pull(south, card.sha)["out.weight"].copy()
        south.taken.path(card.sha256).write_bytes(b"broken")

        assert (pull(south, card.sha)["out.weight"] == before).all()
        assert [e["kind"] for e in south.ledger].count("receipt") == 2


def test_what_a_site_takes_in_from_others_says_nothing_about_its_own(tmp_path):
    made = digits([[0, 1, 2], [1, 2, 3]], ["north", "south"], tmp_path)
    (tmp_path / "north/exchange/intake.toml").write_text('from = ["south"]\nmax_bytes = 10\n')
    with made.open("north") as north:
        train(north, load("linear"), seed=1)
        card = offer_model(north)

        assert [each.entry.sha for each in verbs.in_hand(north)[0]] == [card.sha]
