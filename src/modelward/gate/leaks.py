"""What the inspector found, held against the policy.

The inspector (site/rooms/inspector.py) has the data and no keys; the gate has the keys and no
data. It hands over figures, and the decision is made here. No figures, no release.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from modelward.core.canonical import canonical_hash
from modelward.core.verdict import Finding
from modelward.gate.policy import Leakage
from modelward.privacy.leakage.figures import Inspection
from modelward.privacy.leakage.membership import Membership, by_lot

MOST_TRAPS = 0.5
"""Share of a first layer's units that may each fire for one record alone."""


ACCIDENT = 1e-4
"""How probable it may be that losses that tell nothing find as many members."""


class Look:
    """One look of the inspector at one offer; it is taken when a rule first asks.

    Args:
        inspect: Returns the figures, or None if there are none for whatever reason.
        salt: What keeps the hash of the figures from being guessed.
    """

    def __init__(self, inspect: Callable[[], Inspection | None], salt: bytes) -> None:
        self._inspect, self._salt = inspect, salt

    @cached_property
    def figures(self) -> Inspection | None:
        """What was found; None if the inspector did not answer."""
        return self._inspect()

    @property
    def taken(self) -> bool:
        """Whether a rule has asked; otherwise something else spoke against the offer."""
        return "figures" in self.__dict__

    @property
    def digest(self) -> str | None:
        """Salted hash of the figures, for the ledger; None without figures."""
        if self.figures is None:
            return None
        return canonical_hash({"salt": self._salt.hex(), "figures": self.figures.table()})


def leaks(look: Look | None, bounds: Leakage) -> tuple[Finding, ...]:
    """Return what speaks against an offer that was looked at; none where nobody looks."""
    if look is None:
        return ()
    found = look.figures
    if found is None:
        return (
            Finding(
                rule="inspection",
                says="the inspector gave no figures, so nothing is known about copies",
                remedy="read inspector.log at the site, and restart the node",
            ),
        )
    return (
        *_copies(found, bounds),
        *_inversion(found),
        *members_told(found.membership, bounds.membership, rule="membership"),
    )


def overclaimed(claimed: float | None, low: float) -> tuple[Finding, ...]:
    """Return what speaks against a study of which an audit shows more than it claims.

    Args:
        claimed: Epsilon that the study claims for a site; None where it claims none.
        low: Lower bound that the audit has shown.
    """
    if claimed is None or low <= claimed:
        return ()
    return (
        Finding(
            rule="audit",
            says=f"an audit shows epsilon of {low:.2f} or more, and the study claims"
            f" {claimed:g}: the noise does not do what is promised",
            remedy="stop the study everywhere; look for noise that is missing, reused or too"
            " small, and audit again",
        ),
    )


def _copies(found: Inspection, bounds: Leakage) -> tuple[Finding, ...]:
    copied, alike = found.copies, found.likeness
    if copied.rows or copied.passages >= bounds.copies:
        return (
            Finding(
                rule="copy",
                says=f"{copied.rows} whole rows and up to {copied.passages} passages of one"
                f" record are in what would leave ({bounds.copies} are a copy)",
                remedy="the recipe sends records: stop the study, and keep the trainer's log",
            ),
        )
    if alike is None or alike.own <= alike.threshold:
        return ()
    return (
        Finding(
            rule="copy",
            says=f"a row is like an own record (cosine {alike.own:.3f}, by chance at most"
            f" {alike.threshold:.3f}; held out {alike.held_out:.3f})",
            remedy="train on more patients, or fewer local steps, before anything leaves",
        ),
    )


def _inversion(found: Inspection) -> tuple[Finding, ...]:
    said = []
    if found.recovered:
        said.append(f"{found.recovered} own records can be read off the first layer")
    if found.units and found.traps > MOST_TRAPS * found.units:
        said.append(f"{found.traps} of {found.units} units fire for one own record alone")
    return tuple(
        Finding(
            rule="inversion",
            says=each,
            remedy="use larger batches and more local steps; look at the model that came in",
        )
        for each in said
    )


def members_told(
    membership: Iterable[Membership], most: float, rule: str
) -> tuple[Finding, ...]:
    """Return what speaks against a training that tells who was in it.

    Args:
        membership: What an attack found, by group.
        most: Largest lower bound of the share of members found.
        rule: Under which name it is refused.
    """
    return tuple(
        Finding(
            rule=rule,
            says=f"{each.found:.0%} of {each.members} {_named(each.group)} are told from"
            f" {each.others} held-out ones at 1 % false positives; surely more than"
            f" {each.found_low:.1%}, and {most:.1%} is allowed",
            remedy="the model has learnt patients by heart: fewer epochs, more patients,"
            " a smaller model, or noise ([privacy.dp])",
        )
        for each in membership
        if tells(each, most)
    )


def _named(group: str) -> str:
    return _NAMES.get(group, f"trained records of {group}")


def tells(each: Membership, most: float) -> bool:
    """Return whether members are found surely more often than allowed, and not by lot.

    The second keeps few held-out records from refusing by chance: the smallest of few losses
    may be undercut by many members though the model has learnt nobody by heart.
    """
    return each.found_low > most and by_lot(each) < ACCIDENT


_NAMES: Mapping[str, str] = {
    "all": "trained records",
    "positive": "trained records with the outcome",
    "negative": "trained records without the outcome",
}
