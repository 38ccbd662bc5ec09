"""What a site allows to leave, whoever asks.

A `Policy` belongs to the site. A study can ask for less than the policy allows and never
for more: where both set a bound, rules.py applies the stricter one.
"""

from dataclasses import dataclass

from modelward.core.artifact import ArtifactKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A site's own bounds.

    Attributes:
        kinds: Artifact kinds that may leave.
        min_patients: Fewest units behind any artifact.
        max_norm: Largest L2 norm of an update.
        round_bytes: Most bytes that one task's artifact may have.
        study_bytes: Most bytes that may leave for one study in all its rounds.
    """

    kinds: frozenset[ArtifactKind] = frozenset({"update", "metrics", "statistics"})
    min_patients: int = 10
    max_norm: float = 64.0
    round_bytes: int = 256 * 2**20
    study_bytes: int = 16 * 2**30
