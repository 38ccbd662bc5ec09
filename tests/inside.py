"""Code run in the trainer's view, as a hostile recipe would run there."""

import json
import subprocess
from pathlib import Path
from typing import Any

from modelward.site.isolation.view import admit, start

ENTER = """
import json, os, sys
from pathlib import Path
from modelward.site.isolation import view as isolation
from modelward.site.isolation.view import View, enter
if not {filtered}:
    isolation.kernel.filter_calls = lambda _: None
enter(View(root=Path({root!r}), readable=[(Path({snapshot!r}), "/snapshot")],
           outbox=Path({outbox!r}), largest_file=100_000))
def tried(act):
    try:
        return repr(act())
    except BaseException as error:
        return type(error).__name__ + ": " + str(error)
found = {{}}
{code}
os.write(1, json.dumps(found).encode())
"""


def view(folder: Path) -> dict[str, str]:
    """Make the folders of a view with a snapshot of one file."""
    for name in ("root", "snapshot", "outbox"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "snapshot" / "cohort").write_text("patients")
    (folder / "outbox").chmod(0o777)
    return {name: str(folder / name) for name in ("root", "snapshot", "outbox")}


def begin(folder: Path, code: str, *, filtered: bool = True) -> subprocess.Popen[bytes]:
    """Start `code` in a view over `folder`, let in and running; `filtered`: with seccomp."""
    with (folder / "log").open("ab") as log:
        process = start(
            ["-c", ENTER.format(code=code, filtered=filtered, **view(folder))], log.fileno()
        )
    admit(process)
    return process


def run_inside(folder: Path, code: str, *, filtered: bool = True) -> dict[str, Any]:
    """Return what `code` puts into `found`."""
    process = begin(folder, code, filtered=filtered)
    said, _ = process.communicate(timeout=60)
    assert said, (folder / "log").read_text()
    found: dict[str, Any] = json.loads(said)
    return found
