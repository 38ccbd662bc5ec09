"""A site books before it draws, once for each round, and refuses who cannot afford it."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from modelward.core.verdict import Refusal, Release
from modelward.errors import LedgerBroken, StorageError
from modelward.gate.policy import Policy
from modelward.privacy.accounting import epsilon
from modelward.privacy.plan import plan_of
from modelward.site.budget.spending import Booked
from modelward.site.hospital import Hospital
from tests.ledgers import morning
from tests.private_studies import PRIVATE, WATCHED, Ward, private_study
from tests.studies import rows, write_csv


@pytest.fixture
def ward(tmp_path):
    made = Ward(tmp_path / "north", private_study(WATCHED))
    yield made
    made.site.close()


def test_a_study_is_reserved_whole_and_each_round_booked_before_its_release(ward):
    for round_no in (1, 2):
        assert isinstance(ward.site.answer(ward.task(round_no), ward.models), Release)

    kinds = [entry["kind"] for entry in ward.site.ledger]
    assert kinds == ["reservation", "privacy", "release", "privacy", "release"]
    (reserved,) = ward.entries("reservation")
    (event,) = reserved["events"]
    assert event["steps"] == 6
    assert [entry["event"]["steps"] for entry in ward.entries("privacy")] == [2, 2]
    released = ward.entries("release")[0]["privacy"]
    assert released == ward.entries("privacy")[0]["event"]


@pytest.mark.slow
def test_validation_patients_are_charged_apart_from_training_patients(ward):
    ward.site.answer(ward.task(1), ward.models)
    ward.site.answer(ward.task(1, "evaluate"), ward.models)

    first, second = ward.entries("reservation")
    assert first["cohort"] != second["cohort"]
    assert ward.site.spending.standing().left == pytest.approx(7.0, abs=0.1)


def test_a_second_task_for_a_round_is_refused(ward):
    first = ward.site.answer(ward.task(1), ward.models)
    second = ward.site.answer(ward.task(1, nudge=0.25), ward.models)

    assert isinstance(first, Release)
    assert isinstance(second, Refusal)
    (refusal,) = ward.entries("refusal")
    assert "was booked for another task" in refusal["findings"][0]["says"]
    assert len(ward.entries("privacy")) == 1


def test_a_crash_between_booking_and_release_gives_the_same_bytes_and_no_second_charge(
    tmp_path,
):
    study = private_study()
    twin, ward = Ward(tmp_path / "a" / "north", study), Ward(tmp_path / "b" / "north", study)
    for name in ("dp.key", "patients.key"):
        (ward.folder / name).write_bytes(bytes(32))
        (twin.folder / name).write_bytes(bytes(32))
    undisturbed = twin.released(twin.task())
    task = ward.task()
    facts = ward.site.trainer.facts(study)
    ward.site.spending.book(study, task, facts)  # and then the site is killed
    ward.reopen()
    after = ward.released(task)

    assert after.card.sha256 == undisturbed.card.sha256
    assert len(ward.entries("privacy")) == len(ward.entries("reservation")) == 1
    twin.site.close()
    ward.site.close()


ADJUSTED = PRIVATE.replace("lr = 0.5", 'lr = 0.5\nlabel_skew = "class-weights"')


def changed(ward: Ward, lines: Callable[[list[str]], list[str]]) -> None:
    """Have other data in the site's file, and open the site again."""
    heading, *patients = (ward.folder / "data.csv").read_text().splitlines()
    write_csv(ward.folder / "data.csv", lines(patients), heading)
    ward.reopen()


def corrected(lines: list[str]) -> list[str]:
    """Return the same patients, the first of them with another age."""
    hospital, patient, _, *others = lines[0].split(",")
    return [",".join([hospital, patient, "61.5", *others]), *lines[1:]]


