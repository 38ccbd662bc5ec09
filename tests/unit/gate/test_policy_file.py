"""A policy file is understood to the last key, or it is refused with every fault named."""

from pathlib import Path

import pytest

from modelward.errors import GateRefused
from modelward.gate.policy import Policy
from modelward.gate.policy_file import read_policy


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
        "max_norm = 2.5\nround_bytes = 1000\nstudy_bytes = 2000\n"
        f'[approvers]\n"Dr Ada Byron" = "{"ab" * 32}"\n'
    )

    assert read_policy(written(tmp_path, text)) == Policy(
        kinds=frozenset({"metrics"}),
        min_patients=50,
        max_norm=2.5,
        round_bytes=1000,
        study_bytes=2000,
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
