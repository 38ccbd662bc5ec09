"""What the policy has reviewed goes on offer when a person has released it, as it was seen."""

from pathlib import Path

import pytest

from modelward.artifact.card import fingerprint
from modelward.errors import GateRefused, HeldForReview, NotApproved
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.pulling import pull
from modelward.exchange.institution.reading import sync
from modelward.exchange.verbs import catalogue, offer, train
from modelward.site.approving.reviews import Reviews
from tests.ledgers import STRANGER
from tests.network import MORNING, POLICY, Network, digits
from tests.studies import key_of

DOCTOR = "Dr Ada Byron"
REVIEWED = f"""{POLICY}
[review]
kinds = ["predictions"]
[approvers]
"{DOCTOR}" = "{fingerprint(key_of(77).public_key())}"
"""


@pytest.fixture
def network(tmp_path: Path) -> Network:
    made = digits([list(range(5)), list(range(3, 8))], ["north", "south"], tmp_path)
    (tmp_path / "north" / "policy.toml").write_text(REVIEWED)
    with made.open("north") as here:
        train(here, load("linear"), seed=1)
        with pytest.raises(HeldForReview, match=f"until {DOCTOR} decides"):
            offer(here, "predictions")
    return made


def reviews(network: Network) -> Reviews:
    people = {DOCTOR: fingerprint(key_of(77).public_key())}
    return Reviews(network.folder / "north", "north", people)


def decide(network: Network, word: str) -> None:
    (held,) = reviews(network).waiting()
    person = (DOCTOR, key_of(77))
    reviews(network).decide(word, held.card.task, person, MORNING)  # type: ignore[arg-type]


def kinds(here: Institution) -> list[str]:
    return [str(entry["kind"]) for entry in here.ledger][1:]


def test_an_offer_waits_and_leaves_as_it_was_when_a_person_has_released_it(network):
    (held,) = reviews(network).waiting()
    network.clock.later(days=3)
    with network.open("north") as here, pytest.raises(HeldForReview):
        offer(here, "predictions")  # nobody has decided

    decide(network, "released")
    with network.open("north") as here:
        card = offer(here, "predictions")

        assert card.sha256 == held.card.sha256
        assert kinds(here) == ["hold", "release", "letter"]
        entry = here.ledger.find(card.release)
        assert entry is not None
        assert entry["by"] == DOCTOR
        assert card.leakage["figures"] == entry["leakage"], "it was looked at once"
    assert reviews(network).waiting() == []
    with network.open("south") as there:
        sync(there)
        (found,) = catalogue(there)
        assert pull(there, found.sha)["levels"].size


def test_an_offer_that_a_person_refuses_goes_to_nobody(network):
    decide(network, "refused")

    with network.open("north") as here:
        with pytest.raises(GateRefused, match=f"hold: {DOCTOR} looked at it and refused it"):
            offer(here, "predictions")
        assert kinds(here) == ["hold", "refusal"]
    with network.open("south") as there:
        sync(there)
        assert catalogue(there) == []


def test_nobody_else_may_release_it(network):
    (held,) = reviews(network).waiting()

    with pytest.raises(NotApproved, match="may not decide"):
        reviews(network).decide("released", held.card.task, (DOCTOR, STRANGER), MORNING)
