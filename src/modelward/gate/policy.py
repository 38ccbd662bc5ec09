"""What a site allows to leave, whoever asks.

A `Policy` belongs to the site. A study can ask for less than the policy allows and never
for more: where both set a bound, rules.py applies the stricter one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from modelward.core.artifact import ArtifactKind

Isolation = Literal["namespaces", "systemd", "none"]
"""How the trainer is kept apart: by namespaces that the node makes, by systemd units, or
not at all (then any code of a recipe can read and send what the node can)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A site's own bounds.

    Attributes:
        kinds: Artifact kinds that may leave.
        min_patients: Fewest units behind any artifact.
        max_norm: Largest L2 norm of an update.
        round_bytes: Most bytes that one task's artifact may have.
        study_bytes: Most bytes that may leave for one study in all its rounds.
        epsilon_study: Most that one study may tell about a patient.
        epsilon_lifetime: Most that all studies together may, for ever.
        delta: At which both are counted.
        isolation: How the trainer is kept apart.
        approvers: Who may decide about studies: name -> fingerprint of the person's key.
        recipes: Recipes of other packages that may run: name -> hash (recipes/brought.py).
    """

    kinds: frozenset[ArtifactKind] = frozenset({"update", "metrics", "statistics"})
    min_patients: int = 10
    max_norm: float = 64.0
    round_bytes: int = 256 * 2**20
    study_bytes: int = 16 * 2**30
    epsilon_study: float = 8.0
    epsilon_lifetime: float = 10.0
    delta: float = 1e-5
    isolation: Isolation = "namespaces"
    approvers: Mapping[str, str] = field(default_factory=dict)
    recipes: Mapping[str, str] = field(default_factory=dict)
