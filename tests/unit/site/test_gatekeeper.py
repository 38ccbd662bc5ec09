"""A site answers what its people approved, as it was signed, and nothing else."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from modelward.artifact.decision import Decision, Word
from modelward.artifact.envelope import Envelope
from modelward.artifact.store import Store
from modelward.core.canonical import Json
from modelward.core.study import Study
from modelward.core.task import Task, TaskKind
from modelward.core.tensors import Schema
from modelward.core.verdict import Answer, Refusal, Release
from modelward.errors import DataError, MessageRefused, TrainingFailed
from modelward.gate.policy import Isolation
from modelward.ledger.verify import verify
from modelward.site.approving import approvals
from modelward.site.gatekeeper import Gatekeeper
from modelward.site.hospital import Hospital
from modelward.site.rooms.direct import DirectTrainer
from modelward.site.rooms.inspecting import IsolatedInspector
from modelward.site.rooms.isolated import IsolatedTrainer
from modelward.study.model import Model, initial
from modelward.study.read import parse
from modelward.study.scaling import Scaling, frozen
from tests import sites
from tests.sites import ADA, FEDAVG, clock, fedavg, make_site, newton, policy, proposal


class Ward:
    """One site in a folder, with a partner that only lends its key to the roster."""

    def __init__(
        self,
        folder: Path,
        study: Study | None = None,
        *,
        isolation: Isolation = "namespaces",
        direct: bool = False,
    ) -> None:
        self.folder = make_site(folder / "cleveland", 1)
        self.study = study or newton()
        partner = make_site(folder / "va", 2)
        self.folders = {"cleveland": self.folder, "va": partner}
        self.agreed = sites.agreement(self.study, self.folders)
        self.models = Store(folder / "hub")
        self.isolation, self.direct = isolation, direct
        self.keeper = self.open()

    def open(self) -> Gatekeeper:
        trainer = DirectTrainer(self.folder, "cleveland") if self.direct else None
        return Gatekeeper(
            self.folder, "cleveland", policy(self.isolation), clock=clock, trainer=trainer
        )

    def reopen(self) -> None:
        self.keeper.close()
        self.keeper = self.open()

    def propose(self) -> None:
        self.keeper.receive(proposal(self.agreed))

    def decide(self, word: Word) -> Decision:
        return self.keeper.approvals.decide(
            word, self.study.sha256, "Dr Ada Byron", ADA, clock()
        )

    def task(
        self, round_no: int = 1, kind: TaskKind | None = None, model: str | None = None
    ) -> Task:
        kind = kind or ("newton" if self.study.plan.strategy == "newton" else "train")
        if model is None and kind != "statistics":
            model = self.start()
        return Task(study=self.study.sha256, round_no=round_no, kind=kind, model=model)

    def start(self) -> str:
        return self.put(self.first())

    def first(self) -> Model:
        width = 3
        scaling = Scaling(np.full(width, 0.5), np.full(width, 0.25), np.full(width, 0.5))
        scaling.center[0] = scaling.fill[0] = 60.0
        return initial(self.study, scaling)

    def put(self, model: Model) -> str:
        return self.models.put(model.tensors, model.schema)[0]

    def ask(self, task: Task) -> Answer:
        return self.keeper.answer(task, self.models)

    def last(self) -> dict[str, Any]:
        return dict(list(self.keeper._hospital.ledger)[-1])


@pytest.fixture
def ward(tmp_path):
    made = Ward(tmp_path, direct=True)
    yield made
    made.keeper.close()


def approved(ward: Ward) -> Ward:
    ward.propose()
    ward.decide("approved")
    return ward


def test_an_approved_study_is_answered(ward):
    answer = approved(ward).ask(ward.task())

    assert isinstance(answer, Release)
    assert answer.artifact.card.round_no == 1


def test_a_study_that_nobody_has_seen_is_refused_in_the_ledger(ward):
    answer = ward.ask(ward.task())

    assert answer == Refusal("cleveland", ward.task().id)
    assert ward.last()["kind"] == "intake"
    assert ward.last()["findings"][0]["rule"] == "approval"


def test_a_proposed_study_is_refused_until_somebody_approves_it(ward):
    ward.propose()
    assert isinstance(ward.ask(ward.task()), Refusal)

    ward.decide("approved")

    assert isinstance(ward.ask(ward.task()), Release)


def test_a_declined_study_is_refused(ward):
    ward.propose()
    ward.decide("declined")

    assert isinstance(ward.ask(ward.task()), Refusal)
    assert "Dr Ada Byron has declined" in ward.last()["findings"][0]["says"]


def test_a_withdrawal_ends_it_at_once_also_for_what_was_answered(ward):
    task = approved(ward).task()
    assert isinstance(ward.ask(task), Release)

    ward.decide("withdrawn")

    assert isinstance(ward.ask(task), Refusal)
    assert isinstance(ward.ask(ward.task(2)), Refusal)
    ward.decide("approved")
    assert isinstance(ward.ask(task), Release)


class WithdrawnMeanwhile(DirectTrainer):
    """Trains for so long that somebody withdraws the approval."""

    ward: Ward

    @override
    def compute(self, *args: Any, **named: Any) -> Any:
        self.ward.decide("withdrawn")
        return super().compute(*args, **named)


def test_a_withdrawal_while_it_trains_keeps_the_answer_in(ward):
    trainer = WithdrawnMeanwhile(ward.folder, "cleveland")
    trainer.ward = approved(ward)
    ward.keeper._hospital.trainer = trainer

    assert isinstance(ward.ask(ward.task()), Refusal)
    kinds = [entry["kind"] for entry in ward.keeper._hospital.ledger]
    assert kinds[-2:] == ["withdrawal", "refusal"], "nothing leaves after a withdrawal"
    assert ward.last()["findings"][0]["rule"] == "approval"


def test_any_change_of_the_study_needs_a_new_approval(ward):
    approved(ward)
    other = ward.study.model_copy(
        update={"plan": ward.study.plan.model_copy(update={"rounds": 7})}
    )
    ward.study, ward.agreed = other, replace(ward.agreed, study=other)
    ward.propose()

    assert isinstance(ward.ask(ward.task()), Refusal)
    ward.decide("approved")
    assert isinstance(ward.ask(ward.task()), Release)


def test_another_roster_needs_a_new_approval(ward):
    approved(ward)
    roster = {**ward.agreed.roster, "hungary": "ab" * 32}
    ward.agreed = replace(ward.agreed, roster=roster)
    ward.propose()

    assert isinstance(ward.ask(ward.task()), Refusal)
    assert "roster" in ward.last()["findings"][0]["says"]
    ward.decide("approved")
    assert isinstance(ward.ask(ward.task()), Release)


def test_decisions_are_in_the_ledger_and_it_verifies(ward):
    approved(ward)
    made = ward.keeper.settle()

    assert [(each.word, each.person) for each in made] == [("approved", "Dr Ada Byron")]
    assert ward.keeper.settle() == []
    entry = ward.last()
    assert (entry["kind"], entry["by"]) == ("approval", "Dr Ada Byron")
    assert entry["decision"] == made[0].sha256
    ward.reopen()
    assert ward.keeper.settle() == []
    assert verify(ward.folder / "ledger").entries == 2  # the policy first


@pytest.mark.parametrize("damage", ["removed", "put back", "altered", "other site's"])
def test_decision_files_that_were_tampered_with_do_not_count(ward, damage):
    approved(ward)
    folder = ward.folder / "decisions" / ward.study.sha256
    first = (folder / "0001.json").read_bytes()
    ward.decide("withdrawn")
    ward.keeper.settle()
    if damage == "removed":
        (folder / "0002.json").unlink()
    elif damage == "put back":
        (folder / "0002.json").write_bytes(first)
    elif damage == "altered":
        changed = (folder / "0002.json").read_text().replace("withdrawn", "approved")
        (folder / "0002.json").write_text(changed)
    else:
        foreign = json.loads(first) | {"site": "va"}
        (folder / "0002.json").write_text(json.dumps(foreign))

    assert isinstance(ward.ask(ward.task()), Refusal)


def test_an_approver_who_has_left_the_policy_does_not_approve_any_more(ward):
    approved(ward)
    ward.keeper.settle()
    ward.keeper.close()
    ward.keeper = Gatekeeper(
        ward.folder,
        "cleveland",
        replace(policy(), approvers={}),
        clock=clock,
        trainer=DirectTrainer(ward.folder, "cleveland"),
    )

    assert isinstance(ward.ask(ward.task()), Refusal)


def test_a_second_question_in_the_same_round_is_refused_also_after_a_restart(ward):
    approved(ward)
    ward.ask(ward.task())
    moved = ward.first()
    moved = replace(moved, parameters=moved.parameters + 0.5)
    second = ward.task(model=ward.put(moved))

    assert isinstance(ward.ask(second), Refusal)
    ward.reopen()
    assert isinstance(ward.ask(second), Refusal)
    assert ward.last()["findings"][0]["rule"] == "intake-once"
    assert isinstance(ward.ask(ward.task()), Release)


def test_a_model_that_is_not_of_the_signed_seed_is_refused(ward):
    approved(ward)
    moved = ward.first()
    moved = replace(moved, parameters=moved.parameters + 1e-9)

    assert isinstance(ward.ask(ward.task(model=ward.put(moved))), Refusal)
    assert {f["rule"] for f in ward.last()["findings"]} == {"intake-seed", "intake-step"}


def test_a_model_that_moved_too_far_is_refused_and_the_bound_lasts_over_restarts(ward):
    approved(ward)
    ward.ask(ward.task())
    ward.reopen()
    far = replace(ward.first(), parameters=np.array([10.1, 0.0, 0.0, 0.0]))
    near = replace(ward.first(), parameters=np.array([9.9, 0.0, 0.0, 0.0]))

    assert isinstance(ward.ask(ward.task(2, model=ward.put(far))), Refusal)
    assert ward.last()["findings"][0]["rule"] == "intake-step"
    assert isinstance(ward.ask(ward.task(2, model=ward.put(near))), Release)


def test_a_bundle_that_is_no_model_of_the_study_is_refused(ward):
    approved(ward)
    values = {"weight": np.zeros(3)}
    digest, _ = ward.models.put(values, Schema.from_tensors(values))

    assert isinstance(ward.ask(ward.task(model=digest)), Refusal)
    assert ward.last()["findings"][0]["rule"] == "intake-model"


def test_the_same_refusal_is_recorded_once(ward):
    for _ in range(3):
        ward.ask(ward.task())

    assert ward.keeper._hospital.ledger.size == 2  # the policy first


def test_a_proposal_that_does_not_name_the_site_is_refused_and_noted(ward):
    roster = {"va": "ab" * 32, "hungary": "cd" * 32}
    ward.agreed = replace(ward.agreed, roster=roster)

    with pytest.raises(MessageRefused, match="not on its roster"):
        ward.propose()
    assert ward.last()["kind"] == "message"


def test_a_hub_that_goes_on_proposing_fills_no_disk(ward, monkeypatch):
    monkeypatch.setattr(approvals, "MOST_PROPOSALS", 2)
    for name in ("a", "b"):
        (ward.folder / "proposals").mkdir(exist_ok=True)
        (ward.folder / "proposals" / f"{name}.json").write_bytes(b"{}")

    with pytest.raises(MessageRefused, match="2 others are kept already"):
        ward.propose()


@pytest.mark.slow
def test_data_that_do_not_fit_stop_the_task_and_their_words_stay(tmp_path):
    ward = approved(Ward(tmp_path))
    (ward.folder / "data.csv").write_text("mrn,creatinine\nS1,secret-value\n")
    try:
        with pytest.raises(DataError) as caught:
            ward.ask(ward.task())
    finally:
        ward.keeper.close()

    assert "secret-value" not in caught.value.explain()
    assert "creatinine" not in caught.value.explain()
    assert "extractor.log" in caught.value.remedy
    assert (ward.folder / "extractor.log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "isolation"), [(newton, "namespaces"), (fedavg, "none")], ids=["newton", "fedavg"]
)
def test_an_isolated_trainer_gives_the_same_bits_as_a_hospital(tmp_path, make, isolation):
    ward = approved(Ward(tmp_path, make(), isolation=isolation))
    other = make_site(tmp_path / "twin", 1)
    hospital = Hospital(other, "cleveland", clock=clock)
    hospital.join(ward.study)
    tasks = [ward.task(0, "statistics"), ward.task()]
    if make is fedavg:
        tasks.append(ward.task(1, "evaluate"))
    try:
        for task in tasks:
            ours, theirs = ward.ask(task), hospital.answer(task, ward.models)
            assert isinstance(ours, Release)
            assert isinstance(theirs, Release)
            assert ours.artifact.card.sha256 == theirs.artifact.card.sha256
            assert ours.artifact.card.patients == theirs.artifact.card.patients
    finally:
        ward.keeper.close()
        hospital.close()


@pytest.mark.slow
def test_a_killed_trainer_is_started_again_and_gives_the_same_bits(tmp_path):
    ward = approved(Ward(tmp_path))
    hospital = Hospital(make_site(tmp_path / "twin", 1), "cleveland", clock=clock)
    hospital.join(ward.study)
    trainer = ward.keeper._hospital.trainer
    assert isinstance(trainer, IsolatedTrainer)
    try:
        first = ward.ask(ward.task())
        (before,) = trainer.pids()
        os.kill(before, signal.SIGKILL)
        near = replace(ward.first(), parameters=np.array([0.1, 0.0, 0.0, 0.0]))
        second = ward.ask(ward.task(2, model=ward.put(near)))
        (after,) = trainer.pids()
        undisturbed = hospital.answer(ward.task(2, model=ward.put(near)), ward.models)
    finally:
        ward.keeper.close()
        hospital.close()

    assert after != before
    assert isinstance(first, Release)
    assert isinstance(second, Release)
    assert isinstance(undisturbed, Release)
    assert second.artifact.card.sha256 == undisturbed.artifact.card.sha256


@pytest.mark.slow
def test_a_killed_inspector_is_started_again_and_looks(tmp_path):
    ward = approved(Ward(tmp_path))
    looking = ward.keeper._hospital._judging._looking
    assert looking is not None
    inspector = looking._inspector
    assert isinstance(inspector, IsolatedInspector)
    try:
        first = ward.ask(ward.task())
        (before,) = inspector.pids()
        os.kill(before, signal.SIGKILL)
        near = replace(ward.first(), parameters=np.array([0.1, 0.0, 0.0, 0.0]))
        second = ward.ask(ward.task(2, model=ward.put(near)))
        (after,) = inspector.pids()
    finally:
        ward.keeper.close()

    assert after != before
    assert isinstance(first, Release)
    assert isinstance(second, Release)


@pytest.mark.slow
def test_a_trainer_that_always_dies_is_a_failure_and_nothing_leaves(tmp_path):
    ward = approved(Ward(tmp_path))
    ward.ask(ward.task(0, "statistics"))
    snapshot = ward.folder / "snapshots" / ward.study.sha256 / "cohort.safetensors"
    snapshot.chmod(0o640)
    snapshot.write_bytes(b"broken")
    entries = ward.keeper._hospital.ledger.size
    ward.reopen()
    try:
        with pytest.raises(TrainingFailed, match="DataError"):
            ward.ask(ward.task())
        added = list(ward.keeper._hospital.ledger)[entries:]
        kinds = [each["kind"] for each in added]
        assert kinds == ["receipt", "failure"], "the model came, nothing left"
    finally:
        ward.keeper.close()
    assert "not a canonical bundle" in (ward.folder / "trainer.log").read_text()


@pytest.mark.slow
def test_the_gatekeepers_files_hold_no_patient(tmp_path):
    ward = approved(Ward(tmp_path))
    try:
        ward.ask(ward.task(0, "statistics"))
        ward.ask(ward.task())
    finally:
        ward.keeper.close()

    seen = 0
    for path in ward.folder.rglob("*"):
        inside = path.relative_to(ward.folder).parts
        if path.is_file() and inside[0] not in {"data.csv", "snapshots"}:
            seen += 1
            assert b"S1-00" not in path.read_bytes(), path
    assert seen > 8
    listed = json.loads((ward.folder / "cohorts" / f"{ward.study.sha256}.json").read_text())
    assert len({each for ids in listed["patients"].values() for each in ids}) == 90


@pytest.mark.slow
def test_how_many_opted_out_is_in_the_ledger_once_before_anything_is_released(tmp_path):
    made = Ward(tmp_path, isolation="none")
    (made.folder / "no.txt").write_text("S1-0003\nS1-0014\nS1-0015\nsomebody else\n")
    with (made.folder / "dataset.toml").open("a") as file:
        file.write('opt_out = "no.txt"\n')
    try:
        approved(made)
        for round_no in (1, 2):
            assert isinstance(made.ask(made.task(round_no)), Release)
            made.reopen()
        entries = list(made.keeper._hospital.ledger)
    finally:
        made.keeper.close()

    kinds = [each["kind"] for each in entries if each["kind"] != "receipt"]
    (cohort,) = (each for each in entries if each["kind"] == "cohort")
    assert kinds == ["policy", "approval", "cohort", "release", "release"]
    assert (cohort["units"], cohort["opted_out"]) == (87, 3)


def told(ward: Ward, **changes: Json) -> Envelope:
    """Return a transcript of round 1 in which this site's artifact went in."""
    released = ward.ask(ward.task())
    assert isinstance(released, Release)
    own = {"site": "cleveland", "sha256": released.artifact.card.sha256}
    body: dict[str, Json] = {
        "roster": ["cleveland", "va"],
        "inputs": [{**own, "weight": released.artifact.card.patients}],
        "before": ward.start(),
        "memory_before": None,
        "output": "4c" * 32,
        "memory_after": None,
    }
    return replace(
        proposal(ward.agreed), kind="transcript", round_no=1, body={**body, **changes}
    )


