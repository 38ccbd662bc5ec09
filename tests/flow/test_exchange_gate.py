"""What goes on offer is looked at, booked, and said on the card as it was done."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.errors import (
    BadArtifact,
    BudgetExceeded,
    GateRefused,
    NotApproved,
    StorageError,
)
from modelward.exchange import verbs
from modelward.exchange.documents.bands import band
from modelward.exchange.documents.card import Made, OfferCard
from modelward.exchange.families.catalogue import load
from modelward.exchange.giving import making, offering, private
from modelward.exchange.institution import home
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.inspection import Subject
from modelward.exchange.institution.looking import IsolatedInspector
from modelward.exchange.institution.reading import sync
from modelward.exchange.verbs import offer, offer_model, train
from modelward.ledger import checkpoint
from modelward.ledger.alarm import Alarm, Alarms
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.note import Signer
from modelward.privacy.book import CARD, read
from modelward.privacy.leakage.figures import Inspection
from modelward.site.budget.statement import statement
from tests.network import POLICY, Network, digits

HAVE = [list(range(5)), list(range(3, 8))]
DP_ONLY = (
    POLICY.replace('"dp", "exact"', '"dp"') + "epsilon_study = 20.0\nepsilon_lifetime = 20.0\n"
)


@pytest.fixture
def network(tmp_path: Path) -> Network:
    return digits(HAVE, ["north", "south"], tmp_path)


def released(here: Institution, card: OfferCard) -> dict[str, Any]:
    """Return the ledger entry that a card names."""
    return dict(here.ledger.find(card.release) or {})


@pytest.mark.slow
def test_an_offer_is_looked_at_in_a_process_of_its_own_and_the_card_says_so(network):
    network.isolated = True

    with network.open("north") as here:
        train(here, load("mlp-16"), seed=1)
        card = offer_model(here)

        entry = released(here, card)
        kept = json.loads((here.site / "leakage" / f"{card.release}.json").read_bytes())
        figures = Inspection.read(kept["figures"])
    assert card.leakage == {
        "tests": "copies inversion likeness membership",
        "found": "nothing above the bounds",
        "copies_from": 3,
        "similarity": 0.999,
        "membership_above": 0.05,
        "figures": entry["leakage"],
    }
    assert {each.group for each in figures.membership} >= {"all", "class digit 1"}
    assert card.privacy == entry["privacy"] == {"mechanism": "none"}


def test_the_inspector_in_its_process_finds_what_the_one_in_ours_finds(network):
    with network.open("north") as here:
        train(here, load("linear"), seed=1)
        own = verbs.examples(here)
        draft = making.draft(here, "prototypes", own, verbs.standard_terms(here), series="x")
        made = Made(family="linear", inputs=(8, 8))
        subject = Subject(kind="prototypes", made=made, tensors=draft.tensors)
        apart = IsolatedInspector(here.folder, here.policy.isolation)
        try:
            found = apart.inspect(subject, 0.999)
        finally:
            apart.close()
        direct = here.looking._inspector.inspect(subject, 0.999)

    assert found is not None
    assert found == direct


def forged(here: Institution, change: Any) -> offering.Draft:
    """Return what a trainer that was tampered with would like to offer."""
    own = verbs.examples(here)
    draft = making.draft(here, "model", own, verbs.standard_terms(here), series="main")
    tensors = {name: values.copy() for name, values in draft.tensors.items()}
    change(tensors, own)
    return replace(draft, tensors=tensors)


def a_record(tensors: dict[str, np.ndarray], own: Any) -> None:
    tensors["hidden.weight"][3] = own.x[7].reshape(-1)


def test_a_model_with_an_own_record_in_it_stays(network):
    with network.open("north") as here:
        train(here, load("mlp-16"), seed=1)

        with pytest.raises(GateRefused, match="copy:"):
            offering.offer(here, forged(here, a_record))

        entry = [dict(each) for each in here.ledger][-1]
        assert entry["kind"] == "refusal"
        assert len(entry["leakage"]) == 64
        assert here.book.place("north").number == 0


def test_prototypes_of_a_single_patient_stay(network):
    with network.open("north") as here:
        train(here, load("mlp-16"), seed=1)
        own, terms = verbs.examples(here), verbs.standard_terms(here)
        draft = making.draft(here, "prototypes", own, terms, series="main")
        means = np.array(draft.tensors["means"])
        means[2] = own.x[own.y == 2][0].reshape(-1)
        lying = replace(draft, tensors={**draft.tensors, "means": means})

        with pytest.raises(GateRefused, match="copy:"):
            offering.offer(here, lying)

        assert "copy" in last_refusal(here)


def last_refusal(here: Institution) -> set[str]:
    """Return the rules by which the last offer was refused, as the ledger has them."""
    entry: dict[str, Any] = {}
    for each in here.ledger:
        entry = dict(each)
    assert entry["kind"] == "refusal"
    return {str(finding["rule"]) for finding in entry["findings"]}


def named(here: Institution, persons: np.ndarray) -> None:
    """Say whose each training example is."""
    own = verbs.examples(here)
    np.savez(
        here.folder / "data.npz",
        train_x=own.x, train_y=own.y, train_patient=persons,
        valid_x=own.valid_x, valid_y=own.valid_y,
    )  # fmt: skip


def means(here: Institution, change: Any) -> offering.Draft:
    """Return prototypes whose maker was tampered with."""
    own, terms = verbs.examples(here), verbs.standard_terms(here)
    made = making.draft(here, "prototypes", own, terms, series="main")
    changed = np.array(made.tensors["means"])
    change(changed, own)
    return replace(made, tensors={**made.tensors, "means": changed}, cells=())


def blurred(own: Any, cls: int, count: int) -> np.ndarray:
    """Return the mean of the first `count` examples of a class, as one patient's images."""
    rows = own.x[own.y == cls][:count]
    noise = np.random.default_rng(0).normal(0, 0.05, rows[0].size)
    return np.asarray(rows.reshape(count, -1).mean(axis=0) + noise)


