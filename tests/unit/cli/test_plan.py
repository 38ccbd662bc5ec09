"""`modelward study plan` says what a study takes, in words and as JSON."""

import json
from pathlib import Path

import pytest

from modelward.cli.plan import plan
from modelward.errors import GateRefused, StudyFileError
from tests.private_studies import PRIVATE
from tests.studies import AVERAGED


def written(folder: Path, text: str = AVERAGED) -> Path:
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"


def test_a_study_without_noise_is_priced_too(tmp_path, capsys):
    file = written(tmp_path)

    plan(file, [8, 300], sites=4)
    said = capsys.readouterr().out
    plan(file, [8, 300], sites=4, as_json=True)
    told = json.loads(capsys.readouterr().out)

    assert "small version 1: logistic with 5 parameters" in said
    assert "at most 3 rounds, 4 sites" in said
    assert "no bound on what could be learnt about a patient is stated" in said
    assert "a site with 8 training units sits out: at least 10 are needed" in said
    assert f"{told['up']:,}" in said
    assert f"All 4 sites together: {4 * told['up']:,} bytes to the hub" in said
    assert told["privacy"] is None
    assert told["masks"] == {"up": 0, "down": 0}
    assert [each["units"] for each in told["work"]] == [8, 300]


@pytest.mark.slow
def test_a_study_with_noise_has_its_price_in_epsilon_as_well(tmp_path, capsys):
    file = written(tmp_path, PRIVATE)

    plan(file, [100, 400])
    said = capsys.readouterr().out
    plan(file, [100], as_json=True)
    told = json.loads(capsys.readouterr().out)

    assert "small: epsilon 3 at delta 1e-05 for each patient" in said
    assert "noise/signal" in said
    assert told["privacy"]["steps"] == 6
    assert [site["units"] for site in told["privacy"]["sites"]] == [100]


def test_a_sites_own_policy_says_what_it_would_refuse(tmp_path, capsys):
    file, policy = written(tmp_path), tmp_path / "policy.toml"
    policy.write_text('[privacy]\nlanes = ["exact"]\n[leaves]\nround_bytes = 4000\n')

    plan(file, [300], policy=policy)
    strict = capsys.readouterr().out
    policy.write_text('[privacy]\nlanes = ["exact"]\n')
    plan(file, [300], policy=policy)

    assert f"By {policy} would be refused:" in strict
    assert "4,096 bytes for the largest answer, 4,000 allowed" in strict
    assert "try: raise the byte budget" in strict
    assert f"By {policy} nothing of these terms" in capsys.readouterr().out


def test_files_that_are_not_there_and_too_few_sites_are_told(tmp_path):
    file = written(tmp_path)

    with pytest.raises(StudyFileError, match=r"none\.toml cannot be read"):
        plan(tmp_path / "none.toml")
    with pytest.raises(GateRefused, match="there is no policy file"):
        plan(file, policy=tmp_path / "policy.toml")
    with pytest.raises(StudyFileError, match="asked about with 1 sites, and needs 2"):
        plan(file, sites=1)