def test_a_transcript_that_fits_binds_the_next_round(ward):
    approved(ward).keeper.hear_transcript(told(ward))

    assert isinstance(ward.ask(ward.task(2)), Refusal)
    assert ward.last()["findings"][0]["rule"] == "intake-transcript"
    assert isinstance(ward.ask(ward.task()), Release), "what was answered stays answered"


def test_a_transcript_that_lies_ends_the_study_here(ward):
    lie = told(approved(ward), before="3b" * 32)

    with pytest.raises(MessageRefused, match="starts from another model"):
        ward.keeper.hear_transcript(lie)

    assert isinstance(ward.ask(ward.task()), Refusal)
    assert "starts from another model" in ward.last()["findings"][0]["says"]


def test_a_transcript_that_comes_late_is_held_against_what_was_seen(ward):
    """As what a killed site had in hand: those of later rounds were heard before it."""
    first = told(approved(ward))
    ward.keeper.hear_transcript(replace(first, round_no=2, body={**first.body, "inputs": []}))

    ward.keeper.hear_transcript(first)
    assert isinstance(ward.ask(ward.task()), Release)

    lie = replace(first, body={**first.body, "before": "3b" * 32})
    with pytest.raises(MessageRefused, match="starts from another model"):
        ward.keeper.hear_transcript(lie)
    assert isinstance(ward.ask(ward.task()), Refusal)


