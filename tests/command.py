"""The real command, in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MODELWARD = Path(sys.executable).with_name("modelward")
"""The console script of the environment that the tests run in."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a command: one thread, wide lines, no colours."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
        "NO_COLOR": "1",
        **(extra or {}),
    }


Ended = subprocess.CompletedProcess[str]


def modelward(*words: object, cwd: Path, seconds: float = 300) -> Ended:
    """Run `modelward WORDS` in the folder `cwd` and return how it ended."""
    return subprocess.run(
        [MODELWARD, *map(str, words)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def started(*words: object, cwd: Path) -> subprocess.Popen[str]:
    """Start `modelward WORDS` as the leader of a process group of its own."""
    return subprocess.Popen(
        [MODELWARD, *map(str, words)],
        cwd=cwd, env=environment(), start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def answered(*words: object, cwd: Path) -> Any:
    """Run a command with `--json` and return the object that it printed."""
    found = modelward(*words, "--json", cwd=cwd)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)
