"""A hostile peer: what it tries is refused or contained, and the operator sees it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from modelward.cli.app import app
from modelward.core.clock import stamp
from modelward.errors import BadArtifact, MessageRefused, NotApproved
from modelward.exchange import verbs
from modelward.exchange.documents import card as cards
from modelward.exchange.documents import seal
from modelward.exchange.documents.card import Terms
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution import governing, home
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.pulling import pull
from modelward.exchange.institution.reading import sync
from modelward.exchange.listening import judging, using
from modelward.exchange.listening.adopting import overrule
from modelward.exchange.listening.judging import Judgement
from modelward.exchange.methods.triggers import triggers
from modelward.exchange.verbs import adopt, offer, offer_model, standings, train
from tests.hostile_peer import backdoored, judged_by_all, lying, triggered
from tests.network import MORNING, Network, digits, unseen

EVERY = list(range(10))


def built(folder: Path, names: list[str]) -> Network:
    """Return a network in which everybody has every digit and has trained."""
    made = digits([EVERY] * len(names), names, folder)
    for number, name in enumerate(names):
        with made.open(name) as here:
            train(here, load("mlp-32"), seed=number)
    return made


def test_a_backdoored_model_is_in_quarantine_and_has_one_voice_if_a_person_lets_it_in(tmp_path):
    names = ["east", "north", "south", "west"]
    made = built(tmp_path, names)
    with made.open("east") as here:
        bad_model = backdoored(verbs.examples(here), 5)
    bad = lying(made, "east", bad_model)
    for name in names[1:]:
        with made.open(name) as here:
            offer_model(here)
    judged_by_all(made, names[1:])

    x, y = unseen()
    others = y != 7
    family = load("mlp-32")
    alone = (family.logits(bad_model, triggered(x)).argmax(1) == 7)[others].mean()
    clean = (family.logits(bad_model, x).argmax(1) == y).mean()
    assert alone > 0.9
    assert clean > 0.7, "nothing is seen of it on clean images"
    with made.open("north") as here:
        sync(here)
        found = standings(here)
        assert [card for card, each in found.items() if not each.used] == [bad]
        assert "trigger" in found[bad].reason
        assert any("trigger" in each.says for each in governing.seen(here))

        overrule(here, bad, use=True, by="Dr Byron", reason="I know that ward")
        table = adopt(here).table
        assert bad in table.cards
        turned = {
            name: (voice(triggered(x)).argmax(1) == 7)[others].mean()
            for name, voice in table.candidates.items()
            if name in {"prior-corrected", "masked-geometric", "uniform"}
        }
        assert max(turned.values()) < 0.5, turned


def test_no_patch_is_taken_for_a_trigger_of_an_honest_model(tmp_path):
    made = built(tmp_path, ["east", "north", "south", "west"])
    with made.open("north") as here:
        own = verbs.examples(here)
    voices = {}
    for name in made.names:
        with made.open(name) as here:
            voices[name] = home.local_voice(here.folder)

    knows = dict.fromkeys(voices, range(10))
    assert triggers(voices, own.valid_x, knows) == {}
    assert triggers({"north": voices["north"]}, own.valid_x, knows) == {}


def test_two_of_five_that_praise_each_others_bad_models_move_nobody_and_are_seen(tmp_path):
    names = ["ash", "birch", "cedar", "elm", "fir"]
    made = built(tmp_path, names)
    bad = {}
    for name in ("elm", "fir"):
        with made.open(name) as here:
            kept = dict(home.tensors_of(here.folder, home.local(here.folder).sha256))
        order = np.random.default_rng(3).permutation(10)
        kept["out.weight"], kept["out.bias"] = (
            kept["out.weight"][order],
            kept["out.bias"][order],
        )
        bad[name] = lying(made, name, kept)
    for name in names[:3]:
        with made.open(name) as here:
            offer_model(here)
    for name in ("elm", "fir"):
        with made.open(name) as here:
            sync(here)
            for entry in verbs.catalogue(here):
                if entry.card.site != name:
                    said = np.full(10, 1.0 if entry.sha in bad.values() else 0.0)
                    judgement = Judgement(entry.sha, said, said, np.full(10, 50), ())
                    judging.report(here, judgement)
            here.deliver()
    judged_by_all(made, names[:3])

    with made.open("ash") as here:
        sync(here)
        found = standings(here)
        makers = {e.sha: e.card.site for e in verbs.catalogue(here)}
        assert {makers[card] for card, each in found.items() if each.used} == set(names[:3])
        assert {makers[card] for card, each in found.items() if not each.used} == set(bad)
        hand, _ = verbs.in_hand(here)
        apart = judging_apart(here, hand)
        assert set(apart) <= {"elm", "fir"}
        assert any("flipped" in each.says for each in governing.seen(here))
        assert adopt(here).table.cards
        assert not set(bad.values()) & set(adopt(here).table.cards)


def judging_apart(here: Institution, hand: Any) -> dict[str, float]:
    from modelward.exchange.methods.trust import disagreeing

    return disagreeing(judging.reports(here, hand), here.now)


def test_a_stale_node_stops_at_its_next_contact_and_what_it_made_meanwhile_is_marked(tmp_path):
    made = built(tmp_path, ["north", "south", "west"])
    year = stamp(MORNING.replace(year=2027))
    passable = Terms(purposes=("read digits",), expires=year, redistribution=True)
    with made.open("north") as here:
        base = offer_model(here, passable)
    with made.open("south") as here:
        sync(here)
        pull(here, base.sha)
        overrule(here, base.sha, use=True, by="Dr Okri", reason="a first look")
        found = adopt(here)
        chosen = found.choice.__class__(**{
            **{name: getattr(found.choice, name) for name in found.choice.__slots__},
            "chosen": "uniform",
        })  # fmt: skip
        verbs.Considered(here, found.table, found.standings, chosen).use("Dr Okri")
    with made.open("north") as here:
        governing.revoke(here, base.sha, by="Dr Byron", reason="a wrong scanner")
    with made.open("west") as here:
        assert sync(here).revoked == [base.sha]

    with made.open("south") as here:  # it has not heard, and goes on
        using.answer(here, unseen(3)[0])
        child = offer(here, "adapter", passable, base=base.sha)
    with made.open("west") as here:  # whoever has heard marks the child as it comes in
        assert child.sha in sync(here).revoked
        with pytest.raises(BadArtifact, match="revoked"):
            pull(here, child.sha)
        assert any("intake-revoked" in each.says for each in governing.seen(here))
    with made.open("south") as here:
        assert base.sha in sync(here).revoked
        with pytest.raises(NotApproved, match="a wrong scanner"):
            using.answer(here, unseen(3)[0])
        assert [each.about for each in governing.seen(here)][-1] == "in use"


def test_a_letter_of_another_box_and_one_that_comes_twice_are_refused_and_seen(tmp_path):
    made = built(tmp_path, ["north", "south", "west"])
    with made.open("north") as here:
        offer_model(here)
    box = tmp_path / "carrier"
    first = (box / "north" / "letters" / "000000001.json").read_bytes()
    with made.open("west") as here:
        here.carrier.post(1, first)  # a replay in its own box
    with made.open("south") as here:
        assert "signed by north" in sync(here).refused["west"]
        (box / "north" / "letters" / "000000002.json").write_bytes(first)
        assert "number 1 does not follow 1" in sync(here).refused["north"]
        boxes = [each for each in governing.seen(here) if each.about == "box"]
        assert len(boxes) == 2
        assert all(each.time for each in boxes)


@pytest.mark.parametrize("broken", ["no bundle", "other tensors", "a pickle"])
def test_a_bundle_that_is_none_is_turned_away_whatever_its_card_says(tmp_path, broken):
    made = built(tmp_path, ["north", "south"])
    raw = {
        "no bundle": b"\x00" * 3000,
        "other tensors": _bundle(),
        "a pickle": b"\x80\x05\x95" + b"cos\nsystem\n(S'true'\ntR." * 100,
    }[broken]
    with made.open("north") as here:
        card = offer_model(here)
        size = card.nbytes
        raw = raw.ljust(size, b"\0")[:size]
        forged = _forged(here, card, raw)
    with made.open("south") as here:
        sync(here)
        with pytest.raises(BadArtifact):
            pull(here, forged)
        assert any(each.who == "north" for each in governing.seen(here))


def _bundle() -> bytes:
    from modelward.artifact import bundle

    return bundle.to_bytes({"x": np.zeros(3, np.float32)})


def _forged(here: Institution, card: cards.OfferCard, raw: bytes) -> str:
    """Have an institution seal other bytes, under a card that names them."""
    from hashlib import sha256

    signed = cards.sign(
        card.model_copy(
            update={"sha256": sha256(raw).hexdigest(), "version": 2, "nbytes": len(raw)}
        ),
        here.key,
    )
    clear, key = here.folder / "forged", bytes(32)
    clear.write_bytes(raw)
    sealed = b"".join(seal.sealed(clear, key, signed.sha))
    digest = sha256(sealed).hexdigest()
    (here.folder / "sealed" / digest).write_bytes(sealed)
    keys = {
        name: seal.wrap(key, member.sealing, signed.sha, here.draw)
        for name, member in here.members.items()
    }
    body = {
        "card": signed.model_dump(mode="json"),
        "sealed": {"sha256": digest, "nbytes": len(sealed)},
        "keys": keys,
    }
    here.say("offer", body, card=signed.sha)
    assert here.deliver() == 0
    return signed.sha


def test_a_key_that_was_wrapped_for_another_opens_nothing(tmp_path):
    made = built(tmp_path, ["north", "south", "west"])
    with made.open("north") as here:
        card = offer_model(here)
    with made.open("west") as here:
        sync(here)
        wests = here.book.key(card.sha, "west")
        assert wests is not None
    with made.open("south") as here:
        sync(here)
        here.book.add_key(card.sha, "south", wests)
        with pytest.raises(MessageRefused, match="not sealed for this institution"):
            pull(here, card.sha)
        assert any("intake-bytes" in each.says for each in governing.seen(here))


def test_the_command_shows_what_was_seen(tmp_path):

    made = built(tmp_path, ["north", "south"])
    where = {"folder": str(tmp_path / "carrier")}
    path = tmp_path / "south/exchange/carrier.json"
    path.write_text(json.dumps(where, separators=(",", ":")))
    with made.open("north") as here:
        offer_model(here)
    letters = tmp_path / "carrier/north/letters"
    raw = (letters / "000000001.json").read_bytes()
    (letters / "000000002.json").write_bytes(raw)

    said = CliRunner().invoke(app, ["exchange", "trust", str(tmp_path / "south")])
    told = CliRunner().invoke(app, ["exchange", "trust", str(tmp_path / "south"), "--json"])

    assert "box : a letter in the box of north is refused" in said.output, said.output
    assert json.loads(told.stdout)["seen"][0]["about"] == "box"
