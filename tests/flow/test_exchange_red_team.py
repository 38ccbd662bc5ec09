"""A red team in the network: one admitted institution that writes whatever it likes.

Each of its letters is refused, or contained: the others go on reading each other, nothing is
written outside the folder, and `seen` or the command tells the operator.
"""

import json
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.core.clock import stamp
from modelward.errors import BadArtifact, NotAdmitted, NotApproved
from modelward.exchange import verbs
from modelward.exchange.documents import card as cards
from modelward.exchange.documents import letter as letters
from modelward.exchange.documents import members
from modelward.exchange.documents.card import Competence, Group, Made, OfferCard, Terms
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution import admitting, governing, home
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.pulling import pull
from modelward.exchange.institution.reading import sync
from modelward.exchange.listening import judging, using
from modelward.exchange.listening.adopting import overrule
from tests.network import LABELS, MORNING, Clock, Network, digits

NAMES = ["east", "north", "south"]
"""East is hostile."""

YEAR = stamp(MORNING.replace(year=2027))


@pytest.fixture
def network(tmp_path: Path) -> Network:
    return digits([range(10)] * 3, NAMES, tmp_path)


def card(here: Institution, **changed: Any) -> OfferCard:
    """Return a signed card of labels on the shared set: no model is needed for it."""
    fields: dict[str, Any] = {
        "kind": "labels",
        "site": here.name,
        "version": 1,
        "question": here.question.sha256,
        "made": Made(family="linear", inputs=(8, 8)),
        "sha256": sha256(here.name.encode()).hexdigest(),
        "nbytes": 400,
        "release": "0" * 64,
        "competence": Competence(labels=LABELS, units=(100,) * 10),
        "privacy": {"mechanism": "none"},
        "terms": Terms(purposes=("read digits",), expires=YEAR, redistribution=True),
        "issued": stamp(here.now),
    }
    return cards.sign(OfferCard(**{**fields, **changed}), here.key)


def says(
    network: Network, name: str, made: OfferCard | None = None, **changed: Any
) -> OfferCard:
    """Have an institution say that something is on offer; `changed` are parts of the body."""
    with network.open(name) as here:
        made = made or card(here)
        sealed = {"sha256": "1" * 64, "nbytes": 416}
        body = {"card": made.model_dump(mode="json"), "sealed": sealed, "keys": {}, **changed}
        here.say("offer", body, card=made.sha)
        for number, raw in here.book.unposted(name):  # no bytes lie behind it
            here.carrier.post(number, raw)
            here.book.mark_posted(name, number)
        here.book.add_offer(made, ("1" * 64, 416), {}, name, stamp(here.now))
    return made


@pytest.mark.parametrize(
    "sealed",
    [
        {"sha256": "../../data.npz", "nbytes": 416},
        {"sha256": "/etc/passwd", "nbytes": 416},
        {"sha256": "a\0b", "nbytes": 416},
        {"sha256": "1" * 64, "nbytes": "9" * 30},
        {"sha256": "1" * 64, "nbytes": 2**50},
        {"sha256": "1" * 64, "nbytes": -1},
        ["1" * 64, 416],
    ],
)
def test_sealed_bytes_are_named_by_a_hash_and_counted_or_the_letter_is_refused(network, sealed):
    says(network, "east", sealed=sealed)
    says(network, "north")

    with network.open("south") as here:
        news = sync(here)

        assert "names its sealed bytes" in news.refused["east"]
        assert [each.card.site for each in verbs.catalogue(here)] == ["north"]
        assert any("names its sealed bytes" in each.says for each in governing.seen(here))


def test_numbers_that_no_report_has_make_it_one_that_says_nothing(network):
    offered = says(network, "north")
    with network.open("east") as here:
        for units in ("9" * 30, 2**50, -5, "many", [1]):
            said = dict.fromkeys(LABELS, 0.5)
            body = {"recalls": said, "plain": said, "units": dict.fromkeys(LABELS, units)}
            here.say("report", {"card": offered.sha, "release": "0" * 64, **body})
        here.deliver()

    with network.open("south") as here:
        assert sync(here).letters == 6
        read = [judging.read_report(each, LABELS) for each in here.book.letters("report")]

    assert read == [None] * 5


