"""Who is summed with whom behind masks, and what that leaves for the hub to see. Pure.

    secagg     one sum over the whole roster
    grouped    20 sites or more: one sum over each group of four to seven sites

Groups follow from study and roster alone, by hash, and are the same in every round: another
deal each time would show sums over other groups, and their differences. With sums over
groups a rule of [plan.robust] can compare groups, so that a few wrong sites are outvoted,
where one sum over everybody would hide them (Bonawitz et al. 2017, doi:10.1145/3133956.3133982,
has the sums; grouping before a robust rule is that of Karimireddy et al. 2022,
arXiv:2006.09365, section 5, with groups in place of their buckets).
"""

from collections.abc import Collection
from hashlib import sha256

from modelward.core.canonical import canonical_bytes
from modelward.core.study import Study

SMALLEST_GROUP = 4
"""Sites of the smallest group; one of them may drop out of a round."""

FEWEST_GROUPED = 20
"""Sites of a study with groups: below, a sum over everybody hides more and costs little."""


def groups(study: Study, names: Collection[str]) -> tuple[tuple[str, ...], ...]:
    """Return the sites that are summed together, each group in name order.

    Args:
        study: The study.
        names: Its roster.
    """
    if study.privacy.aggregation != "grouped" or len(names) < FEWEST_GROUPED:
        return (tuple(sorted(names)),)
    listed = sorted(names)

    def place(name: str) -> bytes:
        return sha256(canonical_bytes([study.sha256, listed, name])).digest()

    dealt, number = sorted(listed, key=place), len(listed) // SMALLEST_GROUP
    return tuple(tuple(sorted(dealt[first::number])) for first in range(number))


def group_of(study: Study, names: Collection[str], name: str) -> tuple[str, ...]:
    """Return the sites that `name` is summed with, itself included; empty for a stranger."""
    return next((group for group in groups(study, names) if name in group), ())


def sizes(study: Study, sites: int) -> tuple[int, ...]:
    """Return the sizes of the groups of a roster of `sites` sites, the smallest first."""
    return tuple(sorted(len(each) for each in groups(study, [f"{n:03}" for n in range(sites)])))


def needed(sites: int) -> int:
    """Return how many of `sites` sites in one sum have to stay: floor(2n/3) + 1, at least 3."""
    return max(3, 2 * sites // 3 + 1)


def hub_sees(study: Study, sites: int) -> str:
    """Return what the hub can see of a study with `sites` sites, and who may collude with it.

    The bounds are those of privacy/masks/session.py, which a test holds this to.
    """
    if study.privacy.aggregation is None:
        rule = " and compares them by its rule" if study.plan.robust else ""
        return f"The hub can see the answer of each site by itself{rule}."
    smallest = sizes(study, sites)[0]
    whose = "a group of sites" if study.privacy.aggregation == "grouped" else "sites of a round"
    said = [
        f"Answers are summed behind masks (Bonawitz et al. 2017): the hub can see the sum over "
        f"{'' if study.privacy.aggregation == 'grouped' else 'the '}{whose} and their patients "
        "together, and not the answer of one site or how many patients it has.",
    ]
    if study.privacy.aggregation == "grouped":
        number = len(sizes(study, sites))
        said.append(f"There are {number} groups, the smallest of {smallest}, in all rounds.")
    said.append(
        f"Of {smallest} sites in a sum, {needed(smallest)} have to stay in a round. What one "
        f"site said stays hidden from a hub that follows the protocol and up to "
        f"{needed(smallest) - 1} others, who learn the sum over the rest; and from a hub that "
        f"tells sites different lists and up to {max(0, 2 * needed(smallest) - smallest - 1)}."
    )
    if smallest in _POOLED:
        said.append(_POOLED[smallest])
    return " ".join(said)


_POOLED = {
    3: "With three sites, two that pool what they know see the third.",
    4: "With four sites in a sum, three that pool what they know see the fourth.",
}
