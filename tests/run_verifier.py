"""Run tools/verify_ledger.py over many ledgers in one process that knows nothing else.

    python -I run_verifier.py TOOL SCRATCH < ledgers.jsonl > verdicts.jsonl

Each line in is `{"files": {name: base64}, "options": [...]}`; `@name` in the options stands for
a file in SCRATCH, `@` for SCRATCH. Each line out is `[exit code, what was printed]`.
"""

import base64
import contextlib
import io
import json
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Read ledgers, write verdicts."""
    tool, scratch = sys.argv[1], Path(sys.argv[2])
    check = runpy.run_path(tool)["main"]
    assert not any(name.split(".")[0] == "modelward" for name in sys.modules)
    for line in sys.stdin:
        asked = json.loads(line)
        for old in scratch.iterdir():
            old.unlink()
        for name, content in asked["files"].items():
            (scratch / name).write_bytes(base64.b64decode(content))
        options = [
            str(scratch / each[1:]) if each[0] == "@" else each for each in asked["options"]
        ]
        sys.argv = [tool, *options]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = check()
        sys.stdout.write(json.dumps([code, printed.getvalue()]) + "\n")


if __name__ == "__main__":
    main()
