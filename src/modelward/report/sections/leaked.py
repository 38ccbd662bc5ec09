"""The leakage card of an audit: what was tried, and two tables of what was seen."""

from modelward.evaluate.facts.leaked import Leaked
from modelward.evaluate.facts.record import LEAKAGE
from modelward.evaluate.findings import Findings
from modelward.report.blocks import Block, Cell, Listing, Table, cells
from modelward.report.numbers import decimal


def leakage(findings: Findings) -> tuple[Block, ...]:
    """Return the card; nothing where nobody audited."""
    found = findings.leaked
    if found is None:
        return ()
    site = findings.record.title(found.site)
    said = Listing(((LEAKAGE, " ".join(found.words)),))
    tables = (_guesses(found, site), _members(found, site, findings.record.study.unit))
    return (said, *(table for table in tables if table.rows))


def _guesses(found: Leaked, site: str) -> Table:
    claimed = "none" if found.claimed is None else f"{found.claimed:g}"
    return Table(
        caption=f"Invented units in the training of {site}",
        head=(
            "Attacker sees",
            "Coins guessed",
            "Right",
            "Epsilon at least",
            "Could have shown",
            "Claimed",
        ),
        rows=tuple(
            cells(
                one.seen,
                f"{one.guesses:,}",
                f"{one.right:,}",
                f"{one.low:.2f}",
                f"{one.most:.2f}",
                claimed,
            )
            for one in found.guessed
        ),
        notes=(
            "Both bounds hold together with 95% confidence. By lot half of the coins are"
            " guessed rightly. A bound of 0 does not show that nothing is told.",
        ),
    )


def _members(found: Leaked, site: str, unit: str) -> Table:
    return Table(
        caption=f"Trained {unit}s of {site} told from held-out ones",
        head=("Among", "Trained", "Held out", "AUC", "Found at 1% false alarms", "p by lot"),
        rows=tuple(
            (
                *cells(one.group, f"{one.members:,}", f"{one.others:,}"),
                Cell(decimal(one.auc, 2), f"[{decimal(one.low, 2)}, {decimal(one.high, 2)}]"),
                Cell(f"{one.found:.1%}", f"at least {one.found_low:.1%}"),
                Cell(f"{one.by_lot:.2g}"),
            )
            for one in found.told
        ),
        notes=(
            "RMIA with two reference models. AUC 0.5: not told apart; 95% interval (Hanley and"
            " McNeil) in brackets. p: to find as many if losses told nothing; not adjusted.",
        ),
    )
