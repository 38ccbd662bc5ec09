"""What a report says about privacy: the bound, who computed it, and the events behind it.

From the ledgers of the sites alone (site/budget/statement.py), not from what the study
promised.
"""

from collections.abc import Mapping

from modelward.core.study import Study
from modelward.evaluate.facts.record import NO_PRIVACY
from modelward.gate.policy import Policy
from modelward.ledger import archive
from modelward.ledger.log import KEY
from modelward.ledger.verify import read_key
from modelward.privacy.accounting import Event
from modelward.simulation.folder import RunFolder
from modelward.site.budget.statement import Account, statement
from modelward.study.groups import hub_sees


def privacy_words(folder: RunFolder, study: Study, sites: list[str]) -> str:
    """Return the paragraphs on privacy for the report of `study`, one a line.

    Args:
        folder: The run, with the ledgers of its sites.
        study: What was run.
        sites: Names, in the order of the report.
    """
    dp = study.privacy.dp
    if dp is None:
        return f"{NO_PRIVACY} {hub_sees(study, len(sites))}"
    policy = Policy(delta=dp.delta)
    found = {site: _account(folder, site, study, policy) for site in sites}
    unit = dp.unit
    bound = " ".join(
        [
            f"Differential privacy for each {unit}, with all of their rows, at each site by "
            "itself: neighbours differ by one " + f"{unit}. Epsilon by privacy loss "
            "distributions (dp-accounting), by Renyi moments in brackets, from the events in "
            f"each ledger, at delta {dp.delta:g}:",
            _listed(found) + ".",
            f"The number of {study.study.unit}s of a site is public. The same person at two "
            "sites is bounded at each, and the bounds add.",
        ]
    )
    beside = (
        "Test units are predicted by this simulation, where all rows are; figures of this "
        f"report are not noised. {_compared(study)}"
    )
    return "\n".join([bound, hub_sees(study, len(sites)), beside])


def _compared(study: Study) -> str:
    """Return whether it was measured what the bound costs."""
    if study.evaluation is None or study.evaluation.without_dp is None:
        return (
            "What the bound costs in AUC was not measured: the study does not ask for it "
            "([evaluation.without_dp])."
        )
    return (
        "The same study without a bound was trained here to compare with; what it released is "
        "in the ledgers of this run, under a study of its own. At hospitals it would leave in "
        "the lane without a bound."
    )


def _listed(found: Mapping[str, Account | None]) -> str:
    """Return one clause per group of sites with the same figures."""
    groups: dict[str, list[str]] = {}
    for site, account in found.items():
        groups.setdefault(_figures(account), []).append(site)
    return "; ".join(f"{', '.join(names)}: {said}" for said, names in groups.items())


def _figures(account: Account | None) -> str:
    if account is None:
        return "nothing was drawn"
    events = ", ".join(_event(event) for event in account.events)
    return f"epsilon {account.standing.spent:.3f} ({account.renyi:.3f}) for {events}"


def _event(event: Event) -> str:
    who = "everybody" if event.sampling == 1.0 else f"samples of {event.sampling:g}"
    return f"{event.steps} noised sums over {who} at noise {event.noise:g}"


def _account(folder: RunFolder, site: str, study: Study, policy: Policy) -> Account | None:
    place = folder.sites / site
    entries = archive.read(place / "ledger", read_key(place / "ledger" / KEY)).entries()
    accounts = statement(entries, place, policy).accounts
    return next((a for a in accounts if a.study == study.sha256 and a.events), None)