def test_a_revocation_goes_to_each_descendant_once_however_many_ways_lead_there(network):
    made = [says(network, "east")]
    last: list[str] = [made[0].sha]
    for layer in range(1, 21):
        pair = []
        for side in ("a", "b"):
            with network.open("east") as here:
                one = card(here, series=f"{side}{layer}", lineage=tuple(last))
            pair.append(says(network, "east", one).sha)
        last = pair
    with network.open("east") as here:
        here.say("revocation", {"card": made[0].sha, "reason": "a million ways"})
        here.deliver()

    with network.open("south") as here:
        news = sync(here)

        assert len(news.revoked) == 41
        assert verbs.catalogue(here) == []


@pytest.mark.parametrize("word", ["revocation", "grant"])
def test_nobody_speaks_for_an_artifact_whose_maker_was_not_read_yet(network, word):
    with network.open("north") as here:
        parent = card(here)
    with network.open("south") as here:
        child = card(here, lineage=(parent.sha,))
    says(network, "south", child)
    with network.open("east") as here:
        body = {"card": parent.sha, "reason": "none of yours", "to": "north", "key": "00"}
        here.say(word, body, card=parent.sha)
        here.deliver()

    with network.open("north") as here:
        here.members.pop("north")
        sync(here)  # the box of south first: what it offers is known, what north offers is not
        news = sync(here)

        assert "never offered" in news.refused["east"]
        assert [each.sha for each in verbs.catalogue(here)] == [child.sha]
        assert here.book.key(parent.sha, "north") is None


def test_a_descendant_that_somebody_else_offers_is_marked_also_where_it_came_first(network):
    parent = says(network, "north")
    with network.open("east") as here:
        sync(here)
        child = card(here, lineage=(parent.sha,), sha256=parent.sha256)
    says(network, "east", child)
    with network.open("east") as here:
        grandchild = card(here, series="more", lineage=(child.sha,))
    says(network, "east", grandchild)
    with network.open("north") as here:
        governing.revoke(here, parent.sha, by="Dr Byron", reason="a wrong scanner")

    with network.open("south") as here:
        news = sync(here)  # in the order of names: the children first

        assert set(news.revoked) == {parent.sha, child.sha, grandchild.sha}
        for each in (child, grandchild):
            with pytest.raises(BadArtifact, match="intake-revoked"):
                pull(here, each.sha)


def test_a_card_names_cards_that_were_there_before_it_so_lineage_has_no_circle(network):
    with network.open("east") as here:
        first = card(here)
        second = card(here, series="more", lineage=(first.sha,))
        bent = cards.sign(first.model_copy(update={"lineage": (second.sha,)}), here.key)

        assert bent.sha != first.sha, "a circle would need a hash of itself"
        here.book.add_offer(bent, ("1" * 64, 416), {}, "east", "")
        here.book.add_offer(second, ("2" * 64, 416), {}, "east", "")
        here.book._db.execute(
            "insert or ignore into lineage values (?, ?)", (bent.sha, second.sha)
        )
        here.book._db.execute(
            "insert or ignore into lineage values (?, ?)", (second.sha, bent.sha)
        )

        assert set(here.book.revoke(bent.sha, "a book that was tampered with")) == {
            bent.sha,
            second.sha,
        }


def test_words_of_others_cannot_move_the_cursor_of_who_reads_them(network):
    from typer.testing import CliRunner

    from modelward.cli.app import app

    hidden = "\x1b[2J\x1b[8m\u202eseems fine\x9b1A"
    with network.open("east") as here:
        sneaky = Competence(
            labels=LABELS,
            units=(100,) * 10,
            groups=(Group(name="sex", value="\u202efemale", units=100),),
            equipment=("\x9b2J",),
        )
        made = card(here, competence=sneaky)
    says(network, "east", made)
    with network.open("east") as here:
        here.say("farewell", {"reason": hidden})
        here.deliver()
    where = json.dumps({"folder": str(network.folder / "carrier")}, separators=(",", ":"))
    site = network.folder / "south"
    (site / "exchange/carrier.json").write_text(where)
    with network.open("south") as here:
        sync(here)
        with pytest.raises(BadArtifact):
            pull(here, made.sha)
        load_local(here)

    for command in ("catalogue", "trust", "map"):
        said = CliRunner().invoke(app, ["exchange", command, str(site)])
        assert said.exit_code == 0, said.output
        strange = [each for each in said.output.replace("\n", "") if not each.isprintable()]
        assert strange == [], command