def test_patients_who_came_after_the_reservation_are_not_looked_at(ward):
    assert isinstance(ward.site.answer(ward.task(1), ward.models), Release)
    changed(ward, lambda lines: [*lines, *rows(50, seed=9, first=50_000)])

    answer = ward.site.answer(ward.task(2), ward.models)

    assert isinstance(answer, Refusal)
    (finding,) = ward.entries("refusal")[0]["findings"]
    assert finding["rule"] == "budget"
    assert "came since the study was reserved" in finding["says"]
    assert len(ward.entries("privacy")) == 1


@pytest.mark.parametrize("lines", [lambda lines: lines[9:], corrected], ids=["fewer", "other"])
def test_patients_may_leave_and_data_be_corrected_between_rounds(ward, lines):
    assert isinstance(ward.site.answer(ward.task(1), ward.models), Release)
    changed(ward, lines)

    assert isinstance(ward.site.answer(ward.task(2), ward.models), Release)


@pytest.mark.slow
@pytest.mark.parametrize("lines", [lambda lines: lines[9:], corrected], ids=["fewer", "other"])
def test_noised_statistics_are_never_drawn_again_from_other_data(tmp_path, lines):
    ward = Ward(tmp_path / "north", private_study(ADJUSTED))
    assert isinstance(ward.site.answer(ward.task(0, "statistics"), ward.models), Release)
    changed(ward, lines)

    assert isinstance(ward.site.answer(ward.task(1), ward.models), Refusal)
    assert "have changed since" in ward.entries("refusal")[0]["findings"][0]["says"]
    ward.site.close()


def test_a_share_that_training_draws_is_paid_though_no_hub_asked_for_statistics(tmp_path):
    ward = Ward(tmp_path / "north", private_study(ADJUSTED))
    assert isinstance(ward.site.answer(ward.task(1), ward.models), Release)
    ward.site.answer(ward.task(2), ward.models)
    ward.site.spending.close(ward.study.sha256)

    plan = plan_of(ward.study)
    assert plan.statistics is not None
    rounds = replace(plan.training, steps=2 * plan.training.steps)
    used = epsilon([plan.statistics, rounds], ward.site.policy.delta)
    assert ward.site.spending.standing().spent == pytest.approx(used)
    assert [entry["round"] for entry in ward.entries("privacy")] == [0, 1, 2]
    ward.site.close()


def test_a_lost_memory_of_the_data_behind_noised_statistics_stops_the_study(tmp_path):
    ward = Ward(tmp_path / "north", private_study(ADJUSTED))
    assert isinstance(ward.site.answer(ward.task(1), ward.models), Release)
    (ward.folder / "cohorts" / "drawn" / ward.study.sha256).unlink()
    changed(ward, corrected)

    with pytest.raises(StorageError, match="is missing"):
        ward.site.answer(ward.task(2), ward.models)
    ward.site.close()


def test_another_site_key_gives_other_noise(tmp_path):
    study = private_study()
    found = set()
    for name in ("a", "b"):
        ward = Ward(tmp_path / name / "north", study)
        found.add(ward.released(ward.task()).card.sha256)
        ward.site.close()

    assert len(found) == 2


@pytest.mark.slow
def test_a_study_that_would_overspend_is_refused_and_told_what_fits(tmp_path):
    first = private_study()
    ward = Ward(tmp_path / "north", first)
    ward.site.answer(ward.task(), ward.models)
    ward.site.close()
    second = private_study(PRIVATE, ("rounds = 3", "rounds = 3\nseed = 5"))
    policy = Policy(epsilon_lifetime=4.0)
    site = Hospital(ward.folder, "north", policy=policy, clock=morning)
    site.join(second)
    ward.study, ward.site = second, site

    answer = site.answer(ward.task(), ward.models)

    assert isinstance(answer, Refusal)
    (refusal,) = ward.entries("refusal")
    (finding,) = refusal["findings"]
    assert finding["rule"] == "budget"
    assert "lifetime ceiling is 4" in finding["says"]
    assert "is left" in finding["says"]
    assert "what would fit" in finding["remedy"]
    site.close()


