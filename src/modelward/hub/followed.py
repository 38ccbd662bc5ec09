"""What the rounds of a study say when it has ended: the threshold, and each site's way through.

The same for a simulation and for a deployed hub, since both have it from the hub's records.
"""

from collections.abc import Sequence

from modelward.core.study import Study
from modelward.evaluate.judged import NO_RULE, Path
from modelward.hub.round import RoundRecord
from modelward.hub.run_facts import defined
from modelward.hub.validated import THRESHOLD


def threshold_of(
    study: Study, history: Sequence[RoundRecord], kept_round: int
) -> tuple[float | None, str]:
    """Return the threshold of the kept round and the rule that chose it, in words.

    None where the study signed no rule, or its validation units have one outcome only.
    """
    terms = study.evaluation
    if terms is None or terms.threshold is None:
        return None, NO_RULE
    kept = history[kept_round - 1].metrics if kept_round else {}
    found = defined(kept.get(THRESHOLD))
    if found is None:
        return None, "0.5, as the validation units have one outcome only"
    words = "the largest sum of sensitivity and specificity"
    if terms.at_least is not None:
        words = f"a {terms.threshold} of at least {terms.at_least:g}"
    return found, f"{words} on the validation units of all sites"


def paths_of(history: Sequence[RoundRecord]) -> tuple[Path, ...]:
    """Return the watched metric at each site by round; nothing where only sums are seen."""
    sites = sorted({site for record in history for site in record.by_site})
    return tuple(
        Path(site=site, values=tuple(defined(record.by_site.get(site)) for record in history))
        for site in sites
    )