@pytest.mark.parametrize("count", [1, 2])
def test_a_mean_over_one_patients_images_stays_though_it_is_no_copy(network, count):
    with network.open("north") as here:
        train(here, load("mlp-16"), seed=1)

        def change(told: np.ndarray, own: Any) -> None:
            told[2] = blurred(own, 2, count)

        with pytest.raises(GateRefused):
            offering.offer(here, means(here, change))

        assert last_refusal(here) & {"means", "copy"}


def test_a_class_of_many_images_of_few_patients_stays(network):
    with network.open("north") as here:
        train(here, load("mlp-16"), seed=1)
        honest = means(here, lambda *_: None)
        own = verbs.examples(here)
        named(
            here, np.where(own.y == 2, np.arange(len(own.y)) % 3, 100 + np.arange(len(own.y)))
        )

        with pytest.raises(GateRefused, match="3 persons here have an example of it"):
            offering.offer(here, honest)
        assert "small-cells" in last_refusal(here)

        own_word = making.draft(
            here, "prototypes", verbs.examples(here), verbs.standard_terms(here), series="main"
        )
        assert not np.any(own_word.tensors["means"][2]), "its maker leaves the class out"


def test_many_images_of_six_patients_are_six_patients(network):
    with network.open("north") as here:
        train(here, load("linear"), seed=1)
        own, terms = verbs.examples(here), verbs.standard_terms(here)
        honest = making.draft(here, "model", own, terms, series="main")
        named(here, np.arange(len(own.y)) % 6)

        with pytest.raises(NotApproved, match="no class has 10 patients or more"):
            offer_model(here)
        with pytest.raises(GateRefused, match="units are of 6 patients"):
            offering.offer(here, replace(honest, persons=6))
        assert last_refusal(here) == {"min-patients"}


