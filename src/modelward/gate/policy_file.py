"""policy.toml: what a site allows to leave, who decides, and how its trainer is kept apart.

The file belongs to the site, never leaves it, and no study can change it. Unknown keys are
refused, all faults are reported at once, and without the file the bounds of `Policy` hold
(and nobody may approve anything).

    isolation = "namespaces"          # or "systemd", or "none"

    [leaves]
    kinds = ["update", "metrics", "statistics"]
    min_patients = 10

    [studies]
    allowed_recipes = ["logistic", "cnn"]

    [privacy]                         # epsilon of differential privacy
    epsilon_study = 8.0               # most that one study may tell about a patient
    epsilon_lifetime = 10.0           # most that all studies together may
    delta = 1e-5

    [approvers]                       # name = fingerprint of the person's key
    "Dr Ada Byron" = "2f0c..."        # printed by: modelward site person

    [recipes]                         # of other packages; name = hash of what is installed
    cloglog = "9a41..."               # printed by: modelward recipes

Every key is in docs/formats/policy.md. `as_toml` writes a policy out in full.
"""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelward.core import toml_text
from modelward.core.artifact import ArtifactKind
from modelward.core.faults import Fault, from_validation, lines
from modelward.core.terms import Name
from modelward.errors import GateRefused
from modelward.gate.policy import Device, Isolation, Lane, Leakage, Policy

