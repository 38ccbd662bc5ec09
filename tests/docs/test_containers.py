"""The container files fit the program; no container engine is at hand to run them.

Compose is YAML; it is read here in the little of it that our file uses, so that a test needs
no YAML reader.
"""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from modelward.cli.app import app

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "packaging" / "container"
COMPOSE = (FOLDER / "compose.yaml").read_text()
CONTAINERFILE = (FOLDER / "Containerfile").read_text()


def read(lines: list[str], indent: int = 0) -> Any:
    """Read block tables and lists of scalars, with flow lists in JSON; consumes `lines`."""
    table: dict[str, Any] = {}
    items: list[Any] = []
    while lines and len(lines[0]) - len(lines[0].lstrip()) >= indent:
        line = lines.pop(0).strip()
        if line.startswith("- "):
            items.append(scalar(line[2:]))
            continue
        key, colon, value = line.partition(":")
        assert colon, f"{line!r} is no entry"
        assert key not in table, f"{key} is there twice"
        following = lines[0] if lines else ""
        deeper = len(following) - len(following.lstrip())
        table[key] = scalar(value.strip()) if value or deeper <= indent else read(lines, deeper)
    assert not (items and table)
    return items or table


def scalar(text: str) -> Any:
    return (
        json.loads(text) if text.startswith(("[", '"')) or text in {"true", "false"} else text
    )


@pytest.fixture(scope="module")
def compose() -> Any:
    lines = [each for each in COMPOSE.splitlines() if each.strip() and each[0] != "#"]
    return read(lines)


def assert_is_a_command(words: list[str]) -> None:
    """Raise unless `modelward` takes these words, as far as its parser goes."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words[0] in command.commands, f"modelward has no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, list(words))


def told(text: str) -> list[list[str]]:
    """Return the commands in the comments of a file, without the program's name."""
    joined = re.sub(r"\\\n#", " ", text)
    lines = re.findall(r"^#\s+docker compose (?:run --rm|exec) hub (.*)$", joined, re.MULTILINE)
    return [shlex.split(line.removeprefix("modelward ")) for line in lines]


def test_what_the_service_runs_is_a_command_with_these_options(compose):
    hub = compose["services"]["hub"]
    kind, program, *check = hub["healthcheck"]["test"]

    assert_is_a_command(hub["command"])
    assert (kind, program) == ("CMD", "modelward")
    assert_is_a_command(check)


def test_a_command_that_is_none_is_found_out():
    with pytest.raises(AssertionError, match="no command rise"):
        assert_is_a_command(["hub", "rise"])
    with pytest.raises(Exception, match="--loudly"):
        assert_is_a_command(["hub", "up", "/data/hub", "--loudly"])


def test_the_commands_of_the_first_start_are_commands_over_the_same_folder(compose):
    commands = told(COMPOSE)

    assert [words[:2] for words in commands] == [["hub", "init"], ["hub", "admit"]]
    for words in commands:
        assert_is_a_command(words)
        assert words[2] == compose["services"]["hub"]["command"][2] == "/data/hub"


def test_ports_and_volumes_are_those_that_the_commands_use(compose):
    hub = compose["services"]["hub"]
    listen = told(COMPOSE)[0][-1].rpartition(":")[2]
    mounted = dict(each.split(":") for each in hub["volumes"])

    assert hub["ports"] == [f"{listen}:{listen}"]
    assert mounted == {"hub": "/data", "./exchange": "/exchange"}
    assert set(compose["volumes"]) == {"hub"}
    assert all(Path(words[3]).is_relative_to("/exchange") for words in told(COMPOSE)[1:])


def test_the_container_can_write_its_volume_alone_and_has_no_rights(compose):
    hub = compose["services"]["hub"]

    assert hub["read_only"] is True
    assert hub["tmpfs"] == ["/tmp"]
    assert hub["cap_drop"] == ["ALL"]
    assert hub["security_opt"] == ["no-new-privileges:true"]
    assert "\nUSER modelward\n" in CONTAINERFILE
    assert "\nVOLUME /data\n" in CONTAINERFILE


def test_the_image_is_built_from_files_and_names_that_exist(compose):
    build = compose["services"]["hub"]["build"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    script, extra = re.findall(r"python3 /source/(\S+) /wheels (\S+)", CONTAINERFILE)[0]
    (entry,) = json.loads(re.findall(r"^ENTRYPOINT (.*)$", CONTAINERFILE, re.MULTILINE)[0])

    assert (FOLDER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).resolve() == FOLDER / "Containerfile"
    assert (ROOT / script).stat().st_mode & 0o111
    assert extra in project["optional-dependencies"]
    assert f"'modelward[{extra}]'" in CONTAINERFILE
    assert entry in project["scripts"]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv"} <= set(ignored), "COPY takes the whole checkout"