def test_a_class_that_nobody_here_has_stays(network):
    with network.open("south") as here:  # 3 to 7 and few of the others
        train(here, load("mlp-16"), seed=1)

        def change(told: np.ndarray, own: Any) -> None:
            rare = int(np.bincount(own.y, minlength=10).argmin())
            told[rare] = np.linspace(-1, 1, told.shape[1]) ** 3

        with pytest.raises(GateRefused):
            offering.offer(here, means(here, change))
        assert last_refusal(here) <= {"small-cells", "copy"}


def test_a_model_that_knows_its_patients_by_heart_stays(tmp_path):
    made = digits([list(range(10))], ["north"], tmp_path)
    with made.open("north") as here:
        own = verbs.examples(here)
        draw = np.random.default_rng(0)
        path = here.folder / "data.npz"
        y = draw.integers(0, 10, len(own.y))  # nothing can be learnt but whose is what
        valid_y = draw.integers(0, 10, len(own.valid_y))
        np.savez(path, train_x=own.x, train_y=y, valid_x=own.valid_x, valid_y=valid_y)
        train(here, load("mlp-64"), seed=1)

        with pytest.raises(GateRefused, match="membership:"):
            offer_model(here)


def test_without_figures_nothing_leaves(network):
    class Dead:
        def inspect(self, *_: object) -> None:
            return None

        def close(self) -> None:
            pass

    with network.open("north") as here:
        train(here, load("mlp-16"), seed=1)
        here.looking._inspector = Dead()

        with pytest.raises(GateRefused, match="the inspector gave no figures"):
            offer_model(here)


def test_a_card_tells_of_the_figures_that_the_ledger_has_and_of_no_others(network):
    with network.open("north") as here:
        train(here, load("mlp-16"), seed=1)
        card = offer_model(here)
        path = here.site / "leakage" / f"{card.release}.json"
        kept = json.loads(path.read_bytes())
        kept["figures"]["copies"]["passages"] = 0
        kept["figures"]["recovered"] = 5
        path.write_text(json.dumps(kept))
        subject = Subject(kind="model", made=card.made, tensors={})

        with pytest.raises(BadArtifact, match="are not those of its ledger entry"):
            here.looking.told(card.release, subject, str(card.leakage["figures"]))


def test_what_is_learnt_from_few_patients_is_not_learnt_for_others(network):
    with network.open("north") as here:
        own = verbs.examples(here)
        rare = int(np.flatnonzero(np.bincount(own.y, minlength=10) < 10)[0])
        local = train(here, load("mlp-16"), seed=1)
        card = offer_model(here)

        twin = home.tensors_of(here.folder, card.sha256)
        said = load("mlp-16").logits(twin, own.x).argmax(axis=1)
        assert card.sha256 != local.sha256
        assert rare not in said
        assert card.competence.units[rare] == 0
        assert home.local(here.folder) == local


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_model_of_one_class_is_not_offered_and_its_prototype_is(network):
    path = network.folder / "north" / "exchange" / "data.npz"
    some = dict(np.load(path))
    rows = (some["train_y"] == 1) | (np.arange(len(some["train_y"])) % 12 == 0)
    np.savez(
        path, **{**some, "train_x": some["train_x"][rows], "train_y": some["train_y"][rows]}
    )
    assert (np.bincount(some["train_y"][rows]) >= 10).sum() == 1

    with network.open("north") as here:
        train(here, load("mlp-16"), seed=1)
        with pytest.raises(NotApproved, match="of digit 1 alone there are 10 patients or more"):
            offer_model(here)
        assert offer(here, "prototypes").competence.units[1] >= 10


