"""What left a hospital, and proof that the record of it was not edited.

Checks a ledger of the run of example 01 with nothing but its folder and the hospital's
public key, then edits one character in a copy to show what an auditor would see.
"""

import json
import shutil
import sys
from pathlib import Path

import modelward as mw


def main() -> None:
    """Verify, summarise, tamper with a copy, and verify that."""
    run = Path(sys.argv[1] if len(sys.argv) > 1 else "run")
    ledger = run / "sites" / "north" / "ledger"
    key = (ledger / "key.pub").read_text().strip()  # in earnest: from somebody you trust

    held = mw.verify_ledger(ledger, key)
    print(f"{held.origin}: {held.entries} entries, root {held.root.hex()[:16]}…")
    for line in (ledger / "entries.jsonl").read_text().splitlines():
        entry = json.loads(line)
        said = f"{entry['kind']} of {entry['artifact']}, {entry.get('bytes', 0)} bytes"
        print(f"  round {entry['round']}: {said}")

    copy = Path("edited-ledger")
    shutil.copytree(ledger, copy, dirs_exist_ok=True)
    entries = copy / "entries.jsonl"
    entries.write_text(entries.read_text().replace('"release"', '"refusal"', 1))
    try:
        mw.verify_ledger(copy, key)
    except mw.ModelwardError as error:
        print("\nthe same ledger with one word changed:\n" + error.explain())


if __name__ == "__main__":
    main()
