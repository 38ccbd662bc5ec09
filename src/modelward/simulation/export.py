"""The model of a finished run as files that travel: bundle, card and study."""

from os import PathLike
from pathlib import Path

from modelward import durable
from modelward.artifact import bundle, card
from modelward.artifact.store import measure
from modelward.core.artifact import Card
from modelward.core.canonical import canonical_bytes, canonical_hash
from modelward.errors import RunMismatch
from modelward.hub.registry import Registry
from modelward.simulation.folder import RunFolder
from modelward.simulation.simulate import stored_study
from modelward.site.keys import signing_key


def export_model(run: str | PathLike[str], out: str | PathLike[str]) -> list[Path]:
    """Write the kept model of the run in the folder `run` to `out`, with card and study.

    Returns:
        The three files written.

    Raises:
        RunMismatch: If there is no finished run in the folder.
    """
    run, out = Path(run), Path(out)
    folder = RunFolder(run)
    study = stored_study(folder)
    registry = Registry(folder.hub)
    try:
        if registry.finished(study) is None:
            raise RunMismatch(
                f"the run in {run} is not finished",
                why="a model is exported once its study has stopped",
                remedy=f"finish it first: modelward study run {run}",
            )
        state = registry.state(study)
        digest = registry.model_of(study, state.best)
        model = registry.model(study, digest)
    finally:
        registry.close()
    chunks = list(bundle.encode(model.tensors, model.schema))
    entry = Card(
        kind="model",
        study=study.sha256,
        round_no=state.best,
        task=study.sha256,
        site="hub",
        schema=canonical_hash(model.schema.describe()),
        sha256=digest,
        nbytes=measure(chunks)[1],
        patients=state.history[state.best - 1].patients,
    )
    signed = card.sign(entry, signing_key(folder.hub / "hub.key"))
    files: dict[Path, list[bytes | memoryview]] = {
        out: chunks,
        out.with_suffix(".card.json"): [card.to_json(signed)],
        out.with_suffix(".study.json"): [canonical_bytes(study.model_dump(mode="json"))],
    }
    for path, content in files.items():
        durable.write_whole(path, content)
    return list(files)


def hub_key(run: str | PathLike[str]) -> str:
    """Return the public key of the hub of the run in the folder `run`, raw, hex."""
    key = signing_key(RunFolder(Path(run)).hub / "hub.key").public_key()
    return key.public_bytes_raw().hex()
