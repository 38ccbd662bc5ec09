"""The catalogue record of a dataset: what it says, and what it keeps to itself."""

import json
import subprocess
from pathlib import Path

import pytest

from modelward.core.canonical import parse_strict
from modelward.readers.proposing.describe import CONTEXT, banded
from tests import pictures
from tests.command import modelward
from tests.kinds import STUDY, patients, write_site


def described(
    folder: Path, file: Path, study: str, *more: str
) -> subprocess.CompletedProcess[str]:
    (folder / "study.toml").write_text(study)
    return modelward(
        "data", "describe", file, "--study", "study.toml", "--title", "Readmissions", *more,
        cwd=folder,
    )  # fmt: skip


@pytest.mark.slow
def test_a_record_has_what_a_catalogue_asks_for(tmp_path):
    file = write_site(tmp_path / "site", "omop", patients(150))

    ended = described(
        tmp_path, file, STUDY, "--publisher", "St. Anne", "--contact", "data@anne.example",
        "--category", "https://example.org/category/ehr",
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    found = parse_strict(ended.stdout.encode(), what="record")
    assert found["@type"] == "dcat:Dataset"
    assert found["dct:accessRights"]["@id"].endswith("/NON_PUBLIC")
    assert found["dct:publisher"]["foaf:name"] == "St. Anne"
    assert found["dcat:contactPoint"]["vcard:hasEmail"]["@id"] == "mailto:data@anne.example"
    assert found["healthdcatap:numberOfUniqueIndividuals"]["@value"] == "130"
    assert [each["@id"][-5:] for each in found["healthdcatap:hasCodingSystem"]] == [
        "P4338", "P5806",
    ]  # fmt: skip
    assert "cdm54" in found["dct:conformsTo"][0]["@id"]
    assert found["healthdcatap:minTypicalAge"]["@value"] == "18"
    assert "creatinine (number in mg/dL)" in found["dct:description"]
    assert {key.split(":")[0] for key in found if key[0] != "@"} <= set(CONTEXT)
    assert "still to say: dct:provenance" in ended.stderr


@pytest.mark.slow
def test_what_is_missing_is_told_and_small_counts_are_not(tmp_path):
    file = pictures.write_site(tmp_path / "site", "nifti", "meds", patients(15))

    ended = described(tmp_path, file, pictures.STUDY)

    found = json.loads(ended.stdout)
    assert "healthdcatap:numberOfUniqueIndividuals" not in found
    assert "slice (image, MR)" in found["dct:description"]
    assert "dct:publisher, dcat:contactPoint, healthdcatap:healthCategory" in ended.stderr


@pytest.mark.parametrize(("count", "told"), [(0, None), (19, None), (20, 20), (1239, 1230)])
def test_counts_are_rounded_down(count, told):
    assert banded(count) == told
