"""Using what was adopted: terms asked at every use, abstention, and what is never replaced."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from modelward.cli.app import app
from modelward.errors import BadArtifact, DataError, NotApproved
from modelward.exchange import verbs
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution import home
from modelward.exchange.institution.governing import revoke, unusable
from modelward.exchange.institution.pulling import pull
from modelward.exchange.institution.reading import sync
from modelward.exchange.listening import adopting, using
from modelward.exchange.verbs import adopt, evaluate, offer_model, train
from tests.network import digits, unseen

HAVE = [[0, 1, 2, 3, 4], [3, 4, 5, 6, 7], [5, 6, 7, 8, 0]]
"""Nobody has seen enough nines."""
NAMES = ["north", "south", "west"]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    made = digits(HAVE, NAMES, tmp_path_factory.mktemp("use"))
    for number, name in enumerate(NAMES):
        with made.open(name) as here:
            train(here, load("mlp-32"), seed=number)
            offer_model(here)
    for _ in range(3):
        for name in NAMES:
            with made.open(name) as here:
                sync(here)
                for entry in verbs.catalogue(here):
                    pull(here, entry.sha)
                evaluate(here)
    return made


def test_what_is_adopted_abstains_beyond_what_anybody_knows_and_is_right_where_it_answers(
    network,
):
    x, y = unseen()
    for name in NAMES:
        with network.open(name) as here:
            sync(here)
            found = adopt(here)
            best = replace(
                found.choice, chosen=found.choice.best
            )  # also where it gained little
            used = verbs.Considered(here, found.table, found.standings, best).use("Dr Byron")
            local = home.local_voice(here.folder)(x).argmax(axis=1)

            said = using.answer(here, x)

            given = said.picked >= 0
            assert used.candidate in found.table.combines
            assert (said.picked[given] == y[given]).mean() >= (local == y).mean()
            assert used.never == ("digit 9",)
            assert 9 not in said.picked
            known = y != 9
            assert given[known].mean() > 0.6, "what the network knows is answered"
            assert given[~known].mean() < given[known].mean(), "and what it does not, less"
            assert said.counted(here.question.labels)["no answer"] == said.abstained


def test_a_model_in_use_stops_when_what_it_was_made_of_is_revoked(network):
    x, _ = unseen(5)
    with network.open("west") as here:
        sync(here)
        used = adopt(here).use("Dr Byron")
        assert used.cards
        using.answer(here, x)
    with network.open("north") as here:
        own = verbs.catalogue(here, site="north")[0].sha
        revoke(here, own, by="Dr Okri", reason="a wrong scanner")

    with network.open("west") as here:
        assert sync(here).revoked == [own]
        with pytest.raises(NotApproved, match="a wrong scanner"):
            using.answer(here, x)
        assert [dict(e) for e in here.ledger][-1]["kind"] == "turned-away"
        assert "wrong scanner" in unusable(here)[0]
        assert home.in_use(here.folder) == used, "nothing was put in its place"
        again = adopt(here).use("Dr Byron")
        assert own not in again.cards
        using.answer(here, x)


def test_a_model_in_use_stops_when_its_terms_have_expired(tmp_path):
    made = digits([[0, 1, 2, 3], [2, 3, 4, 5]], ["north", "south"], tmp_path)
    for name in made.names:
        with made.open(name) as here:
            train(here, load("mlp-16"), seed=1)
            offer_model(here)
    with made.open("north") as here:
        sync(here)
        card = verbs.catalogue(here, site="south")[0].sha
        pull(here, card)
        adopting.overrule(here, card, use=True, by="Dr Byron", reason="I know them")
        found = adopt(here)
        chosen = replace(found.choice, chosen="prior-corrected")
        verbs.Considered(here, found.table, found.standings, chosen).use("Dr Byron")
        using.answer(here, unseen(3)[0])
    made.clock.later(days=366)

    with made.open("north") as here, pytest.raises(NotApproved, match="it expired at"):
        using.answer(here, unseen(3)[0])


def test_training_anew_does_not_replace_the_local_model_in_use(tmp_path):
    made = digits([[0, 1, 2, 3]], ["north"], tmp_path)
    x, _ = unseen(20)
    with made.open("north") as here:
        train(here, load("mlp-16"), seed=1)
        adopt(here).use("Dr Byron")
        before = using.answer(here, x).log_p
        train(here, load("linear"), seed=2)

        assert (using.answer(here, x).log_p == before).all()


def test_examples_of_another_shape_are_refused(tmp_path):
    made = digits([[0, 1, 2, 3]], ["north"], tmp_path)
    with made.open("north") as here:
        train(here, load("linear"), seed=1)
        with pytest.raises(BadArtifact, match=r"not float32 \[8, 8\]"):
            using.answer(here, np.zeros((3, 4, 4), np.float32))


def test_the_command_answers_writes_a_file_and_says_how_often_it_did_not(tmp_path):
    made = digits([[0, 1, 2, 3]], ["north"], tmp_path)
    (tmp_path / "north/exchange/carrier.json").write_text(
        json.dumps({"folder": str(tmp_path / "carrier")}, separators=(",", ":"))
    )
    with made.open("north") as here:
        train(here, load("linear"), seed=1)
    x, _ = unseen(20)
    np.savez(tmp_path / "new.npz", x=x)
    out = tmp_path / "answers.csv"
    given = ["exchange", "predict", str(tmp_path / "north"), str(tmp_path / "new.npz")]

    said = CliRunner().invoke(app, [*given, "--out", str(out), "--json"])

    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert told["in_use"] is None
    assert sum(told["counted"].values()) == 20
    lines = out.read_text().splitlines()
    assert lines[0].startswith("answer,digit 0,digit 1")
    assert len(lines) == 21


def test_the_map_knows_the_subgroups_that_examples_are_of(tmp_path):
    made = digits([[0, 1, 2, 3], [2, 3, 4, 5]], ["north", "south"], tmp_path)
    for name, sex in (("north", "female"), ("south", "male")):
        path = tmp_path / name / "exchange" / "data.npz"
        some = dict(np.load(path))
        units = len(some["train_y"])
        some["feature_ferritin"] = np.arange(units) < (50 if name == "south" else 9)
        np.savez(path, **some, group_sex=np.full(units, sex))
        where = json.dumps({"folder": str(tmp_path / "carrier")}, separators=(",", ":"))
        (tmp_path / name / "exchange" / "carrier.json").write_text(where)
        with made.open(name) as here:
            train(here, load("linear"), seed=1)
            offer_model(here)

    given = ["exchange", "map", str(tmp_path / "north"), "--ask", "sex=other"]
    said = CliRunner().invoke(app, given)

    assert said.exit_code == 0, said.output
    lines = [" ".join(line.split()) for line in said.stdout.splitlines()]
    assert "sex: female north 100+" in lines
    assert "sex: other NOBODY" in lines
    assert "missing here: sex: male; could help: south" in lines
    assert "feature: ferritin south 50+" in lines, "nine of north are not named"
    assert "missing here: feature: ferritin; could help: south" in lines
    assert CliRunner().invoke(app, [*given[:3], "--ask", "sex"]).exit_code == 2


def test_examples_with_words_or_times_that_are_none_are_refused(tmp_path):
    made = digits([[0, 1, 2, 3]], ["north"], tmp_path)
    path = tmp_path / "north" / "exchange" / "data.npz"
    some = dict(np.load(path))
    for wrong, why in (
        ({"group_sex": np.array(["x"])}, "group_sex is not one text for each of"),
        ({"group_S x": np.full(len(some["train_y"]), "x")}, "is no name of a kind of subgroup"),
        (
            {"feature_iron": np.ones(len(some["train_y"]))},
            "feature_iron is not one bool for each",
        ),
        ({"train_time": np.arange(len(some["train_y"]))}, "train_time is not one datetime64"),
    ):
        np.savez(path, **some, **wrong)
        with made.open("north") as here, pytest.raises(DataError, match=why):
            verbs.examples(here)
