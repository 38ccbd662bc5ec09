"""A readiness report as text, as JSON and as one HTML page."""

from html import escape
from typing import Any

from modelward.readers.checking.readiness import Readiness

MARKS = {"error": "ERROR  ", "warning": "WARNING", "note": "note   "}


def as_text(readiness: Readiness) -> str:
    """Return the report for a terminal; the last line is READY or NOT READY."""
    lines = [f"{readiness.study}: {readiness.units} units would take part", ""]
    for found in readiness.findings:
        accepted = found.level == "warning" and found.key in readiness.accepted
        mark = "accepted" if accepted else MARKS[found.level]
        lines.append(f"{mark} {found.key}: {found.says}")
        if found.remedy:
            lines.append(f"        {found.remedy}")
    if any(
        f.level == "warning" and f.key not in readiness.accepted for f in readiness.findings
    ):
        lines += ["", "A warning that is as it should be is accepted with: --accept NAME"]
    return "\n".join([*lines, "", word(readiness)])


def as_object(readiness: Readiness) -> dict[str, Any]:
    """Return the report as one JSON object."""
    return {
        "study": readiness.study,
        "units": readiness.units,
        "ready": readiness.ready,
        "findings": [
            {
                "level": found.level,
                "key": found.key,
                "says": found.says,
                "remedy": found.remedy,
                "accepted": found.key in readiness.accepted,
            }
            for found in readiness.findings
        ],
    }


def as_html(readiness: Readiness) -> str:
    """Return the report as one page without anything from elsewhere."""
    rows = "".join(
        f"<tr><td>{found.level}</td><td>{escape(found.key)}</td>"
        f"<td>{escape(found.says)}</td><td>{escape(found.remedy)}</td></tr>"
        for found in readiness.findings
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(readiness.study)}: {word(readiness)}</title>"
        "<style>body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "td{padding:.3rem .8rem;border-top:1px solid #ccc;vertical-align:top}</style>"
        f"<h1>{word(readiness)}</h1><p>{escape(readiness.study)}: {readiness.units} units would"
        f" take part. This page stays at the site.</p><table>{rows}</table></html>"
    )


def word(readiness: Readiness) -> str:
    """Return READY or NOT READY."""
    return "READY" if readiness.ready else "NOT READY"
