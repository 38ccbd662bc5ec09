"""Recipes that other packages bring: found by name, known by a hash, allowed by each site.

A package says in its metadata which recipes it brings (docs/recipes.md has one in full):

    [project.entry-points."modelward.recipes"]
    cloglog = "ward_recipes.cloglog:VERSIONS"

where VERSIONS is a table of version -> `Entry`. Such a recipe is code that somebody at the
hospital installed; no study can bring it (docs/decisions/0004). A site that runs studies
allows it by the hash of what is installed, in policy.toml, and `require` is asked before
its package is imported: another version, or a file that was changed, is refused.

The hash covers every file of the package as its RECORD lists them, and nothing that it
imports from elsewhere. Finding and hashing import nothing.

A recipe that comes with modelward, and whose computation another package does, is held to the
same: `monai`, whose networks are MONAI's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import (
    Distribution,
    EntryPoint,
    PackageNotFoundError,
    distribution,
    entry_points,
)
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel

from modelward.errors import GateRefused, StudyFileError
from modelward.recipes.recipe import Recipe

GROUP = "modelward.recipes"

RESTS_ON: Mapping[str, str] = MappingProxyType({"monai": "monai"})
"""Recipe that comes with modelward -> distribution that computes it."""

_NOT_SOURCE = ("__pycache__",)


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a recipe.

    Attributes:
        make: Its class.
        options: The type of its options.
        torch: Whether torch trains it.
        predicts: Types of targets that it can be trained for.
        reads: What one example is, as core.columns.Inputs has it.
        narrowed: Given options, which of `predicts` are left; None where all are.
    """

    make: Callable[[Any], Recipe]
    options: type[BaseModel]
    torch: bool = False
    predicts: frozenset[str] = frozenset({"boolean"})
    reads: Literal["table", "image", "sequence", "image-and-table"] = "table"
    narrowed: Callable[[Any], frozenset[str]] | None = None

    def predicts_with(self, options: Mapping[str, Any]) -> frozenset[str]:
        """Return the types of targets that it can be trained for with `options`."""
        if self.narrowed is None:
            return self.predicts
        return self.predicts & self.narrowed(self.options(**options))


@dataclass(frozen=True, slots=True)
class Brought:
    """A recipe that is installed and was not imported.

    Attributes:
        name: What studies call it.
        package: Distribution and version that bring it, such as `ward-recipes 1.2`.
        sha256: Hash of the distribution's files; "" if they are not all there.
    """

    name: str
    package: str
    sha256: str


def brought() -> list[Brought]:
    """Return every recipe that another package brings or computes, by name."""
    found = [
        Brought(p.name, _called(p), source_hash(p.dist)) for p in entry_points(group=GROUP)
    ]
    for name, package in RESTS_ON.items():
        there = _installed(package)
        if there is not None:
            found.append(Brought(name, f"{package} {there.version}", source_hash(there)))
    return sorted(found, key=lambda each: (each.name, each.package))


def _installed(package: str) -> Distribution | None:
    try:
        return distribution(package)
    except PackageNotFoundError:
        return None


def versions(name: str) -> Mapping[int, Entry]:
    """Return the versions of the recipe that another package brings as `name`; imports it.

    Raises:
        StudyFileError: If two packages bring it, or what they bring is no table of versions.
    """
    points = list(entry_points(group=GROUP, name=name))
    if not points:
        return {}
    if len(points) > 1:
        raise _refuse(name, f"is brought by {' and '.join(_called(p) for p in points)}")
    found = points[0].load()
    good = isinstance(found, Mapping) and all(
        type(version) is int and isinstance(entry, Entry) for version, entry in found.items()
    )
    if not good:
        raise _refuse(name, f"of {_called(points[0])} is no table of version -> Entry")
    return dict(found)


def require(name: str, allowed: Mapping[str, str]) -> None:
    """Return if the recipe `name` comes with modelward, or is exactly what a site allows.

    Args:
        name: A study's recipe.
        allowed: Recipe -> hash, from the site's policy.

    Raises:
        GateRefused: If another package brings it, and not with the hash that is allowed.
    """
    for found in brought():
        if found.name == name and (not found.sha256 or allowed.get(name) != found.sha256):
            raise _not_allowed(found, allowed.get(name))


def source_hash(package: Distribution | None) -> str:
    """Return the SHA-256 over names and hashes of a distribution's files, sorted.

    Of each file one line `SHA-256  NAME`, as sha256sum prints it. Metadata (.dist-info) and
    compiled copies are left out. "" for a package that is installed for editing, or of which
    a file is missing: what it would run tomorrow is not known today.
    """
    lines = []
    for file in (package.files if package is not None else None) or ():
        if file.parts[0].endswith(".dist-info") or set(file.parts) & set(_NOT_SOURCE):
            continue
        path = Path(str(file.locate()))
        if path.suffix == ".pth" or not path.is_file():
            return ""
        lines.append(f"{sha256(path.read_bytes()).hexdigest()}  {file.as_posix()}\n")
    return sha256("".join(sorted(lines)).encode()).hexdigest() if lines else ""


def _called(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _not_allowed(found: Brought, allowed: str | None) -> GateRefused:
    said = "is not in policy.toml" if allowed is None else f"is allowed as {allowed[:12]}… only"
    here = f"{found.sha256[:12]}…" if found.sha256 else "not whole, or installed for editing"
    return GateRefused(
        f"the recipe {found.name!r} of {found.package} is {here}, and {said}",
        why="code from outside modelward runs on patients only as this site has reviewed it",
        remedy=f'review the package, then add under [recipes]: {found.name} = "{found.sha256}"'
        if found.sha256
        else "install it from a wheel, then: modelward recipes",
    )


def _refuse(name: str, says: str) -> StudyFileError:
    return StudyFileError(
        f"the recipe {name!r} {says}",
        why="a study names one recipe, and every site must mean the same by it",
        remedy="list what is installed: modelward recipes",
    )
