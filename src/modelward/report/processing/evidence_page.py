"""The evidence page as one HTML file to print: sentences, each with links to its entries.

No scripts, nothing fetched, everything that came from elsewhere escaped (markup.py). The
entries that are cited stand in full at the end, so that a printed page can be followed too.
"""

from collections.abc import Sequence
from pathlib import Path

from modelward.core.canonical import canonical_bytes
from modelward.durable import write_whole
from modelward.ledger.kinds import words
from modelward.ledger.merkle import leaf_hash
from modelward.report.markup import Html, element, join
from modelward.report.page import POLICY
from modelward.report.processing.claims import Claim, moment
from modelward.report.processing.evidence import Evidence
from modelward.report.styles import style_sheet

LOOKS = """
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem;
  margin: 1.2rem 0 0; font-size: .84rem }
.facts dt { color: var(--soft) } .facts dd { margin: 0 }
.refs { font: .75rem system-ui, sans-serif; color: var(--soft); white-space: normal }
.refs a { color: inherit }
.entry { font-size: .84rem; overflow-wrap: anywhere }
.entry small { display: block; color: var(--soft);
  font: .72rem ui-monospace, Menlo, Consolas, monospace }
"""


def write(evidence: Evidence, path: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        StorageError: If it cannot be written.
    """
    write_whole(path, as_page(evidence).encode())


def as_page(evidence: Evidence) -> str:
    """Return the whole page."""
    title = f"Record of processing: {evidence.study}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("title", f"{title} · {evidence.origin}"),
        element("style", Html(style_sheet() + LOOKS)),
    )
    header = element(
        "header",
        element("p", f"Ledger {evidence.origin}", class_="kicker"),
        element("h1", title),
        element(
            "p",
            "Each sentence names the entries of the site's ledger that say so. What no entry"
            " says is not here.",
            class_="standfirst",
        ),
        _facts(evidence),
    )
    sections = [
        _section(number, name, element("ul", *map(_claim, claims)))
        for number, (name, claims) in enumerate(evidence.sections.items(), start=1)
    ]
    entries = [_entry(number, evidence) for number in evidence.cited]
    sections.append(
        _section(len(sections) + 1, "The entries", join(_check(), element("ul", *entries)))
    )
    footer = element("footer", "Written by modelward from the ledger alone.")
    body = element("body", header, element("main", *sections), footer)
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _facts(evidence: Evidence) -> Html:
    """Return what the page is about, with the hashes that tie it to ledger and terms."""
    said = {
        "Study": f"{evidence.study}, terms with SHA-256",
        "": evidence.sha256,
        "Ledger": f"{evidence.origin}, {evidence.size:,} entries, with root",
        " ": evidence.root,
    }
    rows = [
        part
        for name, value in said.items()
        for part in (
            element("dt", name.strip()),
            element("dd", value, class_=None if name.strip() else "long"),
        )
    ]
    return element("dl", *rows, class_="facts")


def runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return sorted numbers as runs without gaps, first and last of each."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _section(number: int, title: str, content: Html) -> Html:
    heading = element("h2", element("span", str(number), class_="number"), title)
    return element("section", heading, content, id=f"section-{number}")


def _claim(claim: Claim) -> Html:
    links: list[Html | str] = []
    for first, last in runs(claim.entries):
        links += [", "] if links else []
        links.append(element("a", str(first), href=f"#entry-{first}"))
        if last > first:
            links += [" to ", element("a", str(last), href=f"#entry-{last}")]
    what = "entry " if len(claim.entries) == 1 else "entries "
    return element(
        "li", claim.text, " ", element("span", "[", what, *links, "]", class_="refs")
    )


def _entry(number: int, evidence: Evidence) -> Html:
    said = evidence.cited[number]
    digest = leaf_hash(canonical_bytes(said)).hex()
    return element(
        "li",
        element("b", str(number)),
        f" {moment(said.get('time'))} {words(said)}",
        element("small", f"leaf {digest}"),
        id=f"entry-{number}",
        class_="entry",
    )


def _check() -> Html:
    lines = [
        "modelward ledger verify LEDGER --key KEY",
        "modelward ledger prove LEDGER --entry NUMBER",
    ]
    return join(
        element(
            "p",
            "The ledger's signatures and its tree were checked before this was written. To"
            " check them again, and to have one entry proved:",
        ),
        element("pre", element("code", "\n".join(lines))),
    )
