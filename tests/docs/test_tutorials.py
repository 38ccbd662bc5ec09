"""The tutorial of every kind does what it says."""

from pathlib import Path

import pytest

from tests.docs.console import Reader, steps

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
SAMPLE = {"table", "dicom"}
"""Kinds that are followed at every merge; the others at full length only."""


def test_there_is_one_for_every_kind_of_store():
    assert {page.stem for page in PAGES} == {"dicom", "fhir", "meds", "nifti", "omop", "table"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[] if page.stem in SAMPLE else [pytest.mark.exhaustive])
        for page in PAGES
    ],
    ids=lambda page: page.stem,
)
def test_the_tutorial_of_a_kind_says_what_happens(tmp_path, page):
    reader = Reader(tmp_path, ROOT)

    for step in steps(page.read_text("utf-8")):
        reader.follow(step)
