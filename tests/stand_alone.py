"""The stand-alone verifier, in a process that knows nothing else, beside modelward's own."""

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelward.errors import LedgerBroken
from modelward.ledger import growth, proof, request
from modelward.ledger.verify import read_key, verify
from tests.ledgers import KEY

ROOT = Path(__file__).parents[1]
TOOL = ROOT / "tools/verify_ledger.py"
DRIVER = ROOT / "tests/run_verifier.py"
NAMED = re.compile(r"(entry|entries|checkpoint(?: of)?|line|ends at|first|\d of) (\d+)")


@dataclass(frozen=True)
class Case:
    """A ledger or a proof as it was found, and what the verifiers are told.

    Attributes:
        name: For the message of a failing test.
        files: What lies in the folder.
        held: A checkpoint that was kept elsewhere.
        witnesses: Keys of who must have cosigned.
        about: The proof among `files` that is to be checked; "" for the ledger.
    """

    name: str
    files: Mapping[str, bytes]
    held: bytes | None = None
    witnesses: Sequence[str] = field(default_factory=tuple)
    about: str = ""


def tool_says(cases: Sequence[Case], scratch: Path) -> list[tuple[int, str]]:
    """Return exit code and output of the tool for each case, from `python -I`."""
    lines = []
    for case in cases:
        files = {**case.files, **({"held": case.held} if case.held is not None else {})}
        options = [f"@{case.about}", "--key", KEY.text]
        options += ["--held", "@held"] if case.held is not None else []
        options += [part for each in case.witnesses for part in ("--witness", each)]
        encoded = {name: base64.b64encode(raw).decode() for name, raw in files.items()}
        lines.append(json.dumps({"files": encoded, "options": options}))
    done = subprocess.run(
        [sys.executable, "-I", DRIVER, TOOL, scratch],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def modelward_says(case: Case, folder: Path) -> str | None:
    """Return what modelward's verifier objects to, or None."""
    keys = [read_key(each) for each in case.witnesses]
    try:
        if not case.about:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name, raw in case.files.items():
                (folder / name).write_bytes(raw)
            verify(folder, KEY.text, held=case.held, witnesses=keys)
        elif case.held is None:
            proof.verify(proof.parse(case.files[case.about]), KEY, keys, need=len(keys))
        else:
            asked = request.parse(case.files[case.about])
            growth.verify(asked, case.held, KEY, keys, need=len(keys))
    except LedgerBroken as error:
        return error.what
    return None


def place(said: str) -> list[str]:
    """Return the first entry, line or checkpoint that is named."""
    found = NAMED.search(said)
    return list(found.groups()) if found else []


def check(cases: Sequence[Case], tmp_path: Path) -> None:
    """Both verifiers refuse every case, and of a ledger they name the same place."""
    (tmp_path / "scratch").mkdir()
    for case, (code, said) in zip(cases, tool_says(cases, tmp_path / "scratch"), strict=True):
        ours = modelward_says(case, tmp_path / "folder")
        assert (code, ours is not None) == (1, True), (case.name, said, ours)
        assert said.startswith("DOES NOT HOLD: ")
        assert said.count("\n") == 1
        assert case.about or place(said) == place(str(ours)), (case.name, said, ours)
