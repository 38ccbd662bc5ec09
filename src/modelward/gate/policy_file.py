"""policy.toml: what a site allows to leave, who decides, and how its trainer is kept apart.

The file belongs to the site, never leaves it, and no study can change it. Unknown keys are
refused, all faults are reported at once, and without the file the bounds of `Policy` hold
(and nobody may approve anything).

    isolation = "namespaces"          # or "systemd", or "none"

    [leaves]
    kinds = ["update", "metrics", "statistics"]
    min_patients = 10
    max_norm = 64.0
    round_bytes = 268435456
    study_bytes = 17179869184

    [privacy]                         # epsilon of differential privacy
    epsilon_study = 8.0               # most that one study may tell about a patient
    epsilon_lifetime = 10.0           # most that all studies together may
    delta = 1e-5

    [approvers]                       # name = fingerprint of the person's key
    "Dr Ada Byron" = "2f0c..."        # printed by: modelward site person

    [recipes]                         # of other packages; name = hash of what is installed
    cloglog = "9a41..."               # printed by: modelward recipes
"""

import json
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelward.core.artifact import ArtifactKind
from modelward.core.faults import Fault, from_validation, lines
from modelward.core.terms import Name
from modelward.errors import GateRefused
from modelward.gate.policy import Isolation, Policy

_STANDARD = Policy()

Person = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,80}$")]
Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Leaves(_Part):
    """`[leaves]`: bounds on artifacts; a study may ask for less, never for more."""

    kinds: frozenset[ArtifactKind] = Field(
        default=_STANDARD.kinds, description="Artifact kinds that may leave."
    )
    min_patients: int = Field(
        default=_STANDARD.min_patients, ge=1, description="Fewest units behind an artifact."
    )
    max_norm: float = Field(
        default=_STANDARD.max_norm, gt=0, description="Largest L2 norm of an update."
    )
    round_bytes: int = Field(
        default=_STANDARD.round_bytes, ge=1, description="Most bytes for one task."
    )
    study_bytes: int = Field(
        default=_STANDARD.study_bytes, ge=1, description="Most bytes for one study."
    )


class Budget(_Part):
    """`[privacy]`: what patients can afford; a study that would pass it is refused."""

    epsilon_study: float = Field(
        default=_STANDARD.epsilon_study, gt=0, description="Most that one study may cost."
    )
    epsilon_lifetime: float = Field(
        default=_STANDARD.epsilon_lifetime, gt=0, description="Most that all studies may cost."
    )
    delta: float = Field(
        default=_STANDARD.delta, gt=0, lt=1e-2, description="At which both are counted."
    )


class PolicyFile(_Part):
    """A whole policy file."""

    isolation: Isolation = Field(
        default=_STANDARD.isolation, description="How the trainer is kept apart."
    )
    leaves: Leaves = Field(default_factory=Leaves)
    privacy: Budget = Field(default_factory=Budget)
    approvers: dict[Person, Fingerprint] = Field(
        default_factory=dict, description="Who may decide about studies, by key."
    )
    recipes: dict[Name, Fingerprint] = Field(
        default_factory=dict, description="Recipes of other packages, by hash."
    )


def read_policy(path: Path) -> Policy:
    """Return the policy in the file at `path`, or the standard one if there is no file.

    Raises:
        GateRefused: With every fault found, if the file cannot be used as written.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        read = PolicyFile.model_validate_json(json.dumps(table, default=str), strict=True)
    except FileNotFoundError:
        return _STANDARD
    except OSError as error:
        raise _refuse(path, [Fault("", f"cannot be read: {error.strerror}")]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _refuse(path, [Fault("", f"not TOML: {error}")]) from error
    except ValidationError as error:
        raise _refuse(path, from_validation(error, PolicyFile)) from error
    return Policy(
        kinds=read.leaves.kinds,
        min_patients=read.leaves.min_patients,
        max_norm=read.leaves.max_norm,
        round_bytes=read.leaves.round_bytes,
        study_bytes=read.leaves.study_bytes,
        epsilon_study=read.privacy.epsilon_study,
        epsilon_lifetime=read.privacy.epsilon_lifetime,
        delta=read.privacy.delta,
        isolation=read.isolation,
        approvers=read.approvers,
        recipes=read.recipes,
    )


def _refuse(path: Path, faults: list[Fault]) -> GateRefused:
    return GateRefused(
        lines(str(path), faults),
        why="a policy that is half understood would let out what it means to keep in",
        remedy="correct the keys above (docs/operations/joining.md has an example)",
    )
