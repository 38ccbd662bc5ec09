"""Six hospitals with images of two kinds, and outcomes in every kind of store, in one study."""

import json

import pytest

from tests.command import modelward
from tests.kinds import patients
from tests.pictures import STUDY, write_site

PAIRS = [("dicom", "omop"), ("dicom", "fhir"), ("nifti", "meds"), ("nifti", "rows"),
         ("dicom", "wide"), ("nifti", "wide")]  # fmt: skip


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_study_runs_over_six_kinds_of_data_and_over_one_kind_to_the_same_model(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    for seed, (kind, labels) in enumerate(PAIRS, start=1):
        people = patients(40, seed)
        write_site(tmp_path / "six" / f"{kind}-{labels}", kind, labels, people)
        write_site(tmp_path / "one" / f"{kind}-{labels}", "nifti", "meds", people)

    models = []
    for data in ("six", "one"):
        ended = modelward(
            "study", "simulate", "study.toml", "--data", data, "--out", f"{data}-run",
            "--workers", 1, "--json", cwd=tmp_path,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        models.append(json.loads(ended.stdout))

    assert len(models[0]["sites"]) == 6
    assert models[0]["ledger"]["verified"]
    # Image by image the same bits, whatever the kind: so one model, bit for bit.
    assert models[0]["model_sha256"] == models[1]["model_sha256"]


@pytest.mark.slow
def test_no_identifier_of_a_header_reaches_a_file_of_a_run(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY.replace("rounds = 2", "rounds = 1"))
    for seed, (kind, labels) in enumerate((PAIRS[0], PAIRS[-1]), start=1):
        write_site(tmp_path / "data" / f"s{seed}", kind, labels, patients(24, seed))

    ended = modelward(
        "study", "simulate", "study.toml", "--data", "data", "--out", "run",
        "--workers", 1, "--json", cwd=tmp_path,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    written = [ended.stdout.encode(), ended.stderr.encode()]
    written += [
        file.read_bytes()
        for file in (tmp_path / "run").rglob("*")
        if file.is_file() and not any(part.is_symlink() for part in file.parents)
        and not file.is_symlink()
    ]  # fmt: skip
    assert len(written) > 10
    secrets = (b"Secret", b"Sally", b"Hush", b"Concealed", b"Hidden Lane", b"19500101")
    assert not [secret for secret in secrets for raw in written if secret in raw]
