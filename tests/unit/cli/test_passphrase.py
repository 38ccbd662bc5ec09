"""A passphrase comes from a file, a descriptor or the environment, and others do not see it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from modelward.cli.app import app
from modelward.cli.passphrase import SEEN, VARIABLE
from modelward.site.approving.person_key import unlock

WORDS = "four words are enough"


def make_key(
    folder: Path, *more: str, given: str = "", around: Mapping[str, str] | None = None
) -> Any:
    """Make Ada's key, with `more` behind the command and `given` on standard input."""
    words = ["site", "person", "Ada", "--key", str(folder / "ada.pem"), *more]
    return CliRunner().invoke(app, words, input=given, env=dict(around or {}))


def test_a_file_gives_its_first_line(tmp_path):
    (tmp_path / "secret").write_text(f"{WORDS}\nand not this\n")

    made = make_key(tmp_path, "--passphrase", f"@{tmp_path / 'secret'}")

    assert made.exit_code == 0, made.output
    assert SEEN not in made.output
    unlock(tmp_path / "ada.pem", WORDS)


def test_a_file_that_others_can_read_is_warned_about(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(f"{WORDS}\n")
    for mode, warned in ((0o644, True), (0o600, False)):
        secret.chmod(mode)
        (tmp_path / "ada.pem").unlink(missing_ok=True)
        made = make_key(tmp_path, "--passphrase", f"@{secret}")
        assert ("others can read" in made.output) is warned


def test_an_open_descriptor_is_a_file_too(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, f"{WORDS}\n".encode())
    os.close(writing)

    made = make_key(tmp_path, "--passphrase", f"@/dev/fd/{reading}")

    os.close(reading)
    assert made.exit_code == 0, made.output
    unlock(tmp_path / "ada.pem", WORDS)


@pytest.mark.parametrize(
    ("more", "given", "around"),
    [
        (("--passphrase", "@-"), f"{WORDS}\n", {}),
        ((), "", {VARIABLE: WORDS}),
        ((), f"{WORDS}\n{WORDS}\n", {}),
    ],
    ids=["stdin", "environment", "asked for"],
)
def test_it_is_taken_from_stdin_the_environment_or_a_question(tmp_path, more, given, around):
    made = make_key(tmp_path, *more, given=given, around=around)

    assert made.exit_code == 0, made.output
    assert SEEN not in made.output
    unlock(tmp_path / "ada.pem", WORDS)


def test_what_stands_in_the_command_works_and_is_warned_of(tmp_path):
    made = make_key(tmp_path, "--passphrase", WORDS)

    assert made.exit_code == 0
    assert SEEN in made.stderr
    unlock(tmp_path / "ada.pem", WORDS)


def test_a_word_that_was_typed_in_is_not_taken_for_a_file(tmp_path):
    typed = "@home on the range"

    assert make_key(tmp_path, given=f"{typed}\n{typed}\n").exit_code == 0
    unlock(tmp_path / "ada.pem", typed)


@pytest.mark.parametrize(("content", "says"), [(None, "cannot be read"), ("\n", "is empty")])
def test_a_file_without_a_passphrase_is_no_passphrase(tmp_path, content, says):
    if content is not None:
        (tmp_path / "secret").write_text(content)

    made = make_key(tmp_path, "--passphrase", f"@{tmp_path / 'secret'}")

    assert made.exit_code == 2
    assert says in " ".join(made.output.replace("│", " ").split())
    assert not (tmp_path / "ada.pem").exists()


@pytest.mark.parametrize("typed", ["", f"{WORDS}\n"], ids=["nothing", "once, not twice"])
def test_where_nobody_answers_the_ways_that_need_no_terminal_are_named(tmp_path, typed):
    ended = make_key(tmp_path, given=typed)

    assert ended.exit_code == 2
    assert "nobody to ask" in ended.output
    assert VARIABLE in ended.output
    assert not (tmp_path / "ada.pem").exists()
