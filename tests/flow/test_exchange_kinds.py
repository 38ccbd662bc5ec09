"""Every kind of artifact is offered, pulled, judged; what is hostile is refused and seen."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pytest

from modelward.core.clock import stamp
from modelward.engines.shared_folder import SharedFolder
from modelward.errors import BadArtifact, GateRefused, MessageRefused
from modelward.exchange import verbs
from modelward.exchange.documents import card as cards
from modelward.exchange.documents import letter
from modelward.exchange.documents.card import Terms
from modelward.exchange.families.catalogue import load
from modelward.exchange.giving import leaving
from modelward.exchange.institution import home
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.pulling import pull
from modelward.exchange.institution.reading import sync
from modelward.exchange.listening.adopting import overrule
from modelward.exchange.verbs import evaluate, offer, offer_model, standings, train
from modelward.gate.policy import Policy
from tests.network import MORNING, Network, digits, introduce

HAVE = [[0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8], [6, 7, 8, 9, 0, 1]]
NAMES = ["north", "south", "west"]


@pytest.fixture
def network(tmp_path):
    made = digits(HAVE, NAMES, tmp_path)
    for number, name in enumerate(NAMES):
        with made.open(name) as here:
            train(here, load("mlp-16"), seed=number)
    return made


def everybody_judges(network: Network) -> None:
    """Read, pull what can be pulled, judge, at every institution, twice round."""
    for _ in range(2):
        for name in network.names:
            with network.open(name) as here:
                sync(here)
                for entry in verbs.catalogue(here):
                    pull(here, entry.sha)
                evaluate(here)


def test_predictions_labels_and_prototypes_of_others_are_judged_like_models(network):
    for name, kind in zip(NAMES, ("predictions", "labels", "prototypes"), strict=True):
        with network.open(name) as here:
            card = offer(here, kind)  # type: ignore[arg-type]
            assert card.nbytes <= 50_000

    everybody_judges(network)

    with network.open("north") as here:
        found = evaluate(here)
        assert [each.findings for each in found.judged] == [()] * 3
        assert all(np.nanmean(each.recalls) > 0.3 for each in found.judged)
        assert {s.used for s in standings(here).values()} == {True}


def test_an_adapter_is_one_layer_of_a_base_and_is_revoked_with_it(network):
    terms = Terms(
        purposes=("read digits",),
        expires=stamp(MORNING.replace(year=2027)),
        redistribution=True,
    )
    with network.open("north") as here:
        base = offer_model(here, terms)
    with network.open("south") as here:
        sync(here)
        adapter = offer(here, "adapter", base=base.sha)
        assert (adapter.base, adapter.lineage) == (base.sha256, (base.sha,))
    with network.open("west") as here:
        sync(here)
        for entry in verbs.catalogue(here):
            pull(here, entry.sha)
        assert len(evaluate(here).judged) == 2
    with network.open("north") as here:
        from modelward.exchange.institution.governing import revoke

        sync(here)
        marked = revoke(here, base.sha, by="Dr Byron", reason="a wrong scanner")
        assert set(marked) == {base.sha, adapter.sha}
    with network.open("west") as here:
        assert set(sync(here).revoked) == {base.sha, adapter.sha}
        assert verbs.catalogue(here) == []


def test_what_was_given_for_use_alone_is_not_passed_on(network):
    with network.open("north") as here:
        base = offer_model(here)
    with network.open("south") as here:
        sync(here)
        with pytest.raises(GateRefused, match="may not be passed on"):
            offer(here, "adapter", base=base.sha)


def test_figures_about_few_units_and_bytes_that_are_no_probabilities_stay(network):
    rule = leaving.small_cells(10, (0, 12, 9))
    assert [f.rule for f in rule(None)] == ["small-cells"]  # type: ignore[arg-type]
    assert leaving.small_cells(10, (0, 12, 10))(None) == ()  # type: ignore[arg-type]

    with network.open("north") as here:
        from modelward.exchange.giving import making, offering

        draft = making.draft(
            here, "predictions", verbs.examples(here), verbs.standard_terms(here), series="main"
        )
        hidden = np.random.default_rng(0).integers(0, 256, draft.tensors["levels"].shape)
        forged = replace(draft, tensors={"levels": hidden.astype(np.uint8)})
        with pytest.raises(GateRefused, match="distribution"):
            offering.offer(here, forged)
        assert isinstance(here.policy, Policy)


NOTHING = {"sha256": sha256(b"").hexdigest(), "nbytes": 0}


def lie(here: Institution, body: dict[str, Any]) -> None:
    """Have an institution write an offer that its software would not."""
    (here.folder / "sealed" / NOTHING["sha256"]).write_bytes(b"")  # type: ignore[operator]
    here.say("offer", body)
    here.deliver()


def flipped(network: Network, name: str) -> None:
    """Exchange the classes of an institution's local model in pairs: 0 and 1, 2 and 3, ..."""
    with network.open(name) as here:
        local = home.local(here.folder)
        order = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
        kept = home.tensors_of(here.folder, local.sha256)
        tensors = {k: v[order] if k.startswith("out.") else v for k, v in kept.items()}
        home.keep(here.folder, local.made_with, tensors, local.seed)


