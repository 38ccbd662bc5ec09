"""What the policy has reviewed waits until a named person has decided, and leaves as it was."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typing_extensions import override

from modelward import durable
from modelward.artifact.review import Review, Ruling
from modelward.artifact.store import Store
from modelward.core.artifact import ArtifactKind
from modelward.core.canonical import Json, canonical_bytes
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal, Release
from modelward.errors import HeldForReview, MessageRefused, NotApproved, StorageError
from modelward.gate.policy import Policy
from modelward.ledger import kinds
from modelward.ledger.verify import verify
from modelward.site.answering.answer import Computed
from modelward.site.approving.reviews import Reviews
from modelward.site.gatekeeper import Gatekeeper
from modelward.site.rooms.direct import DirectTrainer
from modelward.study.model import initial
from modelward.study.read import parse
from modelward.study.scaling import Scaling, frozen
from tests import sites
from tests.disks import largest_file
from tests.sites import ADA, BEN, FEDAVG, PEOPLE, clock, fedavg, make_site, newton, proposal

REVIEWED: frozenset[ArtifactKind] = frozenset({"statistics"})


class CountingTrainer(DirectTrainer):
    """A real trainer that counts how often patients are looked at."""

    looked = 0

    @override
    def compute(self, *arguments: Any) -> Computed:
        self.looked += 1
        return super().compute(*arguments)


class Ward:
    """A site whose policy has statistics reviewed, with an approved exact study."""

    def __init__(
        self, folder: Path, policy: Policy | None = None, study: Study | None = None
    ) -> None:
        self.folder = make_site(folder / "cleveland", 1)
        self.study, self.models = study or newton(), Store(folder / "hub")
        self.policy = policy or replace(sites.policy("none"), review=REVIEWED)
        self.start()
        partner = make_site(folder / "va", 2)
        self.agreed = sites.agreement(self.study, {"cleveland": self.folder, "va": partner})
        self.keeper.receive(proposal(self.agreed))
        self.keeper.approvals.decide(
            "approved", self.study.sha256, "Dr Ada Byron", ADA, clock()
        )

    def start(self) -> None:
        self.trainer = CountingTrainer(self.folder, "cleveland")
        self.keeper = Gatekeeper(
            self.folder, "cleveland", self.policy, clock=clock, trainer=self.trainer
        )

    def reopen(self, **changes: Any) -> None:
        self.keeper.close()
        self.policy = replace(self.policy, **changes)
        self.start()

    @property
    def task(self) -> Task:
        return Task(study=self.study.sha256, round_no=0, kind="statistics")

    def ask(self, task: Task | None = None) -> Answer:
        return self.keeper.answer(task or self.task, self.models)

    def hold(self) -> str:
        with pytest.raises(HeldForReview, match="until Dr Ada Byron decides"):
            self.ask()
        return self.task.id

    @property
    def reviews(self) -> Reviews:
        return Reviews(self.folder, "cleveland", self.policy.approvers)

    def decide(self, word: Ruling, reason: str = "") -> Review:
        who = ("Dr Ada Byron", ADA)
        return self.reviews.decide(word, self.task.id[:12], who, clock(), reason)

    def entries(self) -> list[dict[str, Any]]:
        return [dict(each) for each in self.keeper._hospital.ledger]

    def bytes_of(self, place: str) -> list[bytes]:
        return [path.read_bytes() for path in (self.folder / place).rglob("*.safetensors")]


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    made = Ward(tmp_path)
    yield made
    made.keeper.close()


def test_what_is_to_be_reviewed_waits_and_nothing_is_in_the_outbox(ward):
    ward.hold()

    (held,) = ward.reviews.waiting()
    assert (held.card.kind, held.card.patients, held.card.signature) == ("statistics", 78, "")
    assert [finding.rule for finding in held.findings] == ["hold"]
    assert ward.bytes_of("outbox") == []
    entry = ward.entries()[-1]
    assert (entry["kind"], entry["awaits"], entry["card"]) == (
        "hold",
        "Dr Ada Byron",
        held.sha256,
    )
    assert "until Dr Ada Byron decides" in kinds.words(entry)


def test_asking_again_looks_at_nobody_again_and_records_nothing(ward):
    ward.hold()
    before = ward.entries()
    ward.hold()
    ward.reopen()
    ward.hold()

    assert ward.trainer.looked == 0  # the trainer of the second start
    assert ward.entries() == before


def test_after_a_release_the_very_bytes_leave_under_the_same_task(ward):
    ward.hold()
    (waiting,) = ward.bytes_of("held")
    made = ward.decide("released")

    answer = ward.ask()

    assert isinstance(answer, Release)
    assert answer.task == ward.task.id
    assert ward.bytes_of("outbox") == [waiting]
    assert ward.bytes_of("held") == []
    assert ward.trainer.looked == 1
    entry = ward.entries()[-1]
    assert (entry["kind"], entry["by"], entry["key"]) == (
        "release",
        "Dr Ada Byron",
        PEOPLE["Dr Ada Byron"],
    )
    assert entry["review"] == made.sha256
    assert kinds.words(entry).endswith("after Dr Ada Byron reviewed it")
    assert ward.reviews.waiting() == []


def test_what_left_after_a_review_is_what_would_have_left_without_one(tmp_path):
    reviewed = Ward(tmp_path / "reviewed")
    reviewed.hold()
    reviewed.decide("released")
    plain = Ward(tmp_path / "plain", sites.policy("none"))
    try:
        ours, theirs = reviewed.ask(), plain.ask()
    finally:
        reviewed.keeper.close()
        plain.keeper.close()

    assert isinstance(ours, Release)
    assert isinstance(theirs, Release)
    assert ours.artifact.card.sha256 == theirs.artifact.card.sha256


def test_after_a_refusal_nothing_leaves_and_the_reason_stays_in_the_ledger(ward):
    ward.hold()
    ward.decide("refused", reason="the ward has twelve beds")

    assert ward.ask() == Refusal("cleveland", ward.task.id)
    assert ward.ask() == Refusal("cleveland", ward.task.id)
    assert ward.bytes_of("held") == ward.bytes_of("outbox") == []
    entry = ward.entries()[-1]
    assert (entry["kind"], entry["by"]) == ("refusal", "Dr Ada Byron")
    assert "twelve beds" in entry["findings"][0]["says"]
    assert [each["kind"] for each in ward.entries()].count("refusal") == 1
    assert verify(ward.folder / "ledger").entries == len(ward.entries())


def test_kinds_that_are_not_reviewed_leave_while_something_waits(tmp_path):
    ward = Ward(tmp_path, study=fedavg())
    ward.hold()
    scaling = Scaling(np.array([60, 0.5, 0.5]), np.full(3, 0.25), np.array([60, 0.5, 0.5]))
    model = initial(ward.study, scaling)
    digest, _ = ward.models.put(model.tensors, model.schema)
    task = Task(study=ward.study.sha256, round_no=1, kind="train", model=digest)
    answer = ward.ask(task)
    ward.keeper.close()

    assert isinstance(answer, Release)
    assert len(ward.reviews.waiting()) == 1


@pytest.mark.parametrize("place", ["held", "ledger"])
def test_a_disk_that_fills_while_something_is_held_leaves_the_task_open(tmp_path, place):
    ward = Ward(tmp_path)
    ward.keeper.settle()
    limit = 200 if place == "held" else _size(ward.folder / "ledger") + 300
    try:
        with largest_file(limit), pytest.raises(StorageError):
            ward.ask()
        assert all(each["kind"] != "hold" for each in ward.entries())

        ward.hold()
    finally:
        ward.keeper.close()


def test_a_crash_between_the_outbox_and_the_ledger_releases_once(ward):
    ward.hold()
    held = ward.folder / "held"
    shutil.copytree(held, ward.folder / "before")
    ward.decide("released")
    limit = _size(ward.folder / "ledger") + 100
    with largest_file(limit), pytest.raises(StorageError):
        ward.ask()
    assert len(ward.bytes_of("outbox")) == 1
    ward.reopen()

    assert isinstance(ward.ask(), Release)
    assert [each["kind"] for each in ward.entries()].count("release") == 1
    shutil.rmtree(held)  # as if the crash had come before the bytes were removed
    shutil.copytree(ward.folder / "before", held)
    assert isinstance(ward.ask(), Release)
    assert [each["kind"] for each in ward.entries()].count("release") == 1
    assert ward.reviews.waiting() == []


@pytest.mark.parametrize("changed", ["headcount", "bytes", "removed"])
def test_what_was_exchanged_while_it_waited_does_not_leave(ward, changed):
    task = ward.hold()
    ward.decide("released")
    if changed == "headcount":
        path = ward.folder / "held" / task / "held.json"
        path.write_bytes(path.read_bytes().replace(b'"patients":78', b'"patients":99'))
    else:
        (path,) = (ward.folder / "held" / task).glob("*.safetensors")
        path.write_bytes(path.read_bytes()[:-1] + b"\x01")
        if changed == "removed":
            path.unlink()

    with pytest.raises(StorageError):
        ward.ask()
    assert ward.bytes_of("outbox") == []


@pytest.mark.parametrize("wrong", ["stranger", "altered", "other card", "not JSON"])
def test_a_decision_that_cannot_be_relied_on_leaves_it_waiting(ward, wrong):
    task = ward.hold()
    made = ward.decide("refused")
    path = ward.folder / "reviews" / f"{task}.json"
    if wrong == "stranger":
        path.write_bytes(canonical_bytes(replace(made, word="released").signed(BEN).body()))
    elif wrong == "altered":
        path.write_bytes(canonical_bytes({**made.body(), "word": "released"}))
    elif wrong == "other card":
        other = replace(made, word="released", card="ab" * 32).signed(ADA)
        path.write_bytes(canonical_bytes(other.body()))
    else:
        path.write_bytes(b"{")

    with pytest.raises(HeldForReview, match="cannot be relied on"):
        ward.ask()
    assert ward.bytes_of("outbox") == []
    path.unlink()
    ward.decide("refused")
    assert isinstance(ward.ask(), Refusal)


def test_only_those_whom_the_policy_names_decide_and_only_once(ward):
    task = ward.hold()
    for name, key in [("Dr Ada Byron", BEN), ("Dr Ben Okri", BEN)]:
        with pytest.raises(NotApproved, match="may not decide"):
            ward.reviews.decide("released", task, (name, key), clock())
    ward.decide("refused")
    with pytest.raises(NotApproved, match="0 held artifacts"):
        ward.decide("released")


def test_a_decision_names_one_artifact_and_its_reason_is_one_line(ward):
    task = ward.hold()
    ada: tuple[str, Ed25519PrivateKey] = ("Dr Ada Byron", ADA)
    for short in ("", task[:5], "0" * 64):
        with pytest.raises(NotApproved, match="0 held artifacts"):
            ward.reviews.decide("released", short, ada, clock())
    for reason in ("two\nlines", "x" * 401):
        with pytest.raises(MessageRefused, match="reason is malformed"):
            ward.reviews.decide("refused", task, ada, clock(), reason)
    assert len(ward.reviews.waiting()) == 1


def test_a_policy_that_was_tightened_while_it_waited_holds(ward):
    ward.hold()
    ward.decide("released")
    ward.reopen(min_patients=500)

    assert isinstance(ward.ask(), Refusal)
    entry = ward.entries()[-1]
    assert [finding["rule"] for finding in entry["findings"]] == ["min-patients"]
    assert entry["by"] == "Dr Ada Byron"


def test_what_is_held_goes_on_waiting_when_the_policy_reviews_nothing_any_more(ward):
    ward.hold()
    ward.reopen(review=frozenset())

    ward.hold()


def test_a_withdrawn_study_ends_it_also_for_what_waits(ward):
    ward.hold()
    ward.decide("released")
    ward.keeper.approvals.decide("withdrawn", ward.study.sha256, "Dr Ada Byron", ADA, clock())

    assert isinstance(ward.ask(), Refusal)
    assert ward.bytes_of("outbox") == []


def test_noise_is_drawn_and_booked_once_for_what_waits(tmp_path):
    text = FEDAVG.replace('[stop]\nmetric = "auc"\n', "")
    private = parse(text + "[privacy.dp]\nepsilon = 3.0\nsampling = 0.5\n")
    bounds = replace(sites.policy("none"), review=frozenset({"update"}))
    ward = Ward(tmp_path, bounds, private)
    model = initial(private, frozen(private, {}))
    digest, _ = ward.models.put(model.tensors, model.schema)
    task = Task(study=private.sha256, round_no=1, kind="train", model=digest)
    try:
        for _ in range(2):
            with pytest.raises(HeldForReview):
                ward.ask(task)
            ward.reopen()
        (held,) = ward.bytes_of("held")
        ward.reviews.decide("released", task.id, ("Dr Ada Byron", ADA), clock())
        answer = ward.ask(task)
        entries = [each["kind"] for each in ward.entries()]
    finally:
        ward.keeper.close()

    assert isinstance(answer, Release)
    assert answer.artifact.card.privacy["mechanism"] == "gaussian"
    assert ward.bytes_of("outbox") == [held]
    assert entries[-4:] == ["reservation", "privacy", "hold", "release"]
    assert ward.trainer.looked == 0


def test_a_round_that_went_on_without_what_waits_is_heard(ward):
    ward.hold()
    body: dict[str, Json] = {
        "roster": ["cleveland", "va"],
        "inputs": [{"site": "va", "sha256": "ab" * 32, "weight": 40}],
        "before": None,
        "memory_before": None,
        "output": "4c" * 32,
        "memory_after": None,
    }
    told = replace(proposal(ward.agreed), kind="transcript", round_no=0, body=body)
    before = ward.entries()

    ward.keeper.hear_transcript(told)

    assert ward.entries() == before
    assert len(ward.reviews.waiting()) == 1


def test_a_review_in_another_spelling_is_none(ward):
    ward.hold()
    body = ward.decide("released").body()

    assert Review.read(json.loads(json.dumps(body))).word == "released"
    extra: list[dict[str, Any]] = [
        {**body, "colour": "red"},
        {**body, "format": "modelward-decision/1"},
        {**body, "word": "held"},
        {**body, "task": "A" * 64},
        {**body, "signature": "00" * 64},
        {**body, "public": "00" * 31},
    ]
    for wrong in extra:
        with pytest.raises(MessageRefused):
            Review.read(wrong)


def _size(ledger: Path) -> int:
    return (ledger / "entries.jsonl").stat().st_size


def test_of_two_who_decide_at_the_same_moment_the_first_word_stands(ward, monkeypatch):
    ward.hold()
    make = durable.make_folder
    first: list[Path] = []

    def meanwhile(path: Path) -> None:
        if not first:
            first.append(path)
            ward.decide("refused")
        make(path)

    monkeypatch.setattr(durable, "make_folder", meanwhile)
    with pytest.raises(NotApproved, match="somebody else has just decided"):
        ward.decide("released")

    assert isinstance(ward.ask(), Refusal)
