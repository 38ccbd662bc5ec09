"""The reference pages are what the code says today."""

import subprocess

import pytest

from modelward.core.study import Study
from modelward.study.read import parse
from tests.command import MODELWARD, environment
from tests.docs.combinations import WAYS, combinations_page, text_of
from tests.docs.reference import FOLDER, TABLES, cli_page, commands, help_of, study_page

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


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(each, marks=() if each == "study simulate" else pytest.mark.exhaustive)
        for each in commands()
    ],
)
def test_a_command_of_its_own_process_says_what_is_on_the_page(tmp_path, command):
    said = subprocess.run(
        [MODELWARD, *command.split(), "--help"],
        env={**environment(), "COLUMNS": "80"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == help_of(command)


def test_every_command_is_listed():
    listed = commands()

    assert {"", "demo", "study simulate", "ledger verify"} <= set(listed)
    assert len(listed) == len(set(listed))
