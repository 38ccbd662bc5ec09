"""The reference pages are what the code says today."""

import pytest

from modelward.core.study import Study
from modelward.study.read import parse
from tests.docs.combinations import WAYS, combinations_page, text_of
from tests.docs.reference import FOLDER, TABLES, cli_page, commands, study_page

BEHIND = "write it again: make reference"


def test_every_key_of_a_study_is_on_its_page():
    assert (FOLDER / "study.md").read_text("utf-8") == study_page(), BEHIND


def test_every_key_has_a_meaning():
    rows = [line for line in study_page().splitlines() if line.startswith("| `")]

    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_table_of_the_model_is_listed():
    tables = {title.partition(".")[0].partition("]")[0].strip("[") for title in TABLES}

    assert tables == set(Study.model_fields)


def test_what_goes_together_is_on_its_page():
    assert (FOLDER / "combinations.md").read_text("utf-8") == combinations_page(), BEHIND


def test_every_way_of_training_can_be_had_alone():
    for way in WAYS:
        parse(text_of(way))


@pytest.mark.slow
def test_the_help_of_every_command_is_on_its_page():
    assert (FOLDER / "cli.md").read_text("utf-8") == cli_page(), BEHIND


def test_every_command_is_listed():
    listed = commands()

    assert {"", "demo", "study simulate", "ledger verify"} <= set(listed)
    assert len(listed) == len(set(listed))
