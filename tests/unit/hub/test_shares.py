"""The share statement: computed from registry and updates, signed, and computed again."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modelward.core.canonical import canonical_bytes
from modelward.core.study import Study
from modelward.errors import BadArtifact, StorageError, StudyFileError
from modelward.hub import shares, shares_signed
from modelward.hub.registry import Registry
from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.simulate import Simulation, simulate
from tests.command import modelward
from tests.studies import AVERAGED, HEADING, key_of, rows, table_study, write_csv


def ran(tmp_path: Path, rule: str | None, lines: list[str] | None = None) -> tuple[Study, Path]:
    """Return a finished run; `lines` name the fold of each patient at their end."""
    text = AVERAGED + (f'\n[sharing]\nrule = "{rule}"\n' if rule else "")
    study = table_study(text)
    heading = HEADING + ",split" * bool(lines)
    simulate(
        Simulation(
            study=study,
            data=write_csv(tmp_path / "patients.csv", lines or rows(400), heading),
            dealing=Dealing(by="hospital"),
            special=Special(patient="patient", split="split" if lines else None),
            out=tmp_path / "run",
            workers=1,
        )
    )
    return study, tmp_path / "run"


def said(study: Study, run: Path) -> dict[str, Any]:
    stores = {path.name: path / "outbox" for path in (run / "sites").iterdir()}
    registry = Registry(run / "hub")
    try:
        return dict(shares.statement(registry, study, stores))
    finally:
        registry.close()


@pytest.mark.slow
def test_a_statement_is_signed_and_comes_out_the_same_again(tmp_path):
    study, run = ran(tmp_path, "contribution")
    first = said(study, run)

    raw = shares_signed.signed(first, key_of(3))

    assert (
        shares_signed.check(raw, said(study, run))
        == key_of(3).public_key().public_bytes_raw().hex()
    )
    sites = first["sites"]
    assert isinstance(sites, dict)
    assert sum(each["share"] for each in sites.values()) == pytest.approx(1.0, abs=1e-5)
    assert all(0.2 < each["share"] < 0.5 for each in sites.values())
    for change in ({"rule": "equal"}, {"inputs": "0" * 64}, {"extra": 1}):
        other = {**json.loads(raw), **change}
        with pytest.raises(BadArtifact, match="signature"):
            shares_signed.check(canonical_bytes(other), first)
    lie = {**first, "rounds": 7}
    with pytest.raises(BadArtifact, match="rounds come out differently"):
        shares_signed.check(shares_signed.signed(lie, key_of(3)), first)


@pytest.mark.slow
def test_a_site_whose_updates_were_not_handed_over_is_named(tmp_path):
    study, run = ran(tmp_path, "contribution")
    stores = {site: run / "sites" / site / "outbox" for site in ("north", "south")}

    with (
        closing(Registry(run / "hub")) as registry,
        pytest.raises(StorageError, match="no updates of west are here"),
    ):
        shares.statement(registry, study, stores)


@pytest.mark.slow
def test_a_hospital_that_hands_in_anothers_file_is_named_and_divides_its_share(tmp_path):
    folds = ("train", "train", "train", "validation", "test")
    lines = [f"{row},{folds[n % 5]}" for n, row in enumerate(rows(400))]
    taken = [  # under other ids: the reader refuses a patient who is there twice
        row.replace("west,p", "taken,q") for row in lines if row.startswith("west,")
    ]

    due = [
        said(*ran(tmp_path / name, "contribution", each))["sites"]
        for name, each in (("alone", lines), ("with", lines + taken[::-1]))
        if not (tmp_path / name).mkdir()
    ]

    west, copy = due[1]["west"], due[1]["taken"]
    assert west["contribution"]["same_as"] == ["taken"]
    assert copy["share"] == west["share"]
    assert west["share"] + copy["share"] < due[0]["west"]["share"] + 0.03
    assert due[1]["north"]["contribution"]["same_as"] == []
    assert {each["contribution"]["repeats"] for each in due[1].values()} == {0}


@pytest.mark.slow
def test_by_patients_a_share_is_the_part_of_the_patients(tmp_path):
    study, run = ran(tmp_path, "patients")
    sites = said(study, run)["sites"]
    assert isinstance(sites, dict)

    total = sum(each["patients"] for each in sites.values())

    for each in sites.values():
        assert each["share"] == pytest.approx(each["patients"] / total, abs=1e-6)


@pytest.mark.slow
def test_a_rule_is_not_chosen_afterwards(tmp_path):
    study, run = ran(tmp_path, None)

    with pytest.raises(StudyFileError, match="has agreed on no rule"):
        said(study, run)


@pytest.mark.slow
def test_every_combined_answer_is_in_the_ledger_of_its_site(tmp_path):
    study, run = ran(tmp_path, "patients")
    ledgers = {path.name: path / "ledger" for path in (run / "sites").iterdir()}

    with closing(Registry(run / "hub")) as registry:
        assert shares_signed.hold_to_ledgers(registry, study, ledgers) == 3 * 3
        swapped = {"north": ledgers["south"]}
        with pytest.raises(BadArtifact, match="north released no such answer in round 1"):
            shares_signed.hold_to_ledgers(registry, study, swapped)


@pytest.mark.slow
def test_more_patients_than_a_gate_let_go_are_found(tmp_path):
    study, run = ran(tmp_path, "patients")
    ledgers = {"north": run / "sites" / "north" / "ledger"}

    with closing(sqlite3.connect(run / "hub" / "registry.sqlite")) as base:
        base.execute("update answers set patients = patients + 1 where site = 'north'")
        base.commit()
    with (
        closing(Registry(run / "hub")) as registry,
        pytest.raises(BadArtifact, match="released no such answer"),
    ):
        shares_signed.hold_to_ledgers(registry, study, ledgers)


@pytest.mark.slow
def test_the_command_writes_and_checks(tmp_path):
    _, run = ran(tmp_path, "contribution")
    out = tmp_path / "shares.json"

    written = modelward("study", "shares", run, "--out", out, cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    checked = modelward("study", "shares", run, "--check", out, cwd=tmp_path)
    out.write_bytes(out.read_bytes().replace(b'"contribution"', b'"contributiom"', 1))
    refused = modelward("study", "shares", run, "--check", out, cwd=tmp_path)

    assert written.returncode == 0, written.stderr
    assert "rule: contribution, over 3 rounds" in written.stdout
    assert "is what the registry and the updates give" in checked.stdout
    assert refused.returncode != 0
    assert "signature does not hold" in refused.stderr
