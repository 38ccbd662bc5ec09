"""The isolated process that computes: snapshot in, bundle out, one task at a time.

    python -m modelward.site.rooms.trainer VIEW           started by the gatekeeper, with pipes
    python -m modelward.site.rooms.trainer unit FOLDER    started by systemd, with a socket

shuts its doors (isolation.py) and only then imports what computes (desk.py), so that even
the import of a library happens behind shut doors. Its other end is trainer_line.py.

VIEW is JSON: `root`, `snapshot`, `models`, `outbox` (folders of this machine),
`largest_file` (bytes) and `namespaces` (whether to make them). A unit reads the study it is
to serve from its first line, {"study": SHA-256}, and finds the rest in the site's FOLDER.
"""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

from modelward.site.isolation.view import View, enter, limit_only

SNAPSHOT, MODELS, OUTBOX = Path("/snapshot"), Path("/models"), Path("/outbox")
"""Where things lie in a view of its own."""

LARGEST_UNIT_FILE = 1 << 30
"""Bytes of the largest offer of a unit; the gatekeeper knows the exact length."""

Places = tuple[Path, Path, Path]
"""Snapshot, models, outbox."""


def enter_view(text: str) -> Places:
    """Enter the view that `text` describes; return where things lie now."""
    terms = json.loads(text)
    snapshot, models, outbox = (Path(terms[name]) for name in ("snapshot", "models", "outbox"))
    if not terms["namespaces"]:
        limit_only(terms["largest_file"])
        return snapshot, models, outbox
    enter(
        View(
            root=Path(terms["root"]),
            readable=[(snapshot, str(SNAPSHOT)), (models, str(MODELS))],
            outbox=outbox,
            largest_file=terms["largest_file"],
        )
    )
    return SNAPSHOT, MODELS, OUTBOX


def enter_unit(folder: Path) -> Places:
    """Read from stdin which study is to be served; return where its things lie."""
    line = b""
    while not line.endswith(b"\n") and len(line) < 256:  # noqa: PLR2004 - one short line
        line += os.read(0, 1)
    study = str(json.loads(line)["study"])
    if not re.fullmatch(r"[0-9a-f]{64}", study):
        raise SystemExit("the first line names no study")
    limit_only(LARGEST_UNIT_FILE)
    os.write(1, b'{"entered": true}\n')
    room = folder / "workroom" / study
    return folder / "snapshots" / study, room / "models", room / "outbox"


def answer(reply: Callable[[bytes], object]) -> None:
    """Answer each line of stdin with what `reply` makes of it, as a line of JSON."""
    replies = only_replies()
    with open(0, "rb", closefd=False) as stream:
        for line in stream:
            os.write(replies, json.dumps(reply(line)).encode() + b"\n")


def only_replies() -> int:
    """Return stdout for replies; what a library prints goes to the log, not between them."""
    replies = os.dup(1)
    os.dup2(2, 1)
    return replies


def main(arguments: list[str]) -> None:
    """Shut the doors and serve."""
    unit = arguments[0] == "unit"
    places = enter_unit(Path(arguments[1])) if unit else enter_view(arguments[0])
    from modelward.site.rooms.desk import serve  # noqa: PLC0415 - behind shut doors

    serve(*places, lines=0, replies=only_replies())


if __name__ == "__main__":
    main(sys.argv[1:])
