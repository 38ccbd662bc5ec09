"""The command on the budget prints what the library says, as text and as JSON."""

import json

import pytest

from modelward.cli.budget import budget
from tests.private_studies import Ward, private_study


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