_STANDARD = Policy()

Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,400}$")]
Person = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,80}$")]
Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Some = Annotated[int, Field(ge=1, le=2**50)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Leaves(_Part):
    """`[leaves]`: bounds on artifacts; a study may ask for less, never for more."""

    kinds: frozenset[ArtifactKind] = Field(
        default=_STANDARD.kinds, description="Artifact kinds that may leave."
    )
    min_patients: Some = Field(
        default=_STANDARD.min_patients, description="Fewest units behind an artifact."
    )
    min_cell: Some = Field(
        default=_STANDARD.min_cell, description="Fewest units in a cell of a count."
    )
    min_pair: Some = Field(
        default=_STANDARD.min_pair,
        description="Fewest units of two yes/no columns together, in sums of products.",
    )
    min_missing: Some = Field(
        default=_STANDARD.min_missing, description="Fewest units whose value is not known."
    )
    max_norm: Positive = Field(
        default=_STANDARD.max_norm, description="Largest L2 norm of an update."
    )
    round_bytes: Some = Field(
        default=_STANDARD.round_bytes, description="Most bytes for one task."
    )
    study_bytes: Some = Field(
        default=_STANDARD.study_bytes, description="Most bytes for one study."
    )
    day_bytes: Some = Field(
        default=_STANDARD.day_bytes, description="Most bytes on one day (UTC), all studies."
    )


class Studies(_Part):
    """`[studies]`: which studies the site takes part in at all."""

    allowed_recipes: frozenset[Line] | None = Field(
        default=None, description="Recipes by name; every installed one if absent."
    )
    purposes: frozenset[Line] | None = Field(
        default=None, description="Purposes, word for word; any if absent."
    )
    leads: frozenset[Line] | None = Field(
        default=None, description="Contacts of study leads, word for word; any if absent."
    )


class LeakageFile(_Part):
    """`[leakage]`: what the inspector may find before an artifact is refused."""

    membership: float = Field(
        default=_STANDARD.leakage.membership,
        gt=0,
        le=1,
        description="Largest lower bound of the members found at 1 % false positives.",
    )
    copies: Some = Field(
        default=_STANDARD.leakage.copies, description="Passages that make a copy of a record."
    )
    similarity: float = Field(
        default=_STANDARD.leakage.similarity,
        ge=0.9,
        lt=1,
        description="Quantile of similarity to held-out records.",
    )
    every: Some = Field(
        default=_STANDARD.leakage.every, description="Full tests every so many rounds."
    )


class Review(_Part):
    """`[review]`: what waits for one of the approvers."""

    kinds: frozenset[ArtifactKind] = Field(
        default=_STANDARD.review, description="Kinds that wait for a person."
    )


class Budget(_Part):
    """`[privacy]`: what patients can afford; a study that would pass it is refused."""

    epsilon_study: float = Field(
        default=_STANDARD.epsilon_study,
        gt=0,
        allow_inf_nan=False,
        description="Most that one study may cost.",
    )
    epsilon_lifetime: float = Field(
        default=_STANDARD.epsilon_lifetime,
        gt=0,
        allow_inf_nan=False,
        description="Most that all studies may cost.",
    )
    delta: float = Field(
        default=_STANDARD.delta, gt=0, lt=1e-2, description="At which both are counted."
    )
    lanes: frozenset[Lane] = Field(
        default=_STANDARD.lanes, description="Whether studies without a bound may run."
    )


class PolicyFile(_Part):
    """A whole policy file."""

    isolation: Isolation = Field(
        default=_STANDARD.isolation, description="How the trainer is kept apart."
    )
    device: Device = Field(
        default=_STANDARD.device,
        description="Where the trainer trains networks on images; needs 'systemd' or 'none'.",
    )
    leaves: Leaves = Field(default_factory=Leaves)
    studies: Studies = Field(default_factory=Studies)
    leakage: LeakageFile = Field(default_factory=LeakageFile)
    review: Review = Field(default_factory=Review)
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
        read = PolicyFile.model_validate_json(toml_text.read(path), strict=True)
    except FileNotFoundError:
        return _STANDARD
    except OSError as error:
        raise _refuse(path, [Fault("", f"cannot be read: {error.strerror}")]) from error
    except toml_text.NotToml as error:
        raise _refuse(path, [Fault("", f"not TOML: {error}")]) from error
    except ValidationError as error:
        raise _refuse(path, from_validation(error, PolicyFile)) from error
    policy = Policy(
        **dict(read.leaves),
        **dict(read.studies),
        **dict(read.privacy),
        leakage=Leakage(**dict(read.leakage)),
        review=read.review.kinds,
        isolation=read.isolation,
        device=read.device,
        approvers=read.approvers,
        recipes=read.recipes,
    )
    if policy.review and not policy.approvers:
        held = Fault("review.kinds", "nobody is named under [approvers] who could release them")
        raise _refuse(path, [held])
    if policy.device == "cuda" and policy.isolation == "namespaces":
        says = "in namespaces of its own a trainer sees no device: use 'systemd' or 'none'"
        raise _refuse(path, [Fault("device", says)])
    return policy


def as_toml(policy: Policy) -> str:
    """Return `policy` written out in full, as a file that reads back to it."""
    told = {
        **policy.describe(),
        "lanes": sorted(policy.lanes),
        "min_pair": policy.min_pair,
        "min_missing": policy.min_missing,
    }
    leakage = told["leakage"] if isinstance(told["leakage"], dict) else {}
    tables: dict[str, dict[str, Any]] = {
        "leaves": {name: told[name] for name in Leaves.model_fields},
        "studies": {name: told[name] for name in Studies.model_fields},
        "privacy": {name: told[name] for name in Budget.model_fields},
        "leakage": leakage,
        "review": {"kinds": told["review"]},
        "approvers": dict(policy.approvers),
        "recipes": dict(policy.recipes),
    }
    written = [f"{key} = {json.dumps(getattr(policy, key))}" for key in ("isolation", "device")]
    for table, keys in tables.items():
        written += ["", f"[{table}]"]
        written += [f"{_key(name)} = {_value(v)}" for name, v in keys.items() if v is not None]
    return "\n".join(written)


def _key(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else _value(name)


def _value(value: object) -> str:
    """Return a value as TOML spells it; JSON spells these the same."""
    return json.dumps(value, ensure_ascii=False)


def _refuse(path: Path, faults: list[Fault]) -> GateRefused:
    return GateRefused(
        lines(str(path), faults),
        why="a policy that is half understood would let out what it means to keep in",
        remedy="correct the keys above (docs/formats/policy.md lists every one)",
    )
