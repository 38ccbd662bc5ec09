"""A hospital answers only what it has joined, and the same question with the same bytes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modelward.artifact.store import Store
from modelward.core.clock import now
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Refusal, Release
from modelward.errors import DataError, GateRefused, StorageError
from modelward.gate.policy import SIMULATED
from modelward.ledger.verify import verify
from modelward.site.approving.keys import signing_key
from modelward.site.hospital import Hospital
from modelward.study.model import initial
from modelward.study.scaling import Scaling
from tests.ledgers import morning
from tests.studies import AVERAGED, TABLE, cohort_of, hospital, make_site, table_study

SCALING = Scaling(np.array([57.0, 0.5, 0.3, 0.3]), np.full(4, 0.5), np.zeros(4))


def ask(study: Study, models: Store, kind: str = "train", round_no: int = 1) -> Task:
    """Store a first model and return the task that starts from it."""
    start = initial(study, SCALING)
    digest, _ = models.put(start.tensors, start.schema)
    return Task(study=study.sha256, round_no=round_no, kind=kind, model=digest)  # type: ignore[arg-type]


@pytest.fixture
def models(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def test_statistics_are_sums_over_training_units(tmp_path, models):
    study = table_study()
    opened = hospital(make_site(tmp_path / "north", 60, 1), "north", study)

    answer = opened.answer(Task(study=study.sha256, round_no=0, kind="statistics"), models)

    assert isinstance(answer, Release)
    training = cohort_of(opened, study).count("train")
    assert answer.artifact.tensors["units"].tolist() == [training]
    assert answer.artifact.card.patients == training
    opened.close()


@pytest.mark.parametrize(
    ("text", "kind"), [(TABLE, "newton"), (AVERAGED, "train"), (AVERAGED, "evaluate")]
)
def test_the_same_question_brings_the_same_bytes_after_any_restart(
    tmp_path, models, text, kind
):
    study = table_study(text)
    folder = make_site(tmp_path / "north", 120, 1)
    task = ask(study, models, kind)
    answers = []
    for _ in range(2):
        opened = hospital(folder, "north", study)
        answers.append(opened.answer(task, models))
        assert opened.ledger.size == 1
        opened.close()

    first, again = answers
    assert isinstance(first, Release)
    assert isinstance(again, Release)
    assert again.artifact.card == first.artifact.card
    assert verify(folder / "ledger").entries == 1


def test_two_hospitals_with_the_same_patients_train_on_batches_of_their_own(tmp_path, models):
    study = table_study(AVERAGED)
    task = ask(study, models)
    found = []
    for name in ("north", "south"):
        opened = hospital(make_site(tmp_path / name, 120, 1), name, study)
        answer = opened.answer(task, models)
        assert isinstance(answer, Release)
        found.append(answer.artifact.card.sha256)
        opened.close()

    assert found[0] != found[1]


def test_a_study_that_was_not_joined_gets_no_answer_and_no_entry(tmp_path, models):
    opened = hospital(make_site(tmp_path / "north", 60, 1), "north", table_study())
    stranger = table_study(TABLE, ("rounds = 8", "rounds = 9"))

    with pytest.raises(GateRefused, match="takes no part"):
        opened.answer(ask(stranger, models, "newton"), models)

    assert opened.ledger.size == 0
    opened.close()


@pytest.mark.parametrize("kind", ["statistics", "newton", "train", "evaluate"])
def test_a_site_without_units_refuses_and_stops_nobody(tmp_path, models, kind):
    study = table_study(TABLE if kind == "newton" else AVERAGED)
    folder = make_site(tmp_path / "north", 0, 1)
    opened = hospital(folder, "north", study)
    task = ask(study, models, kind)
    if kind == "statistics":
        task = Task(study=study.sha256, round_no=0, kind="statistics")

    assert opened.answer(task, models) == Refusal("north", task.id)
    (entry,) = opened.ledger
    assert "min-patients" in str(entry["findings"])
    opened.close()


def test_bytes_for_a_study_are_counted_over_restarts(tmp_path, models):
    study = table_study(AVERAGED)
    folder = make_site(tmp_path / "north", 120, 1)
    policy = replace(SIMULATED, study_bytes=50)  # an update is 20 bytes and a header
    for round_no, expected in ((1, Release), (2, Refusal)):
        opened = Hospital(folder, "north", policy=policy, clock=morning)
        opened.join(study)
        assert isinstance(
            opened.answer(ask(study, models, "train", round_no), models), expected
        )
        opened.close()


def test_studies_that_differ_in_training_only_share_one_cohort(tmp_path):
    one, other = table_study(), table_study(TABLE, ("l2 = 1.0", "l2 = 2.0"))
    opened = hospital(make_site(tmp_path / "north", 60, 1), "north", one, other)

    assert cohort_of(opened, one) is cohort_of(opened, other)
    opened.close()


def test_data_that_do_not_fit_are_told_and_nothing_is_recorded(tmp_path, models):
    study = table_study()
    folder = make_site(tmp_path / "north", 60, 1)
    (folder / "data.csv").write_text("age,smoker\n1,2\n")
    opened = hospital(folder, "north", study)

    with pytest.raises(DataError, match="ward: no such column"):
        opened.answer(Task(study=study.sha256, round_no=0, kind="statistics"), models)

    assert opened.ledger.size == 0
    opened.close()


def test_one_process_at_a_time_holds_a_hospital(tmp_path):
    folder = make_site(tmp_path / "north", 60, 1)
    opened = hospital(folder, "north")

    with pytest.raises(StorageError, match="held by another process"):
        hospital(folder, "north")

    opened.close()
    hospital(folder, "north").close()


def test_a_key_is_made_once_and_read_by_its_owner_only(tmp_path):
    path = tmp_path / "site.key"

    made = signing_key(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert signing_key(path).private_bytes_raw() == made.private_bytes_raw()


def test_a_file_that_holds_another_kind_of_key_is_refused(tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    path = tmp_path / "site.key"
    path.write_text("not a key")
    with pytest.raises(StorageError, match="holds no usable private key"):
        signing_key(path)
    path.write_bytes(
        X25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    with pytest.raises(StorageError, match="another kind of key"):
        signing_key(path)


def test_the_clock_of_a_hospital_has_a_time_zone():
    assert now().tzinfo is not None
