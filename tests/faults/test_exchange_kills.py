"""Institutions of the network that are killed at any moment lose nothing and double nothing."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from modelward.exchange import verbs
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution.pulling import pull
from modelward.exchange.institution.reading import sync
from modelward.exchange.verbs import evaluate, offer_model, train
from modelward.ledger.verify import verify
from tests.network import Network, digits

NAMES = ["north", "south"]


def work(network: Network, name: str) -> None:
    """Offer once, read, pull and judge: what one command after the other would do."""
    with network.open(name) as here:
        if not verbs.catalogue(here, site=name):
            offer_model(here)
        sync(here)
        for entry in verbs.catalogue(here):
            pull(here, entry.sha)
        evaluate(here)


def killed_after(seconds: float, network: Network, name: str) -> bool:
    """Do the work in a process of its own that is killed; return whether it was."""
    child = os.fork()
    if child == 0:
        try:
            work(network, name)
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.slow
@pytest.mark.parametrize("kills", [3, pytest.param(40, marks=pytest.mark.exhaustive)], ids=str)
def test_a_kill_at_any_moment_loses_and_doubles_nothing(tmp_path: Path, kills: int) -> None:
    network = digits([[0, 1, 2, 3], [2, 3, 4, 5]], NAMES, tmp_path)
    for number, name in enumerate(NAMES):
        with network.open(name) as here:
            train(here, load("mlp-16"), seed=number)
    draw = np.random.default_rng(kills)
    hit = 0
    for number in range(kills):
        hit += killed_after(float(draw.uniform(0.005, 0.25)), network, NAMES[number % 2])
    for _ in range(3):
        for name in NAMES:
            work(network, name)

    assert hit > 0, "nobody was killed"
    for name in NAMES:
        with network.open(name) as here:
            assert sync(here).letters == 0
            offers = [said for said in here.book.letters("offer") if said.sender == name]
            assert len(offers) == 1
            releases = [e["task"] for e in here.ledger if e["kind"] == "release"]
            assert len(releases) == len(set(releases))
            receipts = [e["sha256"] for e in here.ledger if e["kind"] == "receipt"]
            assert len(receipts) == len(set(receipts)) == 1
            for box in NAMES:
                posted = sorted((tmp_path / "carrier" / box / "letters").glob("*.json"))
                assert here.book.place(box).number == len(posted)
        site = tmp_path / name
        verify(site / "ledger", site / "ledger" / "key.pub")


@pytest.mark.slow
def test_a_pull_that_ends_after_its_receipt_is_in_the_ledger_once(tmp_path: Path) -> None:
    network = digits([[0, 1, 2, 3], [2, 3, 4, 5]], NAMES, tmp_path)
    with network.open("north") as here:
        train(here, load("mlp-16"), seed=0)
        offer_model(here)
    child = os.fork()
    if child == 0:
        with network.open("south") as here:
            sync(here)
            (entry,) = verbs.catalogue(here)
            here.say = lambda *_, **__: os._exit(9)  # type: ignore[method-assign]
            pull(here, entry.sha)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    with network.open("south") as here:
        (entry,) = verbs.catalogue(here)
        assert not entry.here
        pull(here, entry.sha)
        assert [e["kind"] for e in here.ledger].count("receipt") == 1