@pytest.mark.slow
def test_the_study_ceiling_of_the_site_stands_above_the_study(tmp_path):
    ward = Ward(tmp_path / "north", private_study())
    ward.site.close()
    ward.site = Hospital(ward.folder, "north", policy=Policy(epsilon_study=2.0), clock=morning)
    ward.site.join(ward.study)

    assert isinstance(ward.site.answer(ward.task(), ward.models), Refusal)
    assert ward.entries("privacy") == []
    ward.site.close()


def test_an_answer_with_public_numbers_only_books_nothing(ward):
    artifact = ward.released(ward.task(0, "statistics"))

    assert artifact.card.privacy == {"mechanism": "public"}
    assert set(artifact.tensors) == {"units"}
    assert ward.entries("reservation") == []


def test_a_site_with_too_few_patients_looks_at_nobody(tmp_path):
    ward = Ward(tmp_path / "north", private_study(), patients=12)

    assert isinstance(ward.site.answer(ward.task(), ward.models), Refusal)
    assert [entry["kind"] for entry in ward.site.ledger] == ["refusal"]
    ward.site.close()


def test_what_was_not_used_is_given_back_when_a_study_ends(ward):
    ward.site.answer(ward.task(1), ward.models)
    before = ward.site.spending.standing()

    (closed,) = ward.site.spending.close(ward.study.sha256)
    after = ward.site.spending.standing()

    assert closed == f"{ward.study.sha256}/train"
    assert after.spent == before.spent == epsilon([plan_of(ward.study).training], 1e-5)
    assert before.reserved > 0.5
    assert after.reserved == 0.0
    assert isinstance(ward.site.answer(ward.task(2), ward.models), Refusal)
    assert ward.site.spending.close(ward.study.sha256) == []


def test_members_of_a_cohort_that_are_lost_stop_everything(ward):
    ward.site.answer(ward.task(1), ward.models)
    for path in (ward.folder / "cohorts" / "members").iterdir():
        path.unlink()
    ward.reopen()

    with pytest.raises(LedgerBroken, match="not at hand"):
        ward.site.answer(ward.task(1, "evaluate"), ward.models)


def test_members_are_keyed_ids_and_the_key_of_noise_is_kept_from_others(ward):
    ward.site.answer(ward.task(1), ward.models)
    (path,) = (ward.folder / "cohorts" / "members").iterdir()

    assert all(len(each) == 64 for each in json.loads(path.read_bytes()))
    assert (ward.folder / "dp.key").stat().st_mode & 0o777 == 0o600


def test_a_damaged_key_stops_the_site_instead_of_drawing_other_noise(ward):
    (ward.folder / "dp.key").write_bytes(b"short")

    with pytest.raises(StorageError, match="5 bytes long"):
        ward.site.answer(ward.task(1), ward.models)


def test_a_delta_that_would_allow_releasing_one_patient_is_refused(tmp_path):
    loose = private_study(PRIVATE, ("epsilon = 3.0", "epsilon = 3.0\ndelta = 1e-3"))
    ward = Ward(tmp_path / "north", loose)

    assert isinstance(ward.site.answer(ward.task(), ward.models), Refusal)
    assert "delta is 0.001" in ward.entries("refusal")[0]["findings"][0]["says"]
    ward.site.close()


def test_what_the_trainer_is_told_comes_back_the_same(ward):
    task, facts = ward.task(), ward.site.trainer.facts(ward.study)
    booked = ward.site.spending.book(ward.study, task, facts)
    told = json.loads(json.dumps(booked.to_json()))

    again = Booked.from_json(told)

    assert (again.event, again.statistics, again.key) == (booked.event, None, booked.key)
    assert booked.key.hex() not in repr(booked)
    assert np.frombuffer(booked.key, "u1").size == 32
