"""What a site allows to leave, whoever asks.

A `Policy` belongs to the site. A study can ask for less than the policy allows and never
for more: where both set a bound, the stricter one holds. policy_file.py reads it from
policy.toml, terms.py holds a study's terms against it, rules.py every single offer.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from modelward.core.artifact import ArtifactKind
from modelward.core.canonical import Json, canonical_hash
from modelward.privacy.budget import Ceilings

Device = Literal["cpu", "cuda"]
"""What trainers may use."""

Isolation = Literal["namespaces", "systemd", "none"]
"""How trainer and inspector are kept apart: by namespaces that the node makes, by systemd
units, or not at all (then any code of a recipe can read and send what the node can)."""


Lane = Literal["dp", "exact"]
"""How what leaves is bounded: booked, with noise, under a ceiling; or not at all, exact."""

LANES: frozenset[Lane] = frozenset({"dp", "exact"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    """`[leakage]`: what the inspector may find before an artifact is refused.

    Attributes:
        membership: Largest lower bound (95 %) of the share of members that a loss threshold
            finds at 1 % false positives. 0.05 unless it says otherwise.
        copies: Fewest passages of a record, found word for word in what would leave, that
            make it a copy of that record.
        similarity: Quantile of the similarity to held-out records that similarity to an own
            record may not exceed.
        every: Full tests on the first release of a study, on the last, and on every one
            whose round is a multiple of this; the quick ones on all.
    """

    membership: float = 0.05
    copies: int = 3
    similarity: float = 0.999
    every: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A site's own bounds.

    Attributes:
        kinds: Artifact kinds that may leave.
        min_patients: Fewest units behind any artifact.
        min_cell: Fewest units in a cell of a count that leaves; a cell of none is no cell.
        min_pair: Fewest units that have one of two yes/no values or levels and one of the
            other, where products of two columns are summed; any number if 1.
        min_missing: Fewest units of whom a value is not known, where that is told; any if 1.
        max_norm: Largest L2 norm of an update.
        round_bytes: Most bytes that one task's artifact may have.
        study_bytes: Most bytes that may leave for one study in all its rounds.
        epsilon_study: Most that one study may tell about a patient.
        epsilon_lifetime: Most that all studies together may, for ever.
        delta: At which both are counted.
        day_bytes: Most bytes that may leave for all studies on one day (UTC).
        allowed_recipes: Recipes that may be trained, by name; every installed one if None.
        purposes: Purposes that studies may have, word for word; any if None.
        leads: Contacts that may lead a study, word for word; any if None.
        leakage: What the inspector may find.
        review: Kinds that wait until one of `approvers` has released them.
        isolation: How trainer and inspector are kept apart.
        device: Where networks are trained that can be trained there (learn/device.py).
        approvers: Who may decide about studies and about what is held: name -> fingerprint
            of the person's key.
        recipes: Recipes of other packages that may run: name -> hash (recipes/brought.py).
        lanes: Bounds under which studies may run; a site that takes part in studies without
            one says so (docs/decisions/0035).
    """

    kinds: frozenset[ArtifactKind] = frozenset({"update", "metrics", "statistics"})
    min_patients: int = 10
    min_cell: int = 10
    max_norm: float = 64.0
    round_bytes: int = 256 * 2**20
    study_bytes: int = 16 * 2**30
    epsilon_study: float = 8.0
    epsilon_lifetime: float = 10.0
    delta: float = 1e-5
    day_bytes: int = 4 * 2**30
    allowed_recipes: frozenset[str] | None = None
    purposes: frozenset[str] | None = None
    leads: frozenset[str] | None = None
    leakage: Leakage = field(default_factory=Leakage)
    review: frozenset[ArtifactKind] = frozenset()
    isolation: Isolation = "namespaces"
    device: Device = "cpu"
    approvers: Mapping[str, str] = field(default_factory=dict)
    recipes: Mapping[str, str] = field(default_factory=dict)
    lanes: frozenset[Lane] = frozenset({"dp"})
    min_pair: int = 1
    min_missing: int = 1

    @property
    def ceilings(self) -> Ceilings:
        """What patients can afford."""
        return Ceilings(
            study=self.epsilon_study, lifetime=self.epsilon_lifetime, delta=self.delta
        )

    def describe(self) -> dict[str, Json]:
        """Return every bound as JSON: what `sha256` is taken of.

        All lanes, the CPU, and a minimum of one leave no trace, so that a policy of before has
        the hash that it had.
        """
        untraced = {"lanes": LANES, "device": "cpu", "min_pair": 1, "min_missing": 1}
        return {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in asdict(self).items()
            if name not in untraced or value != untraced[name]
        }

    @property
    def sha256(self) -> str:
        """Hash of every bound; changes with any change of the policy."""
        return canonical_hash({"format": "modelward-policy/1", **self.describe()})


SIMULATED = Policy(min_cell=1, lanes=LANES)
"""The policy of a simulated hospital: the standard one, but for small cells and exact figures,
which are shown to whoever holds all rows anyway."""
