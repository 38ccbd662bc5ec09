"""Sites' own models in the findings of a simulation, and updates that leave coded."""

import json
from pathlib import Path

import pytest

from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.simulate import Result, Simulation, simulate
from tests.studies import AVERAGED, rows, table_study, write_csv


def ran(tmp_path: Path, more: str) -> Result:
    study = table_study(AVERAGED + more)
    return simulate(
        Simulation(
            study=study,
            data=write_csv(tmp_path / "patients.csv", rows(600)),
            dealing=Dealing(by="hospital"),
            special=Special(patient="patient"),
            out=tmp_path / "run",
            workers=1,
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ditto", "fine-tune"])
def test_a_second_model_stands_beside_the_common_one(tmp_path, kind):
    found = ran(tmp_path, f'\n[plan.personal]\nkind = "{kind}"\n').findings

    assert found.model("own") is not None
    assert {choice.site for choice in found.choices} == {"north", "south", "west"}
    assert all(set(c.validation) == {"local", "federated", "own"} for c in found.choices)
    assert type(found).from_json(found.to_json()) == found
    text = (tmp_path / "run" / "report" / "report.txt").read_text()
    assert "Validation chooses" in text or "least loss on validation" in text


@pytest.mark.slow
def test_own_layers_are_part_of_the_common_model_at_their_site(tmp_path):
    found = ran(tmp_path, '\n[plan.personal]\nkind = "head"\n').findings

    assert found.model("own") is None
    assert all(set(choice.validation) == {"local", "own"} for choice in found.choices)


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["int8", "top-k"])
def test_a_coded_update_leaves_and_the_ledger_has_both_hashes(tmp_path, codec):
    more = f'\n[plan.uplink]\ncodec = "{codec}"\npacked = true\n'
    found = ran(tmp_path, more)

    folder = tmp_path / "run" / "sites" / "north"
    lines = (folder / "ledger" / "entries.jsonl").read_text().splitlines()
    entries = [
        entry
        for line in lines
        if (entry := json.loads(line)).get("artifact") == "update"
        and entry["kind"] == "release"
    ]

    assert len(found.outcome.history) == len(entries) == 3
    for entry in entries:
        assert entry["plaintext"] != entry["sha256"]
        assert (folder / "outbox" / f"{entry['sha256']}.safetensors").exists()
        assert not (folder / "outbox" / f"{entry['plaintext']}.safetensors").exists()
    assert bool(list(folder.glob("left-out/*/*"))) == (codec == "top-k")
