"""A hub and sites as processes of their own, joined and told what to do by commands."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from modelward.engines.jetstream.loopback import free_port
from modelward.site.isolation.view import unavailable

SECRET = "a long passphrase"


@contextmanager
def running(folder: Path, *words: str) -> Iterator[Path]:
    """Run a command in the background; end it by SIGTERM and expect a clean exit."""
    log = folder / f"{words[0]}-{words[-1]}.log"
    with log.open("a") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelward", *words], cwd=folder, stderr=out,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        try:
            yield log
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                assert process.wait(120) == 0
            finally:
                process.kill()


def until(true: Callable[[], Any], limit_s: float = 120.0, every_s: float = 0.5) -> Any:
    """Return what `true` returns once it is true."""
    end = time.monotonic() + limit_s
    while not (found := true()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(every_s)
    return found


def said(*words: object) -> str:
    """Run a command in this process, which saves the imports, and return what it printed."""
    from modelward.cli.app import app

    ended = CliRunner().invoke(app, [str(word) for word in words])
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    assert ended.exit_code == 0, ended.output
    return ended.stdout


class Nodes:
    """A hub and its sites in folders of one folder.

    Args:
        folder: Holds `hub` and a folder for each site.
        sites: Their names; what data they have is already in their folders.
    """

    def __init__(self, folder: Path, sites: Iterable[str]) -> None:
        self.folder, self.hub, self.sites = folder, folder / "hub", tuple(sites)
        url = f"tls://127.0.0.1:{free_port()}"
        said("hub", "init", self.hub, "--url", url)
        for name in self.sites:
            self._join(name, url)

    def _join(self, name: str, url: str) -> None:
        site, letter = self.folder / name, self.folder / f"{name}.json"
        said("site", "init", site, "--name", name, "--hub-url", url)
        said("hub", "admit", self.hub, site / "request.json", "--out", letter)
        said("site", "join", site, letter)
        key = self.folder / f"{name}.pem"
        person = said("site", "person", "Ada", "--key", key, "--passphrase", SECRET)
        apart = "namespaces" if unavailable(self.folder) is None else "none"
        lanes = f'isolation = "{apart}"\n[privacy]\nlanes = ["dp", "exact"]\n'
        (site / "policy.toml").write_text(lanes + person[person.index("[approvers]") :])

    @contextmanager
    def up(self) -> Iterator[None]:
        """Run everybody."""
        with ExitStack() as stack:
            stack.enter_context(running(self.folder, "hub", "up", "hub"))
            for name in self.sites:
                stack.enter_context(running(self.folder, "site", "up", name))
            yield

    def propose(self, text: str) -> str:
        """Submit the study file `text`; return the study's id."""
        file = self.folder / "study.toml"
        file.write_text(text)
        said("study", "submit", file, "--hub", self.hub)
        found: str = re.findall(r'^id = "(.+)"', text, re.MULTILINE)[0]
        return found

    def check(self, site: str, study: str) -> str:
        """Have the data of `site` checked against a study; return what is said."""
        return said("site", "check", self.folder / site, study)

    def approve(self, site: str, study: str) -> None:
        """Have a person of `site` approve a study."""
        key = self.folder / f"{site}.pem"
        words = ("--as", "Ada", "--key", key, "--passphrase", SECRET)
        said("site", "approve", self.folder / site, study, *words)

    def knows(self, site: str) -> set[str]:
        """Return the ids of the studies that `site` was asked to join."""
        told = json.loads(said("site", "studies", self.folder / site, "--json"))
        return {each["id"] for each in told}

    def states(self) -> dict[str, Any]:
        """Return what the hub says of every study, by its id."""
        told = json.loads(said("study", "status", "--hub", self.hub, "--json"))
        return {each["id"]: each for each in told}

    def start(self, study: str) -> None:
        """Start a study once everybody's word is with the hub."""
        until(lambda: all(e["word"] == "approved" for e in self.states()[study]["sites"]))
        said("study", "start", study, "--hub", self.hub)

    def report(self, study: str) -> Any:
        """Return report.json of a finished study."""
        out = self.folder / f"{study}-report"
        said("study", "report", self.hub, "--study", study, "--out", out)
        return json.loads((out / "report.json").read_bytes())
