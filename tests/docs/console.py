"""Run the console blocks of a page as its reader would, and hold them to what they show.

A block is fenced with ```console. A line that starts with `$ ` is typed; the lines below it,
up to the next one, are what appears, on stdout and stderr together. In what is shown,

    …              stands for any text within a line, and on a line of its own for any lines
    ^C             interrupts the command once it has finished its first round

A command that fails must be followed by `$ echo $?`. A ```toml block that comes after "to the
end of `FILE`" is added there. Everything else on the page is for the eye only.
"""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"(?P<before>[^\n]*)\n+```(?P<kind>console|toml)\n(?P<body>.*?)```", re.S)
ADD = re.compile(r"to the\s+end of `(?P<file>[^`]+)`")
PATIENCE_S = 60.0
"""Seconds that a first round may take."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a reader does.

    Attributes:
        does: A command, or text to add to a file.
        shows: What appears.
        file: Where the text goes; "" for a command.
    """

    does: str
    shows: str
    file: str = ""


def steps(page: str) -> list[Step]:
    """Return what a reader of `page` does, in order."""
    found: list[Step] = []
    for block in FENCE.finditer(page):
        if block["kind"] == "console":
            found += _typed(block["body"])
        elif named := ADD.search(page[: block.start("body")].rsplit("\n\n", 2)[-2]):
            found.append(Step(block["body"], "", named["file"]))
    return found


def _typed(body: str) -> list[Step]:
    parts = re.split(r"^\$ ", body, flags=re.M)[1:]
    return [Step(command, shows) for command, _, shows in (p.partition("\n") for p in parts)]


def matches(shown: str, said: str) -> bool:
    """Return whether `said` is what the page shows, up to `…` and blanks at line ends."""
    lines = [re.escape(line.rstrip()).replace("…", ".*") for line in shown.rstrip().split("\n")]
    pattern = "\n".join("(?:.*\n)*?.*" if line == ".*" else line for line in lines)
    given = "\n".join(line.rstrip() for line in said.rstrip().split("\n"))
    return re.fullmatch(pattern, given) is not None


class Reader:
    """Somebody at a terminal in a clean folder, with the checkout's commands.

    Args:
        folder: Where commands run; `examples` leads to the checkout's.
        root: The checkout.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        programs = folder / ".bin"
        programs.mkdir()
        for name, start in {"modelward": "-m modelward", "python": ""}.items():
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {start} "$@"\n')
            program.chmod(0o755)
        (folder / "examples").symlink_to(root / "examples")
        self._environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "COLUMNS": "80",
        }
        self._status = 0

    def follow(self, step: Step) -> None:
        """Do `step` and hold what appears to what is shown."""
        if step.file:
            with (self.folder / step.file).open("a") as stream:
                stream.write("\n" + step.does)
            return
        assert self._status == 0 or step.does == "echo $?", f"{step.does}: the last one failed"
        shows, interrupt = step.shows, step.shows.startswith("^C")
        said = self._interrupt(step.does) if interrupt else self._run(step.does)
        shows = shows.removeprefix("^C\n")
        assert matches(shows, said), f"$ {step.does}\nshown:\n{shows}\nsaid:\n{said}"

    def _run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", f"(exit {self._status}); {command}"],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        self._status = done.returncode
        return done.stdout

    def _interrupt(self, command: str) -> str:
        """Return what a command says that gets Ctrl-C after its first round."""
        before = set(self.folder.glob("*/hub/registry.sqlite"))
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        end = time.monotonic() + PATIENCE_S
        while not any(map(_has_a_round, set(self.folder.glob("*/hub/*.sqlite")) - before)):
            assert process.poll() is None, "it ended before it could be interrupted"
            assert time.monotonic() < end, "it did not finish a round"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        self._status = process.returncode
        return str(said)


def _has_a_round(registry: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"file:{registry}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT count(*) FROM rounds").fetchone()
            return bool(found[0])
    except sqlite3.OperationalError:
        return False
