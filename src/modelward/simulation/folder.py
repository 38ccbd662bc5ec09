"""The folder of a simulated federation, and whether a run in it can go on.

run.json        what is run here: study, variants, hash of the data, how rows were dealt to
                which sites; written once their data are in place
sites/NAME/     one folder per site, as site/hospital.py describes
hub/            the hub's registry and models
baselines/      pooled and local models
report/         report.html, report.json, report.txt
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from modelward import durable
from modelward.core.canonical import Json, canonical_bytes
from modelward.errors import DataError, RunMismatch

TERMS = {
    "study": "study",
    "terms": "study",
    "variants": "choice of variants",
    "data": "data file",
    "dealing": "dealing (--by, --sites, --alpha)",
    "columns": "choice of columns (--patient, --split, --missing)",
    "background": "background for the report",
}
"""What makes two runs the same, in words."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run.

    Attributes:
        path: The folder itself.
    """

    path: Path

    @property
    def sites(self) -> Path:
        """One folder per site."""
        return self.path / "sites"

    @property
    def hub(self) -> Path:
        """The hub's registry and models."""
        return self.path / "hub"

    @property
    def baselines(self) -> Path:
        """Pooled and local models."""
        return self.path / "baselines"

    @property
    def report(self) -> Path:
        """Report files."""
        return self.path / "report"

    def site_names(self) -> list[str]:
        """Return the names of the run's sites; folders of another dealing do not count."""
        return list(self.stored()["sites"])

    def stored(self) -> dict[str, Any]:
        """Return what the marker says.

        Raises:
            RunMismatch: If there is no run in the folder, or its marker is damaged.
        """
        try:
            stored: dict[str, Any] = json.loads((self.path / "run.json").read_bytes())
        except (OSError, ValueError) as error:
            raise RunMismatch(
                f"{self.path} holds no run: its run.json cannot be read",
                why="a run is a folder that modelward study simulate has written",
                remedy="give that folder: STUDY-run, or what --out said",
            ) from error
        return stored

    def claim(self, identity: Mapping[str, Json]) -> bool:
        """Make the folder belong to one run.

        Args:
            identity: What must be the same for a run to go on.

        Returns:
            Whether the run is new here; False means it goes on.

        Raises:
            RunMismatch: If the folder holds another run.
            StorageError: If the folder cannot be written.
        """
        durable.make_folder(self.path)
        if not (self.path / "run.json").exists():
            return True
        known = self.stored()
        differing = sorted(key for key in identity if known.get(key) != identity[key])
        if differing:
            raise RunMismatch(
                f"{self.path} holds another run, with "
                + " and ".join(dict.fromkeys(f"another {TERMS[key]}" for key in differing)),
                why="going on with other terms or data would mix two studies",
                remedy="choose another folder with --out, or remove this one",
            )
        return False

    def seal(self, identity: Mapping[str, Json], sites: Iterable[str]) -> None:
        """Write the marker: the data of `sites` are in place from here on."""
        for folder in (self.baselines, self.report):
            durable.make_folder(folder)
        marker = {**identity, "sites": sorted(sites)}
        durable.write_whole(self.path / "run.json", canonical_bytes(marker))


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a data file.

    Raises:
        DataError: If it cannot be read.
    """
    digest = sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}",
            why="a simulation starts from one data file",
            remedy="check the path given to --data",
        ) from error
    return digest.hexdigest()