def load_local(here: Institution) -> None:
    """Keep an untrained local model: some commands hold what is here against it."""
    family = load("linear")
    home.keep(here.folder, family, family.initial(here.question.shape, 0), 0)


def test_a_card_with_a_giant_list_of_classes_is_turned_away_and_is_on_no_map(network):
    with network.open("east") as here:
        many = tuple(f"class {n}" for n in range(9_000))
        competence = Competence(labels=many, units=(1_000_000,) * len(many))
        giant = card(here, competence=competence)
    says(network, "east", giant)
    says(network, "north")

    with network.open("south") as here:
        sync(here)
        with pytest.raises(BadArtifact, match="its label space is another"):
            pull(here, giant.sha)
        known = verbs.map(here)

        assert len(known.wanted) == 10
        assert known.institutions == ("north",)
        assert any("label space" in each.says for each in governing.seen(here))


def test_a_letter_longer_than_is_read_ends_the_reading_of_that_box_alone(network):
    says(network, "north")
    box = network.folder / "carrier" / "east" / "letters"
    with network.open("east"):
        pass
    with (box / "000000001.json").open("wb") as file:
        file.truncate(2 * 2**30)  # a hole of two gigabytes

    with network.open("south") as here:
        news = sync(here)

        assert "are read" in news.refused["east"]
        assert len(verbs.catalogue(here)) == 1


@pytest.mark.parametrize("cut", [1, 16, 17, 400])
def test_sealed_bytes_that_were_cut_short_are_not_opened(network, cut):
    with network.open("north") as here:
        load_local(here)
        here.looking._inspector = _Blind()
        made = verbs.offer(here, "labels")
        entry = here.book.entry(made.sha)
        assert entry is not None
        whole = (here.folder / "sealed" / entry.sealed).read_bytes()
    path = network.folder / "carrier/north/objects" / entry.sealed
    path.write_bytes(whole[:-cut])

    with network.open("south") as here:
        sync(here)
        with pytest.raises(BadArtifact, match="other bytes than its name says"):
            pull(here, made.sha)
        assert any(each.who == "north" for each in governing.seen(here))
        path.write_bytes(whole)
        assert pull(here, made.sha)["classes"].shape == (300,)


class _Blind:
    """An inspector that finds nothing: these offers hold no model of anybody."""

    def inspect(self, *_: object) -> Any:
        from modelward.privacy.leakage.copies import Copies
        from modelward.privacy.leakage.figures import Inspection

        return Inspection(copies=Copies(0, 0, 0), full=True)

    def close(self) -> None:
        pass


def test_a_copy_with_an_older_date_is_still_the_copy(network):
    with network.open("north") as here:
        first = verbs_train_and_offer(here)
    with network.open("south") as here:
        sync(here)
        tensors = pull(here, first.sha)
    network.clock.later(days=1)
    with network.open("east") as here:
        home.keep(here.folder, load("linear"), tensors, 0)
        here.say("acknowledgement", {"card": first.sha})
        here.looking._inspector = _Blind()
        here.clock = Clock(MORNING - timedelta(days=900))
        stolen = verbs.offer_model(here, Terms(purposes=("read digits",), expires=YEAR))
    assert stolen.issued < first.issued

    with network.open("south") as here:  # it has read the one of north before
        sync(here)
        pull(here, stolen.sha)
        load_local(here)
        assert quarantined(here) == {stolen.sha}
    with network.open("north") as here:
        sync(here)
        pull(here, stolen.sha)
        assert quarantined(here) == {stolen.sha}


def verbs_train_and_offer(here: Institution) -> OfferCard:
    verbs.train(here, load("linear"), seed=1)
    here.looking._inspector = _Blind()
    return verbs.offer_model(here)


def quarantined(here: Institution) -> set[str]:
    own = verbs.examples(here)
    hand, _ = verbs.in_hand(here)
    judged = judging.judge(hand, own, 5)
    return {each.card for each in judged for found in each.findings if found.rule == "copy"}


