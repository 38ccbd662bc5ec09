"""The commands on privacy print what the library says, as text and as JSON."""

import json

import pytest

from modelward.cli.privacy import budget, plan
from tests.private_studies import PRIVATE, Ward, private_study


@pytest.mark.slow
def test_a_study_is_priced_in_text_and_in_json(tmp_path, capsys):
    file = tmp_path / "study.toml"
    file.write_text(PRIVATE)

    plan(file, [100, 400])
    said = capsys.readouterr().out
    plan(file, [100], as_json=True)
    told = json.loads(capsys.readouterr().out)

    assert "small: epsilon 3 at delta 1e-05 for each patient" in said
    assert "noise/signal" in said
    assert told["steps"] == 6
    assert [site["units"] for site in told["sites"]] == [100]


@pytest.mark.slow
def test_a_budget_is_shown_while_the_site_runs(tmp_path, capsys):
    ward = Ward(tmp_path / "north", private_study())
    ward.released(ward.task(1))

    budget(ward.folder)
    said = capsys.readouterr().out
    budget(ward.folder, as_json=True)
    told = json.loads(capsys.readouterr().out)
    ward.site.close()

    assert "ceilings: 8 a study, 10 for ever" in said
    assert "[####" in said
    assert "==" in said
    assert told["studies"][0]["study"] == ward.study.sha256
    assert told["lifetime"]["left"] + told["lifetime"]["spent"] < 10.0
