"""The page on data does what it says."""

from pathlib import Path

import pytest

from tests.docs.console import Reader, steps

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "data.md").read_text("utf-8")


@pytest.mark.slow
def test_the_page_on_data_says_what_happens(tmp_path):
    reader = Reader(tmp_path, ROOT)

    for step in steps(PAGE):
        reader.follow(step)