def test_a_model_with_exchanged_labels_is_in_quarantine_and_everybody_sees_why(network):
    flipped(network, "west")
    for name in NAMES:
        with network.open(name) as here:
            offer_model(here)
    everybody_judges(network)

    with network.open("north") as here:
        found = {each.card: each for each in standings(here).values()}
        makers = {e.sha: e.card.site for e in verbs.catalogue(here)}
        bad = next(each for card, each in found.items() if makers[card] == "west")
        assert not bad.used
        assert "flipped" in bad.reason or "is not above" in bad.reason
        kinds = [entry["kind"] for entry in here.ledger]
        assert "turned-away" in kinds
        overrule(here, bad.card, use=True, by="Dr Byron", reason="I know that ward")
        assert standings(here)[bad.card].used
    with network.open("west") as here:  # the site concerned sees it too
        sync(here)
        assert not standings(here)[bad.card].used


def test_a_copy_under_another_name_is_in_quarantine(network):
    with network.open("north") as here:
        offer_model(here)
    with network.open("south") as here:
        sync(here)
        stolen = pull(here, verbs.catalogue(here)[0].sha)
        home.keep(here.folder, load("mlp-16"), stolen, 0)
    network.clock.later(minutes=1)
    with network.open("south") as here:
        offer_model(here)
    with network.open("west") as here:
        sync(here)
        for entry in verbs.catalogue(here):
            pull(here, entry.sha)
        found = evaluate(here).judged
        makers = {e.sha: e.card.site for e in verbs.catalogue(here)}
        assert {makers[each.card]: [f.rule for f in each.findings] for each in found} == {
            "north": [],
            "south": ["copy"],
        }


def test_a_box_that_goes_back_or_forks_is_not_read_on_and_it_is_in_the_ledger(network):
    with network.open("north") as here:
        offer_model(here)
        offer_model(here)
    with network.open("south") as here:
        assert sync(here).letters == 2
    box = network.folder / "carrier" / "north" / "letters"
    box.joinpath("000000003.json").write_bytes(box.joinpath("000000001.json").read_bytes())

    with network.open("south") as here:
        news = sync(here)
        assert list(news.refused) == ["north"]
        assert "number 1 does not follow 2" in news.refused["north"]
        sync(here)
        said = [e for e in here.ledger if e["kind"] == "message"]
        assert len(said) == 1


def test_a_card_of_somebody_else_an_old_version_and_a_forged_one_are_refused(network):
    with network.open("north") as here:
        card = offer_model(here)
        key = here.key
    with network.open("west") as here:  # west speaks for itself, about north's card
        body = {"card": card.model_dump(mode="json"), "sealed": NOTHING, "keys": {}}
        lie(here, body)
    with network.open("south") as here:
        news = sync(here)
        assert "signed with another key" in news.refused["west"]
        assert news.offers == [card.sha]

    with network.open("north") as here:  # north goes back to version 1, properly signed
        older = cards.sign(card.model_copy(update={"issued": "2026-11-19T00:00:00Z"}), key)
        body["card"] = older.model_dump(mode="json")
        lie(here, body)
    with network.open("south") as here:
        assert "version 1 of main after version 1" in sync(here).refused["north"]


