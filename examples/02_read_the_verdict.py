"""Was it worth it? Read the findings of the run of example 01, as a program reads them.

Findings are plain frozen dataclasses; report.json is the same thing on disk
(docs/formats/findings.md), so a result can be read without running anything again.
"""

import sys
from pathlib import Path

import modelward as mw


def cell(estimate: mw.Estimate) -> str:
    """Return a figure with its interval, or why there is none."""
    if estimate.value is None:
        return estimate.note
    spread = estimate.interval
    if spread is None:
        return f"{estimate.value:+.3f} ({estimate.note})"
    return f"{estimate.value:+.3f} [{spread.low:+.3f}, {spread.high:+.3f}]"


def main() -> None:
    """Print the verdict of every hospital, and what it would mean elsewhere."""
    run = Path(sys.argv[1] if len(sys.argv) > 1 else "run")
    findings = mw.Findings.from_json((run / "report" / "report.json").read_bytes())

    print("At home: federated against the hospital's own model, on its own test patients")
    for verdict in findings.verdicts:
        print(f"  {verdict.site:<10} {verdict.word:<24} {cell(verdict.difference)}")
        if verdict.reason:
            print(f"  {'':<10} {verdict.reason}")

    print("\nAbroad: federated minus that model in AUC, on the test patients of all hospitals")
    for name, comparison in findings.against.items():
        print(f"  {findings.record.label(name):<16} {cell(comparison.difference)}")

    print("\nPrivacy:", findings.record.privacy)


if __name__ == "__main__":
    main()