def test_who_reads_both_late_goes_by_the_dates_of_boxes_which_cannot_go_back(network):
    with network.open("north") as here:
        first = verbs_train_and_offer(here)
    with network.open("south") as here:
        pass
    network.clock.later(days=1)
    with network.open("east") as here:
        sync(here)
        home.keep(here.folder, load("linear"), pull(here, first.sha), 0)  # says that it came
        here.looking._inspector = _Blind()
        here.clock = Clock(MORNING - timedelta(days=900))
        stolen = verbs.offer_model(here, Terms(purposes=("read digits",), expires=YEAR))

    network.clock.later(days=1)
    with network.open("south") as here:
        sync(here)
        for each in (first, stolen):
            pull(here, each.sha)
        load_local(here)
        assert quarantined(here) == {stolen.sha}


def test_a_clock_that_was_set_back_brings_no_expired_term_back_and_is_shown(network):
    short = Terms(purposes=("read digits",), expires=stamp(MORNING + timedelta(days=2)))
    with network.open("north") as here:
        made = card(here, terms=short)
    says(network, "north", made)
    with network.open("south") as here:
        sync(here)
        network.clock.later(days=3)
        with pytest.raises(BadArtifact, match="terms-expired"):
            pull(here, made.sha)
        assert not any(each.about == "clock" for each in governing.seen(here))

        network.clock.later(days=-2)
        with pytest.raises(BadArtifact, match="terms-expired"):
            pull(here, made.sha)
        (told,) = (each for each in governing.seen(here) if each.about == "clock")
        assert "behind the newest entry" in told.says
        assert verbs.map(here).institutions == ()


def test_what_an_institution_made_that_was_put_out_is_not_used_and_says_nothing(network):
    with network.open("north") as here:
        made = verbs_train_and_offer(here)
    with network.open("south") as here:
        verbs.train(here, load("linear"), seed=2)
        sync(here)
        pull(here, made.sha)
        overrule(here, made.sha, use=True, by="Dr Okri", reason="a first look")
        found = verbs.adopt(here)
        chosen = found.choice.__class__(**{
            **{name: getattr(found.choice, name) for name in found.choice.__slots__},
            "chosen": "uniform",
        })  # fmt: skip
        verbs.Considered(here, found.table, found.standings, chosen).use("Dr Okri")
        using.answer(here, verbs.examples(here).valid_x)
        gone = verbs.dismiss(here, "north", by="Dr Okri", reason="its key was stolen")

        assert [each.sha for each in gone] == [made.sha]
        with pytest.raises(NotApproved, match="not admitted here, or not any more"):
            using.answer(here, verbs.examples(here).valid_x)
        assert verbs.catalogue(here) == []
        assert verbs.map(here).institutions == ()
        assert not verbs.adopt(here).table.cards
        assert [each.about for each in governing.seen(here)][-1] == "in use"
        entry = [each for each in here.ledger if each["kind"] == "decision"][-1]
        assert (entry["subject"], entry["said"], entry["by"]) == (
            "north", "dismiss it", "Dr Okri"
        )  # fmt: skip
    says(network, "north", None)
    with network.open("south") as here:
        assert sync(here).letters == 0
        assert here.book.entry(made.sha) is not None, "what it said stays on record"


@pytest.mark.parametrize(
    ("name", "by", "match"),
    [
        ("north", "", "without a name"),
        ("south", "Dr Okri", "this institution itself"),
        ("west", "Dr Okri", "west is not admitted"),
    ],
)
def test_nobody_is_put_out_by_mistake(network, name, by, match):
    with network.open("south") as here:
        with pytest.raises((NotApproved, NotAdmitted), match=match):
            verbs.dismiss(here, name, by=by, reason="a reason")
        assert set(here.members) == set(NAMES)


def test_a_card_that_names_more_than_anybody_reads_is_on_no_map(network):
    with network.open("east") as here:
        groups = tuple(Group(name="ward", value=f"{n}", units=100) for n in range(2_000))
        competence = Competence(labels=LABELS, units=(100,) * 10, groups=groups)
        wordy = card(here, competence=competence)
    says(network, "east", wordy)

    with network.open("south") as here:
        sync(here)
        assert len(verbs.map(here).wanted) == 10
        with pytest.raises(BadArtifact, match="names 2,000 subgroups"):
            pull(here, wordy.sha)


