"""A policy file is understood to the last key, or it is refused with every fault named."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelward.errors import GateRefused
from modelward.gate.policy import Leakage, Policy
from modelward.gate.policy_file import as_toml, read_policy


def written(folder: Path, text: str) -> Path:
    path = folder / "policy.toml"
    path.write_text(text)
    return path


def test_without_a_file_the_standard_bounds_hold_and_nobody_approves(tmp_path):
    policy = read_policy(tmp_path / "policy.toml")

    assert policy == Policy()
    assert policy.isolation == "namespaces"
    assert policy.approvers == {}


def test_an_empty_file_says_the_same_as_none(tmp_path):
    assert read_policy(written(tmp_path, "")) == Policy()


def test_every_key_is_read(tmp_path):
    text = (
        'isolation = "systemd"\n[leaves]\nkinds = ["metrics"]\nmin_patients = 50\n'
        "min_cell = 5\nmax_norm = 2.5\nround_bytes = 1000\nstudy_bytes = 2000\n"
        'day_bytes = 3000\n[studies]\nallowed_recipes = ["cnn"]\npurposes = ["Find it"]\n'
        'leads = ["a@b.org"]\n'
        "[privacy]\nepsilon_study = 3.0\nepsilon_lifetime = 6\ndelta = 1e-6\n"
        'lanes = ["dp"]\n'
        "[leakage]\nmembership = 0.1\ncopies = 4\nsimilarity = 0.99\nevery = 2\n"
        f'[review]\nkinds = ["metrics"]\n[approvers]\n"Dr Ada Byron" = "{"ab" * 32}"\n'
    )

    assert read_policy(written(tmp_path, text)) == Policy(
        kinds=frozenset({"metrics"}),
        min_patients=50,
        min_cell=5,
        max_norm=2.5,
        round_bytes=1000,
        study_bytes=2000,
        day_bytes=3000,
        allowed_recipes=frozenset({"cnn"}),
        purposes=frozenset({"Find it"}),
        leads=frozenset({"a@b.org"}),
        epsilon_study=3.0,
        epsilon_lifetime=6.0,
        delta=1e-6,
        lanes=frozenset({"dp"}),
        leakage=Leakage(membership=0.1, copies=4, similarity=0.99, every=2),
        review=frozenset({"metrics"}),
        isolation="systemd",
        approvers={"Dr Ada Byron": "ab" * 32},
    )


def test_all_faults_are_named_at_once(tmp_path):
    text = (
        'isolation = "maybe"\n[leaves]\nmin_patient = 5\nmax_norm = -1\n[approvers]\nA = "x"\n'
    )

    with pytest.raises(GateRefused) as caught:
        read_policy(written(tmp_path, text))

    for word in (
        "4 faults",
        "isolation",
        "did you mean 'min_patients'?",
        "max_norm",
        "approvers",
    ):
        assert word in caught.value.what


@pytest.mark.parametrize("text", ["= 1", "isolation = 1\n", "\x00"])
def test_what_is_no_policy_is_refused(tmp_path, text):
    with pytest.raises(GateRefused):
        read_policy(written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_not_taken_for_none(tmp_path):
    (tmp_path / "policy.toml").mkdir()

    with pytest.raises(GateRefused, match="cannot be read"):
        read_policy(tmp_path / "policy.toml")


def test_what_waits_for_a_person_needs_a_person(tmp_path):
    with pytest.raises(GateRefused, match="nobody is named"):
        read_policy(written(tmp_path, '[review]\nkinds = ["model"]\n'))


POLICIES = [
    Policy(),
    Policy(
        allowed_recipes=frozenset({"cnn"}),
        purposes=frozenset(),
        review=frozenset({"model", "update"}),
        approvers={'Dr "Ada" \\ Byron, née X': "ab" * 32, "B": "cd" * 32},
        isolation="none",
        max_norm=0.1,
    ),
]


@pytest.mark.parametrize("policy", POLICIES, ids=["standard", "own"])
def test_a_policy_that_is_written_out_reads_back(tmp_path, policy):
    assert read_policy(written(tmp_path, as_toml(policy))) == policy


def test_every_bound_changes_the_hash():
    changed: dict[str, Any] = {
        "kinds": frozenset({"model"}), "min_patients": 11, "min_cell": 11, "max_norm": 1.0,
        "round_bytes": 1, "study_bytes": 1, "day_bytes": 1, "recipes": {"a": "ab" * 32},
        "allowed_recipes": frozenset(),
        "purposes": frozenset(), "leads": frozenset(), "epsilon_study": 1.0,
        "epsilon_lifetime": 1.0, "delta": 1e-9, "leakage": Leakage(every=1),
        "review": frozenset({"model"}), "isolation": "none", "lanes": frozenset({"exact"}),
        "device": "cuda",
        "approvers": {"A": "ab" * 32}, "min_pair": 2, "min_missing": 2,
    }  # fmt: skip
    assert set(changed) == set(Policy.__dataclass_fields__)

    hashes = {replace(Policy(), **{name: value}).sha256 for name, value in changed.items()}

    assert len(hashes | {Policy().sha256}) == len(changed) + 1


def test_a_gpu_is_the_sites_choice_and_leaves_no_trace_where_there_is_none(tmp_path):
    cuda = read_policy(written(tmp_path, 'isolation = "none"\ndevice = "cuda"\n'))

    assert cuda.device == "cuda"
    assert read_policy(written(tmp_path, as_toml(cuda))) == cuda
    assert "device" not in Policy().describe()
    assert cuda.describe()["device"] == "cuda"
    with pytest.raises(GateRefused, match="in namespaces of its own a trainer sees no device"):
        read_policy(written(tmp_path, 'device = "cuda"\n'))
