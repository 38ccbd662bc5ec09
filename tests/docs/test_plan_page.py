"""The page on the price of a study shows what a reader gets."""

from pathlib import Path

import pytest

from tests.docs.console import Reader, steps

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/plan.md").read_text("utf-8")


@pytest.mark.slow
def test_a_reader_of_the_page_gets_what_it_shows(tmp_path):
    reader, done = Reader(tmp_path, ROOT), steps(PAGE)

    assert len(done) == 2
    for step in done:
        reader.follow(step)
