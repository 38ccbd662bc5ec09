"""A hub and two sites in three folders, by commands alone, as a new user would."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelward.engines.jetstream.hub_node import put_study
from modelward.engines.jetstream.loopback import free_port
from modelward.engines.jetstream.site_node import take_part
from modelward.joining.hub_folder import HubFolder
from tests.wire import make_site, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

STUDY = study(rounds=2)
MARKED = "p4711x"


def modelward(folder: Path, *words: str) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "modelward", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def running(folder: Path, *words: str) -> Iterator[Path]:
    """Run a command in the background; end it by SIGTERM and expect a clean exit."""
    log = folder / f"{words[0]}-{words[-1]}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelward", *words], cwd=folder, stderr=out
        )
        try:
            yield log
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                assert process.wait(20) == 0
            finally:
                process.kill()


def until(folder: Path, wanted: str, *words: str) -> str:
    """Return the status once it says `wanted`."""
    said = ""
    for _ in range(60):
        said = modelward(folder, *words)
        if wanted in said:
            return said
        time.sleep(0.5)
    raise AssertionError(said)


def test_a_hub_and_two_sites_come_together_by_commands_and_train(tmp_path):
    url = f"tls://127.0.0.1:{free_port()}"
    modelward(tmp_path, "hub", "init", "hub", "--url", url)
    for seed, name in enumerate(("north", "south")):
        path = make_site(tmp_path / name, 60, seed)
        table = path / "data.csv"
        table.write_text(table.read_text().replace("\np7,", f"\n{MARKED},"))
        asked = modelward(tmp_path, "site", "init", name, "--name", name, "--hub-url", url)
        admitted = modelward(tmp_path, "hub", "admit", "hub", f"{name}/request.json")
        joined = modelward(tmp_path, "site", "join", name, f"{name}-membership.json")
        spoken = asked.strip().rpartition("voice")[2].strip()
        assert spoken in admitted
        hub = HubFolder.open(tmp_path / "hub").spoken
        assert hub in admitted
        assert hub in joined
        take_part(path, STUDY)
    put_study(HubFolder.open(tmp_path / "hub"), STUDY)

    with (
        running(tmp_path, "hub", "up", "hub") as hub_log,
        running(tmp_path, "site", "up", "north") as north_log,
        running(tmp_path, "site", "up", "south"),
    ):
        said = until(tmp_path, "all 2 rounds", "hub", "status", "hub", "--json")
        connected = until(tmp_path, "connected", "site", "status", "north")

    state = json.loads(said)
    assert state["up"]
    assert [member["site"] for member in state["members"]] == ["north", "south"]
    assert "certificate until" in connected
    for log in (hub_log, north_log):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert {line["event"] for line in lines} & {"serving", "answered"}
        assert MARKED not in log.read_text()
    assert not _alive(tmp_path / "hub" / "nats" / "nats.pid")


def _alive(pid_file: Path) -> bool:
    try:
        os.kill(int(pid_file.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True
