"""The leakage card of a finished run: the audit of one of its sites, in words and figures.

    RUN/report/leakage.json    the figures
    RUN/report/report.*        the card, in the section on privacy

Words say what was tried and what was seen. That an attack found nothing is all that is
claimed where it found nothing.
"""

import json
from dataclasses import asdict, replace
from math import isfinite
from pathlib import Path
from typing import Any

from modelward import durable
from modelward.errors import BadPrivacyTerms, DataError, RunMismatch
from modelward.evaluate.facts.leaked import Guessed, Leaked, Told
from modelward.evaluate.facts.record import LEAKAGE
from modelward.evaluate.findings import Findings
from modelward.privacy.leakage.membership import Membership, by_lot
from modelward.privacy.leakage.one_run import Audit
from modelward.readers.open import open_cohort
from modelward.report.page import write
from modelward.simulation.folder import RunFolder
from modelward.simulation.simulate import stored_study
from modelward.site.answering.auditing import Audited, audit

FORMAT = "modelward-leakage/1"
MARK = LEAKAGE
"""First words of the card as it is printed; reports of earlier versions hold it in words."""

MORE = "These are results of these tests on this training; other attacks may find more."
GROUPS = {"all": "all", "positive": "with the outcome", "negative": "without the outcome"}
"""Groups of units to words; of many levels, the level's own name."""


def audit_run(
    path: Path, *, site: str | None, canaries: int, seed: int
) -> tuple[str, str, Audited]:
    """Audit one site of the finished run at `path` and put the card into its report.

    Args:
        path: Folder of the run.
        site: Which site; the one with most training units if None.
        canaries: Coins that are tossed.
        seed: Of everything that is drawn.

    Returns:
        The site, the card in words, and the figures.

    Raises:
        RunMismatch: If the run is not finished.
        DataError: If there is no such site, or nothing to audit.
    """
    folder = RunFolder(path)
    stored = folder.report / "report.json"
    study = stored_study(folder)
    if not stored.exists():
        raise RunMismatch(
            f"{path} holds no finished run",
            why="the card is part of the report of a finished run",
            remedy=f"finish it first: modelward study run {path}",
        )
    names = folder.site_names()
    if site is not None and site not in names:
        raise DataError(
            f"there is no site {site!r} in {path}",
            why="one of the run's sites is audited",
            remedy=f"name one of {', '.join(names)}",
        )
    cohorts = {
        name: open_cohort(folder.sites / name / "dataset.toml", study)
        for name in ([site] if site else names)
    }
    chosen = max(cohorts, key=lambda name: (cohorts[name].count("train"), name))
    found = audit(study, cohorts[chosen], canaries=canaries, seed=seed)
    words = card(chosen, found)
    findings = Findings.from_json(stored.read_bytes())
    before = findings.record.privacy.split(MARK)[0].rstrip()
    record = replace(findings.record, privacy=before)
    write(replace(findings, record=record, leaked=leaked(chosen, found)), folder.report)
    figures = {"format": FORMAT, "study": study.sha256, "site": chosen, **to_json(found)}
    durable.write_whole(folder.report / "leakage.json", json.dumps(figures, indent=2).encode())
    return chosen, words, found


def require_honest(found: Audited) -> None:
    """Return unless more is surely told than the study claims.

    Raises:
        BadPrivacyTerms: Then nothing of the study may leave until the fault is found.
    """
    if found.contradicted and found.claimed is not None:
        raise BadPrivacyTerms(
            f"the audit shows epsilon of {found.best.low:.2f} or more, the study claims"
            f" {found.claimed:g}",
            why="with 95 % confidence the noise does not do what is promised to patients",
            remedy="stop the study; look for noise that is missing, reused or too small",
        )


def card(site: str, found: Audited) -> str:
    """Return the card in sentences."""
    members = (_members(each) for each in found.membership)
    return " ".join([MARK, *_attacked(site, found), *members, MORE])


def leaked(site: str, found: Audited) -> Leaked:
    """Return the card as a report has it: words, and the figures for its tables."""
    return Leaked(
        site=site,
        claimed=found.claimed,
        words=(*_attacked(site, found), MORE),
        guessed=(
            _guessed("every update", found.updates),
            _guessed("the last model only", found.model),
        ),
        told=tuple(_told(each) for each in found.membership),
    )


def _attacked(site: str, found: Audited) -> tuple[str, ...]:
    best = found.best
    which = "all its updates" if best is found.updates else "its last model"
    return (
        f"Audited: the training of {site}, as if alone, with {best.canaries} invented units"
        " added by coin tosses (Steinke and others, 2023).",
        f"From {which}, {best.right} of {best.guesses} coins were guessed rightly.",
        f"So epsilon is at least {best.low:.2f} (95 % confidence; this many guesses could"
        f" have shown {best.most:.2f} at most).",
        _claim(found),
    )


def _guessed(seen: str, audit: Audit) -> Guessed:
    return Guessed(
        seen=seen,
        guesses=audit.guesses,
        right=audit.right,
        low=audit.low,
        most=audit.most,
        confidence=audit.confidence,
    )


def _told(each: Membership) -> Told:
    return Told(
        group=GROUPS.get(each.group, each.group),
        members=each.members,
        others=each.others,
        auc=each.auc,
        low=each.auc_low,
        high=each.auc_high,
        found=each.found,
        found_low=each.found_low,
        by_lot=by_lot(each),
    )


def to_json(found: Audited) -> dict[str, Any]:
    """Return the figures; an interval without an upper end has none."""
    plain = asdict(found)
    for name in ("updates", "model"):
        high = plain[name]["high"]
        plain[name]["high"] = high if isfinite(high) else None
    return {**plain, "contradicted": found.contradicted}


def _claim(found: Audited) -> str:
    if found.claimed is None:
        return "The study claims no bound."
    if found.contradicted:
        return f"The study claims {found.claimed:g}: the claim is wrong."
    return f"The study claims {found.claimed:g}; no attack found more by these tests."


def _members(each: Membership) -> str:
    group = {
        "all": "trained units",
        "positive": "of those with the outcome",
        "negative": "of those without the outcome",
    }.get(each.group, f"of those in {each.group}")
    return (
        f"RMIA with two reference models tells {each.members} {group} from {each.others}"
        f" held-out ones with AUC {each.auc:.2f} ({each.auc_low:.2f} to {each.auc_high:.2f}),"
        f" and finds {each.found:.1%} of them at 1 % false positives (at least"
        f" {each.found_low:.1%}; by lot as many with probability {by_lot(each):.2g})."
    )
