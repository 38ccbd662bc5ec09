"""The model of a finished simulation as files that travel."""

from os import PathLike
from pathlib import Path

from modelward.hub.export import export_kept
from modelward.hub.registry import Registry
from modelward.simulation.folder import RunFolder
from modelward.simulation.simulate import stored_study
from modelward.site.approving.keys import signing_key


def export_model(run: str | PathLike[str], out: str | PathLike[str]) -> list[Path]:
    """Write the kept model of the run in the folder `run` to `out`, with card and study.

    Returns:
        The three files written.

    Raises:
        RunMismatch: If there is no finished run in the folder.
    """
    folder = RunFolder(Path(run))
    study = stored_study(folder)
    registry = Registry(folder.hub)
    try:
        return export_kept(registry, study, signing_key(folder.hub / "hub.key"), Path(out))
    finally:
        registry.close()


def hub_key(run: str | PathLike[str]) -> str:
    """Return the public key of the hub of the run in the folder `run`, raw, hex."""
    key = signing_key(RunFolder(Path(run)).hub / "hub.key").public_key()
    return key.public_bytes_raw().hex()
