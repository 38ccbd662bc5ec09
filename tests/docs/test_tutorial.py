"""Every command of the tutorial is typed, in order, in a clean folder, and every answer held
to what the page shows."""

from pathlib import Path

import pytest

from tests.docs.console import Reader, matches, steps

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")


@pytest.mark.slow
def test_the_tutorial_says_what_happens(tmp_path):
    reader = Reader(tmp_path, ROOT)

    for step in steps(TUTORIAL):
        reader.follow(step)


def test_the_tutorial_shows_what_it_promises():
    typed = [step.does for step in steps(TUTORIAL) if not step.file]

    for command in (
        "study new", "study check", "study simulate", "study run", "model export",
        "model predict", "ledger verify",
    ):  # fmt: skip
        assert any(f"modelward {command}" in line for line in typed), command
    assert any(step.shows.startswith("^C") for step in steps(TUTORIAL))


@pytest.mark.parametrize(
    ("shown", "said", "same"),
    [
        ("3 rounds, … s", "3 rounds, 0.4 s\n", True),
        ("3 rounds, … s", "4 rounds, 0.4 s\n", False),
        ("a\n…\nz", "a\nb\nc\nz\n", True),
        ("a\n…\nz", "a\nb\nc\ny\n", False),
        ("(1.5)", "(1x5)", False),
    ],
)
def test_what_is_shown_is_compared_up_to_the_dots(shown, said, same):
    assert matches(shown, said) is same


def test_a_failed_command_must_show_its_exit_code(tmp_path):
    reader = Reader(tmp_path, ROOT)
    block = steps("x\n\n```console\n$ false\n$ echo hello\nhello\n```\n")

    reader.follow(block[0])
    with pytest.raises(AssertionError, match="the last one failed"):
        reader.follow(block[1])