def test_a_bound_is_booked_before_anything_is_drawn_and_holds_for_all_kinds(network):
    (network.folder / "north" / "policy.toml").write_text(DP_ONLY)
    with network.open("north") as here:
        train(here, load("linear"), seed=1)
        with pytest.raises(GateRefused, match="lane: exact: unbounded"):
            offer_model(here)

        local = train(here, load("linear"), seed=1, epsilon=8.0)
        again = train(here, load("linear"), seed=1, epsilon=8.0)
        assert local == again, "the same question has the same answer"
        cards = [offer(here, kind) for kind in ("model", "predictions", "labels")]
        cards.append(offer(here, "prototypes", epsilon=8.0))

        said = [dict(each) for each in here.ledger]
        booked = [each["kind"] for each in said if each["kind"] in {"reservation", "privacy"}]
        assert booked == ["reservation", "privacy"] * 3, "training, counts on cards, means"
        for card in cards:
            assert card.competence.validation == ()
            assert card.privacy["mechanism"] == "gaussian"
            assert released(here, card)["privacy"] == card.privacy
        assert len({str(card.privacy["reservation"]) for card in cards[:3]}) == 1
        assert 3 < here.spending.standing().left < 12.5
        assert home.local(here.folder) == local

        found = verbs.evaluate(here)  # validation figures have no bound: nobody is told
        assert found.judged
        assert found.reported == found.ballots == []
    with network.open("south") as here:
        sync(here)
        assert {e.card.kind for e in verbs.catalogue(here)} == {c.kind for c in cards}


@pytest.mark.slow
@pytest.mark.exhaustive  # a refusal says what would fit, which takes long to price
def test_what_patients_cannot_afford_beside_a_bound_is_not_trained(network):
    (network.folder / "north" / "policy.toml").write_text(DP_ONLY)
    with network.open("north") as here:
        local = train(here, load("linear"), seed=1, epsilon=8.0)
        left = here.spending.standing().left

        with pytest.raises(BudgetExceeded, match="epsilon would become"):
            train(here, load("linear"), seed=2, epsilon=left + 8)

        assert home.local(here.folder) == local


def rolled_back(here: Institution) -> Alarm:
    """Return an alarm of the site's node: witnesses know more entries than its ledger has."""
    said, key = here.ledger.checkpoint, Signer(here.ledger.key.name, here.key)
    more = checkpoint.sign(Checkpoint(key.name, here.ledger.size + 3, bytes(32)), key)
    folder = here.site / "witness" / "alarms"
    folder.mkdir(parents=True)
    return Alarms(folder, here.clock).raise_("rollback", more, said)


def test_a_site_that_was_put_back_says_nothing_and_pays_before_it_goes_on(network):
    with network.open("north") as here:
        train(here, load("linear"), seed=1)
        alarm = rolled_back(here)

        with pytest.raises(StorageError, match="nothing is appended"):
            offer_model(here)
        with pytest.raises(StorageError, match="nothing is appended"):
            train(here, load("linear"), seed=1, epsilon=1.0)

        alarms = Alarms(here.site / "witness" / "alarms", here.clock)
        alarms.settle(alarm.id, by="Dr Ada Byron with C. Babbage", reason="disk", spent=9.5)

    with network.open("north") as here:
        assert read(here.ledger).missing == 9.5
        with pytest.raises(BudgetExceeded):
            train(here, load("linear"), seed=1, epsilon=1.0)
    with network.open("north") as here:
        assert read(here.ledger).missing == 9.5


