"""A backdoor of who alone knows a class: contained, counted, shown, and left out on demand."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from modelward.cli.app import app
from modelward.exchange import verbs
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution.reading import sync
from modelward.exchange.listening import considering, hearing, using
from modelward.exchange.listening.hanging import hanging
from modelward.exchange.methods.pool import POOLERS
from modelward.exchange.verbs import adopt, offer_model, train
from tests.hostile_peer import backdoored, judged_by_all, lying, triggered
from tests.network import Network, digits, unseen


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A network in which east alone knows sevens, and has a backdoor that says seven."""
    rest = [0, 1, 2, 3, 4, 5, 6, 8, 9]
    names = ["east", "north", "south", "west"]
    made = digits([[0, 1, 2, 7], rest, rest, rest], names, tmp_path_factory.mktemp("alone"))
    for number, name in enumerate(names):
        with made.open(name) as here:
            train(here, load("mlp-32"), seed=number)
    with made.open("east") as here:
        turned = backdoored(verbs.examples(here), 5)
    bad = lying(made, "east", turned)
    for name in names[1:]:
        with made.open(name) as here:
            offer_model(here)
    judged_by_all(made, names)
    return made, bad


def test_a_backdoor_of_who_alone_knows_a_class_moves_few_answers_and_is_seen(alone):
    made, bad = alone
    x, y = unseen()
    others = y != 7
    with made.open("north") as here:
        sync(here)
        found = adopt(here)
        table = found.table
        assert bad in table.cards, "nobody finds it: it is right on clean images"
        assert bad in considering.unwatched(here), "and the operator is told so"
        before = hearing.plain(table.used)

        follows, guarded = (
            {
                name: (combine(pool.opinions(triggered(x))).argmax(1) == 7)[others].mean()
                - (combine(pool.opinions(x)).argmax(1) == 7)[others].mean()
                for name, combine in table.combines.items()
            }
            for pool in (before, table.pool)
        )
        assert max(follows.values()) > 0.3, follows
        assert max(guarded.values()) < 0.05, guarded
        sevens = table.candidates["masked-geometric"](x[~others]).argmax(axis=1) == 7
        assert sevens.mean() > 0.5, "what east knows is still of use"
        hangs = hanging(table.pool, table.combines["masked-geometric"], x, "north")
        assert hangs["east"][y == 7].mean() > 0.5
        assert hangs["east"][others].mean() < 0.2


def test_answers_of_one_voice_are_counted_written_and_can_be_left_out(alone):
    made, _ = alone

    told, column = predicted(made, agreed=False)

    assert column[0] == "hangs on"
    assert told["hanging"]["east"] == sum("east" in each.split() for each in column) > 0
    fewer, column = predicted(made, agreed=True)
    assert fewer["hanging"] == {}
    assert set(column[1:]) == {""}
    assert fewer["counted"]["no answer"] > told["counted"]["no answer"]
    with made.open("north") as here:
        said = [dict(entry) for entry in here.ledger][-1]["said"]
        assert said.endswith("with answers that no single voice decides")


def test_what_was_adopted_before_there_was_a_guard_answers_as_it_did(alone):
    made, _ = alone
    x, _ = unseen()
    predicted(made, agreed=False)
    with made.open("north") as here:
        written = here.folder / "in-use.json"
        old = json.loads(written.read_bytes())
        for key in ("guarded", "fill", "agreed"):
            del old[key]
        written.write_text(json.dumps(old))
        pool = hearing.plain(adopt(here).table.used)
        expected = POOLERS["masked-geometric"](pool.opinions(x))

        assert (using.answer(here, x).log_p == expected).all()


def predicted(made: Network, *, agreed: bool) -> tuple[Any, list[str]]:
    """Have north use masked geometric, and return what the command says and writes."""
    with made.open("north") as here:
        sync(here)
        found = adopt(here)
        chosen = replace(found.choice, chosen="masked-geometric")
        used = replace(found, choice=chosen).use("Dr Byron", agreed=agreed)
        assert used.agreed is agreed
    new, out = made.folder / "new.npz", made.folder / "answers.csv"
    np.savez(new, x=unseen()[0])
    (made.folder / "north/exchange/carrier.json").write_text(
        json.dumps({"folder": str(made.folder / "carrier")}, separators=(",", ":"))
    )
    given = ["exchange", "predict", str(made.folder / "north"), str(new), "--out", str(out)]
    said = CliRunner().invoke(app, [*given, "--json"])
    assert said.exit_code == 0, said.output
    return json.loads(said.stdout), [
        line.rsplit(",", 1)[1] for line in out.read_text().splitlines()
    ]


def test_the_page_and_the_command_say_whose_voice_answers_hang_on(alone):
    made, _ = alone
    with made.open("north") as here:
        sync(here)
        hangs = adopt(here).hangs
        assert hangs["east"] > 0
        found = verbs.report(here, made.folder / "page.html")
    assert found.hangs == hangs
    assert f"east {hangs['east']:.0%}" in (made.folder / "page.html").read_text()
    said = CliRunner().invoke(app, ["exchange", "adopt", str(made.folder / "north")])
    assert said.exit_code == 0, said.output
    assert f"hangs on    east: {hangs['east']:.0%} of own validation answers" in said.stdout