def test_an_admission_is_a_persons_decision_in_the_ledger_and_one_key_has_one_voice(network):
    site = network.folder / "south"
    said = members.read((network.folder / "north/exchange/introduction.json").read_bytes())
    with network.open("south") as here:
        verbs.dismiss(here, "north", by="Dr Okri", reason="to begin anew")

    with pytest.raises(NotApproved, match="compared"):
        admitting.admit(site, said, said.spoken, by=" ", clock=network.clock)
    with pytest.raises(NotAdmitted, match="not what was compared"):
        admitting.admit(site, said, "0000", by="Dr Okri", clock=network.clock)
    admitting.admit(site, said, said.spoken, by="Dr Okri", clock=network.clock)
    admitting.admit(site, said, said.spoken, by="Dr Okri", clock=network.clock)

    with network.open("south") as here:
        made = [e for e in here.ledger if e["kind"] == "decision" and e["said"] == "admit it"]
        assert len(made) == 1
        assert made[0]["subject"] == f"north, {said.spoken}"
    with network.open("north") as here:
        again = members.introduce("northwest", here.key, here.sealing, stamp(MORNING))
    with pytest.raises(NotAdmitted, match="signs with the key of north"):
        admitting.admit(site, again, again.spoken, by="Dr Okri", clock=network.clock)


def test_a_wish_for_a_key_is_shown_until_it_is_granted(network):
    made = says(network, "north")
    with network.open("south") as here:
        sync(here)
        here.say("request", {"card": made.sha}, card=made.sha)
        here.deliver()

    with network.open("north") as here:
        sync(here)
    with network.open("north") as here:  # the command after it does not read it anew
        assert sync(here).requests == []
        assert [(each[0], each[1]) for each in governing.asked(here)] == [(made.sha, "south")]
        assert [e.who for e in governing.seen(here) if e.about == "request"] == ["south"]
        (here.folder / "sealed" / f"{made.sha}.key").write_bytes(bytes(32))
        verbs.grant(here, made.sha, "south")
        assert governing.asked(here) == []


def test_names_that_look_alike_are_no_names(network):
    with network.open("east") as here:
        for name in ("n\u043erth", "North", "north\u200b", "north/../south", "\uff4eorth", ""):
            with pytest.raises(NotAdmitted, match="no name of an institution"):
                members.introduce(name, here.key, here.sealing, stamp(MORNING))
        with pytest.raises(ValueError, match="site"):
            card(here, site="n\u043erth")
        fine = card(here, competence=Competence(
            labels=LABELS, units=(0,) * 10, equipment=("Röntgen 日本",), lacks=("niño",)
        ))  # fmt: skip
    says(network, "east", fine)
    with network.open("south") as here:
        assert sync(here).offers == [fine.sha]


def test_a_letter_dated_ahead_stops_its_box_until_then(network):
    network.clock.later(hours=2)
    says(network, "east")
    network.clock.later(hours=-2)

    with network.open("south") as here:
        assert "in the future" in sync(here).refused["east"]
        network.clock.later(hours=2)
        assert len(sync(here).offers) == 1


def test_a_report_through_a_friend_is_one_voice_among_others():
    from modelward.exchange.methods.trust import Report, standings

    when = datetime(2026, 11, 20, 9, 30, tzinfo=MORNING.tzinfo)
    bad, good = "b" * 64, "c" * 64
    makers = {bad: "east", good: "north"}
    said = [
        Report("east", bad, np.ones(2), when),  # of its own: not heard
        Report("friend", bad, np.ones(2), when),
        Report("friend", bad, np.ones(2), when + timedelta(minutes=1)),  # twice is once
        *(Report(name, bad, np.full(2, 0.5), when) for name in ("north", "south", "west")),
        *(Report(name, good, np.full(2, 0.9), when) for name in ("south", "west", "friend")),
    ]

    found = standings(makers, said, when)

    assert not found[bad].used
    assert found[bad].reporters == 4
    assert found[good].used


def test_a_copied_letter_is_no_letter_of_a_second_institution(network):
    says(network, "north")
    box = network.folder / "carrier"
    raw = (box / "north/letters/000000001.json").read_bytes()
    with network.open("east") as here:
        here.carrier.post(1, raw)
        with pytest.raises(Exception, match="signed by north"):
            letters.read(raw, "east", here.peer("east").signing, letters.Place(), now=here.now)