def test_class_means_with_a_bound_count_patients_and_are_booked(tmp_path):
    made = digits([list(range(10))], ["north"], tmp_path)
    (tmp_path / "north" / "policy.toml").write_text(DP_ONLY)
    with made.open("north") as here:
        train(here, load("linear"), seed=1)
        own, path = verbs.examples(here), here.folder / "data.npz"
        whose = np.arange(len(own.y))
        valid: dict[str, Any] = {"valid_x": own.valid_x, "valid_y": own.valid_y}
        np.savez(path, train_x=own.x, train_y=own.y, train_patient=whose, **valid)
        first = offer(here, "prototypes", epsilon=8.0)
        one = here.door.outbox.tensors(first.sha256)["means"]
        twice: dict[str, Any] = {
            "train_x": np.concatenate([own.x] * 2),
            "train_y": np.tile(own.y, 2),
            "train_patient": np.tile(whose, 2),
        }
        np.savez(path, **twice, **valid)
        second = offer(here, "prototypes", epsilon=8.0)
        two = here.door.outbox.tensors(second.sha256)["means"]

        booked = [dict(e) for e in here.ledger if e["kind"] == "reservation"]
        assert booked[0]["cohort"] == booked[1]["cohort"], "the same patients"
        assert first.privacy["mechanism"] == second.privacy["mechanism"] == "gaussian"
        known = np.any(one != 0, axis=1) & np.any(two != 0, axis=1)
        apart = float(np.abs(one[known] - two[known]).mean())
        assert known.sum() >= 5
        assert 0.02 < apart < 0.5, "other noise, and the same sums"
        assert first.competence.validation == (), "exact recalls are a look at patients"
        assert "beside" not in first.privacy
        with pytest.raises(GateRefused, match="lane: exact: unbounded"):
            offer_model(here)


def test_one_other_image_gives_every_mean_other_noise(network):
    with network.open("north") as here:
        train(here, load("linear"), seed=1)
        before = means(here, lambda *_: None).tensors["means"]
        own, again = verbs.examples(here), means(here, lambda *_: None).tensors["means"]
        x = own.x.copy()
        x[int(np.argmax(own.y == 2))] += 0.5
        np.savez(
            here.folder / "data.npz",
            train_x=x, train_y=own.y, valid_x=own.valid_x, valid_y=own.valid_y,
        )  # fmt: skip
        after = means(here, lambda *_: None).tensors["means"]

    told = np.any(before != 0, axis=1)
    assert np.array_equal(before, again), "a repetition adds nothing"
    assert told.sum() >= 3
    assert not np.any(np.all(before[told] == after[told], axis=1)), "the difference shows one"


def test_the_same_at_another_epsilon_is_paid_for_and_has_other_noise(tmp_path):
    made = digits([list(range(10))], ["north"], tmp_path)
    (tmp_path / "north" / "policy.toml").write_text(DP_ONLY)
    with made.open("north") as here:
        own = verbs.examples(here)
        what: dict[str, str | int] = {"kind": "prototypes", "least": 5}

        paid = [private.pay(here, own, epsilon, what, 1) for epsilon in (4.0, 2.0, 4.0)]

        entries = [dict(each) for each in here.ledger]
    words = [each.secret.stream("noise", 0).words(4).tolist() for each in paid]
    assert words[0] == words[2], "a repetition draws the same"
    assert not set(words[0]) & set(words[1])
    for kind in ("reservation", "privacy"):
        assert sum(each["kind"] == kind for each in entries) == 2


def test_exact_figures_beside_a_bound_need_the_lane_and_are_in_the_budget(tmp_path):
    made = digits([list(range(10))], ["north"], tmp_path)
    both = DP_ONLY.replace('"dp"', '"dp", "exact"')
    (tmp_path / "north" / "policy.toml").write_text(both)
    with made.open("north") as here:
        train(here, load("linear"), seed=1)
        own = verbs.examples(here)
        card = offer(here, "prototypes", epsilon=8.0)
        counted = private.counts(here, own, 10)
        entries = list(here.ledger)
        folder, policy = here.site, here.policy
    found = statement(entries, folder, policy).accounts
    (account,) = (each for each in found if each.study == card.question)

    assert card.privacy["beside"] == "exact"
    assert card.competence.validation
    assert card.competence.units == tuple(band(int(n)) for n in counted)
    assert counted.tolist() != np.bincount(own.y, minlength=10).tolist()
    assert dict(account.unbounded) == {CARD: 1}
    assert sum(event.steps for event in account.events) == 2, "means, and counts once"
