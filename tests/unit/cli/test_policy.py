"""What a data protection officer reads about the policy, by the commands they type."""

import json
import tomllib

import pytest
from typer.testing import CliRunner, Result

from modelward.cli.app import app
from modelward.errors import GateRefused
from modelward.gate.policy import Policy
from tests.sites import FEDAVG


def policy(*words: object) -> Result:
    return CliRunner().invoke(app, ["site", "policy", *map(str, words)])


@pytest.fixture
def site(tmp_path):
    (tmp_path / "policy.toml").write_text('[studies]\nallowed_recipes = ["logistic"]\n')
    (tmp_path / "study.toml").write_text(FEDAVG)
    return tmp_path


def test_show_prints_every_bound_as_a_file_that_can_be_used(site):
    said = tomllib.loads(policy("show", site).stdout)

    assert said["leaves"]["min_patients"] == Policy().min_patients
    assert said["studies"]["allowed_recipes"] == ["logistic"]
    assert "purposes" not in said["studies"]
    told = json.loads(policy("show", site, "--json").stdout)
    assert told["sha256"] == Policy(allowed_recipes=frozenset({"logistic"})).sha256


def test_check_names_every_fault(site):
    assert "understood to the last key" in policy("check", site).stdout
    (site / "policy.toml").write_text(
        "[leaves]\nmin_patient = 1\n[studies]\nallowed_recipe = 1\n"
    )

    found = policy("check", site)

    assert isinstance(found.exception, GateRefused)
    assert "did you mean 'min_patients'?" in found.exception.what
    assert "did you mean 'allowed_recipes'?" in found.exception.what


@pytest.mark.parametrize("verb", ["show", "check"])
def test_a_folder_that_is_not_there_has_no_policy(tmp_path, verb):
    found = policy(verb, tmp_path / "sit")

    assert isinstance(found.exception, GateRefused)
    assert "is no folder of a site" in found.exception.what


def test_explain_says_for_every_rule_whether_and_why(site):
    with (site / "policy.toml").open("a") as file:
        file.write('[privacy]\nlanes = ["dp", "exact"]\n')

    found = policy("explain", site, site / "study.toml")

    assert found.exit_code == 0
    assert "pass  recipe        'logistic'; allowed are logistic" in found.stdout
    told = json.loads(policy("explain", site, site / "study.toml", "--json").stdout)
    assert told["passes"] is True
    assert {rule["rule"] for rule in told["rules"]} >= {"kind", "norm", "bytes", "hold"}


def test_explain_says_no_with_the_reason_and_an_exit_code(site):
    (site / "policy.toml").write_text('[studies]\nallowed_recipes = ["cnn"]\n')

    found = policy("explain", site, site / "study.toml")

    assert found.exit_code == 4
    assert "FAIL  recipe        'logistic'; allowed are cnn" in found.stdout
    assert "try: add it under [studies] allowed_recipes" in found.stdout
