"""Candidates beyond poolers: a combiner over letters, soups of one base, a strong student."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from modelward.cli.app import app
from modelward.core.clock import stamp
from modelward.errors import BadArtifact
from modelward.exchange import verbs
from modelward.exchange.documents.card import Terms
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution import home
from modelward.exchange.institution.pulling import pull
from modelward.exchange.institution.reading import sync
from modelward.exchange.listening import combining, using
from modelward.exchange.listening.adopting import overrule
from modelward.exchange.listening.combining import FENS
from modelward.exchange.methods import fens
from modelward.exchange.methods.fens import LETTERS
from modelward.exchange.verbs import adopt, distil, evaluate, offer, offer_model, train
from tests.network import MORNING, Network, digits, unseen

HAVE = [[0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8], [6, 7, 8, 9, 0, 1]]
NAMES = ["north", "south", "west"]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    made = digits(HAVE, NAMES, tmp_path_factory.mktemp("candidates"))
    for number, name in enumerate(NAMES):
        with made.open(name) as here:
            train(here, load("mlp-16"), seed=number)
            offer_model(here)
    return made


def gone_round(network: Network, names: list[str]) -> list[int]:
    """Have everybody read, pull and judge once; return which letters of a combiner came."""
    written = []
    for name in names:
        with network.open(name) as here:
            sync(here)
            for entry in verbs.catalogue(here):
                pull(here, entry.sha)
            written.append(evaluate(here, combine=True).combined)
    return written


@pytest.fixture(scope="module")
def known(network):
    """The network once everybody has judged everybody, whichever test is the first."""
    for _ in range(2):
        gone_round(network, NAMES)
    return network


def test_a_combiner_is_trained_over_letters_and_is_the_same_bits_everywhere(network):
    first = [gone_round(network, NAMES) for _ in range(2)]  # until everybody is trusted
    wests = max(each[2] for each in first)
    rounds = [gone_round(network, NAMES[:2]) for _ in range(3)]
    assert max(max(each) for each in rounds) <= wests + 1, "west is waited for"
    for _ in range(LETTERS + 2):
        gone_round(network, NAMES)

    x, y = unseen()
    bits = set()
    for name in NAMES:
        with network.open(name) as here:
            sync(here)
            found = adopt(here)
            assert FENS in found.table.candidates
            bits.add(found.table.combiner["weight"].tobytes())
            right = {n: (v(x).argmax(1) == y).mean() for n, v in found.table.candidates.items()}
            assert right[FENS] > 0.3, "far from guessing; private validation decides on its use"
            said = [dict(e) for e in here.ledger if e["kind"] == "letter"]
            letters = [e for e in said if e["about"] == "combiner"]
            assert len(letters) == LETTERS
            released = [e for e in here.ledger if e["kind"] == "release"]
            of_it = [e for e in released if e["artifact"] == "adapter"]
            assert len(of_it) == LETTERS
            assert all("leakage" in e for e in of_it)
    assert len(bits) == 1
    assert gone_round(network, NAMES) == [0, 0, 0], "it is finished"


def test_a_combiner_in_use_answers_as_it_was_judged(known):
    network, (x, _) = known, unseen(40)
    for _ in range(LETTERS + 2):
        gone_round(network, NAMES)
    with network.open("west") as here:
        sync(here)
        found = adopt(here)
        chosen = found.choice.__class__(
            chosen=FENS, best=FENS, difference=0.1, low=0.01, high=0.2, adopted=True,
            population="the network's population", reason="for the test",
        )  # fmt: skip
        verbs.Considered(here, found.table, found.standings, chosen).use("Dr Byron")

        said = using.answer(here, x)

        assert (said.log_p == found.table.candidates[FENS](x)).all()


def test_letters_of_a_combiner_that_are_none_are_passed_over():
    right = {"round": 1, "weight": [[1, 2], [3, 4]], "bias": [0, 1]}
    assert combining._read(right, (2, 2)) is not None
    for wrong in (
        {"round": 0}, {"round": 99}, {"weight": [[1, 2]]}, {"weight": [[2**40, 0], [0, 0]]},
        {"bias": "x"}, {"weight": None}, {"bias": [[0, 1]]},
    ):  # fmt: skip
        assert combining._read({**right, **wrong}, (2, 2)) is None


def test_whole_numbers_keep_a_combiner_to_a_fraction_of_a_grid_step():
    draw = np.random.default_rng(0)
    made = fens.Combiner(draw.standard_normal((3, 6)), draw.standard_normal(3))

    again = combining.restored(combining.tensors(made))

    assert np.abs(again.weight - made.weight).max() <= 0.5 / combining.GRID


def test_adapters_of_one_base_make_a_soup_beside_the_base_alone(tmp_path):
    network = digits([list(range(10))] * 3, NAMES, tmp_path)
    year = stamp(MORNING.replace(year=2027))
    passable = Terms(purposes=("read digits",), expires=year, redistribution=True)
    for number, name in enumerate(NAMES):
        with network.open(name) as here:
            train(here, load("mlp-16"), seed=number)
    with network.open("north") as here:
        base = offer_model(here, passable)
    for name in ("south", "west"):
        with network.open(name) as here:
            sync(here)
            offer(here, "adapter", passable, base=base.sha)
    gone_round(network, NAMES)
    gone_round(network, NAMES)

    with network.open("north") as here:
        sync(here)
        for card in verbs.standings(here):
            overrule(here, card, use=True, by="Dr Byron", reason="all three, for the soup")
        found, short = adopt(here), base.sha256[:8]
        mine = adopt(here, own_population=True)
        x, _ = unseen(50)
        local = home.local_voice(here.folder)(x)
        used = mine.use("Dr Byron")

    soup, alone = (found.table.singles[f"{what} {short}"] for what in ("soup", "base"))
    parts = [each.whole for each in found.table.used if each.entry.card.kind == "adapter"]
    mean = np.mean([part["out.weight"] for part in parts], axis=0)
    assert np.allclose(soup.tensors["out.weight"], mean, atol=1e-6)
    assert (alone.voice(x) == local).all(), "north's own model is the base"
    assert f"greedy soup {short}" not in found.table.candidates
    assert f"greedy soup {short}" in mine.table.candidates
    assert mine.choice.population == "my population"
    assert used.candidate in mine.table.candidates


def test_a_strong_student_that_does_not_outgrow_its_teachers_stops_and_says_so(known):
    network = known
    with network.open("north") as here:
        sync(here)
        before = home.in_use(here.folder)
        found = distil(here, strong=True)

        assert "weak-to-strong" in found.table.candidates or found.choice.adopted
        if not found.choice.adopted:
            assert found.choice.chosen == "local"
        assert home.in_use(here.folder) == before
    stopped = "stopped, the student is not used" in found.choice.reason
    assert stopped == ("the teachers stay" in found.choice.reason)
    assert stopped, found.choice.reason
    assert "the student is not used" in home.student(network.folder / "north" / "exchange")
    said = CliRunner().invoke(app, ["exchange", "report", *reported(network, "north")])
    assert said.exit_code == 0, said.output
    page = (network.folder / "page.html").read_text("utf-8")
    assert "Weak to strong, 2026-11-" in page
    assert "the student is not used" in page


def reported(network: Network, name: str) -> list[str]:
    """Return the arguments of a report of one institution."""
    where = json.dumps({"folder": str(network.folder / "carrier")}, separators=(",", ":"))
    (network.folder / name / "exchange" / "carrier.json").write_text(where)
    return [str(network.folder / name), "--out", str(network.folder / "page.html")]


def test_a_student_that_was_never_trained_is_refused(known):
    network = known
    with network.open("south") as here:
        sync(here)
        local = home.local(here.folder)
        fresh = local.made_with.initial(here.question.shape, local.seed)
        home.keep(here.folder, local.made_with, fresh, local.seed)

        with pytest.raises(BadArtifact, match="not pre-trained"):
            distil(here, strong=True)