def test_what_is_sealed_for_another_or_altered_on_the_way_is_not_used(network):
    terms = Terms(
        purposes=("read digits",), expires="2027-11-20T00:00:00Z", recipients=("west",)
    )
    with network.open("north") as here:
        card = offer_model(here, terms)
    with network.open("south") as here:
        sync(here)
        with pytest.raises(BadArtifact, match="terms-recipient"):
            pull(here, card.sha)
    lying = next((network.folder / "carrier/north/objects").iterdir())
    lying.write_bytes(lying.read_bytes()[:-1] + b"x")
    with network.open("west") as here:
        sync(here)
        with pytest.raises(BadArtifact, match="other bytes"):
            pull(here, card.sha)
        assert [e["kind"] for e in here.ledger][-1] == "turned-away"


def test_a_card_that_claims_another_size_or_family_is_turned_away_before_any_byte_comes(
    network,
):
    with network.open("north") as here:
        card = offer_model(here)
        wrong: dict[str, dict[str, Any]] = {
            "size": {"nbytes": 10**9},
            "family": {"made": card.made.model_copy(update={"family": "pickle"})},
        }
        for number, change in enumerate(wrong.values(), start=2):
            lied = card.model_copy(update={**change, "version": number, "series": "lies"})
            signed = cards.sign(lied, here.key)
            body = {"card": signed.model_dump(mode="json"), "sealed": NOTHING, "keys": {}}
            lie(here, body)
    with network.open("south") as here:
        sync(here)
        for entry in here.book.catalogue(network.question.sha256, every=True):
            if entry.card.series == "lies":
                with pytest.raises(BadArtifact):
                    pull(here, entry.sha)


def test_a_minority_of_liars_moves_nobody_and_is_shown(tmp_path):
    names = ["east", "north", "south", "west"]
    made = digits([list(range(10))] * 4, names, tmp_path)
    for number, name in enumerate(names):
        with made.open(name) as here:
            train(here, load("mlp-16"), seed=number)
            offer_model(here)
    from modelward.exchange.listening import judging
    from modelward.exchange.listening.judging import Judgement
    from modelward.exchange.methods.trust import disagreeing

    with made.open("east") as here:  # everybody else is bad, it says
        sync(here)
        for entry in verbs.catalogue(here):
            if entry.card.site != "east":
                bad, units = np.zeros(10), np.full(10, 50)
                judging.report(here, Judgement(entry.sha, bad, bad, units, ()))
        here.deliver()
    for _ in range(2):
        for name in names[1:]:
            with made.open(name) as here:
                sync(here)
                for entry in verbs.catalogue(here):
                    pull(here, entry.sha)
                evaluate(here)

    with made.open("north") as here:
        sync(here)
        assert all(each.used for each in standings(here).values())
        hand, _ = verbs.in_hand(here)
        assert list(disagreeing(judging.reports(here, hand), here.now)) == ["east"]


def test_a_stranger_is_not_read(network):
    with network.open("north") as here:
        offer_model(here)
    (network.folder / "south/exchange/members/north.json").unlink()

    with network.open("south") as here:
        assert sync(here).letters == 0
        assert verbs.catalogue(here) == []
    introduce(network)
    with network.open("south") as here:
        assert sync(here).letters == 1


def test_letters_wait_where_the_wire_is_down_and_go_when_it_is_back(network):
    with network.open("north") as here:
        away = network.folder / "carrier"
        away.rename(network.folder / "elsewhere")
        here.carrier = Down()
        card = offer_model(here)
        assert here.deliver() == 1
        (network.folder / "elsewhere").rename(away)
    with network.open("north") as here:
        assert isinstance(here.carrier, SharedFolder)
        assert sync(here).waiting == 0
    with network.open("south") as here:
        assert sync(here).offers == [card.sha]


class Down:
    """A wire that is not there."""

    def __getattr__(self, name: str) -> Any:
        from modelward.errors import EngineFailed

        if name == "close":
            return lambda: None

        def fail(*_: object, **__: object) -> None:
            raise EngineFailed("no wire", why="it is down", remedy="wait")

        return fail


def test_a_letter_is_never_longer_than_what_is_read(network):
    with network.open("north") as here, pytest.raises(MessageRefused, match="bytes long"):
        here.say("farewell", {"reason": "x" * letter.MAX_BYTES})