@pytest.mark.slow
def test_a_longer_opt_out_list_takes_effect_when_the_cohort_is_extracted_again(tmp_path):
    made = Ward(tmp_path, isolation="none")
    (made.folder / "no.txt").write_text("S1-0003\n")
    with (made.folder / "dataset.toml").open("a") as file:
        file.write('opt_out = "no.txt"\n')
    try:
        approved(made)
        made.ask(made.task(1))
        (made.folder / "no.txt").write_text("S1-0003\nS1-0004\n")
        made.keeper.close()
        for path in (made.folder / "cohorts").glob("*.json"):
            path.unlink()  # what docs/operations/joining.md says to do
        made.keeper = made.open()
        made.ask(made.task(2))
        noted = [each for each in made.keeper._hospital.ledger if each["kind"] == "cohort"]
    finally:
        made.keeper.close()

    assert [each["opted_out"] for each in noted] == [1, 2]


@pytest.mark.slow
def test_a_private_study_is_booked_here_and_drawn_in_the_trainers_own_process(tmp_path):
    private = parse(
        FEDAVG.replace('[stop]\nmetric = "auc"\n', "")
        + "[privacy.dp]\nepsilon = 3.0\nsampling = 0.5\n"
    )
    made = Ward(tmp_path, private, isolation="none")
    scaling = frozen(private, {})
    try:
        approved(made)
        task = made.task(model=made.put(initial(private, scaling)))
        answer = made.ask(task)
        again = made.ask(task)
        entries = list(made.keeper._hospital.ledger)
    finally:
        made.keeper.close()

    assert isinstance(answer, Release)
    assert isinstance(again, Release)
    assert again.artifact.card.sha256 == answer.artifact.card.sha256
    assert answer.artifact.card.privacy["mechanism"] == "gaussian"
    kinds = [entry["kind"] for entry in entries if entry["kind"] != "approval"]
    assert kinds[-3:] == ["reservation", "privacy", "release"]
    log = made.folder / "trainer.log"
    assert not log.exists() or b"Traceback" not in log.read_bytes()
