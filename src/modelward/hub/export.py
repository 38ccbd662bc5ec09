"""The kept model of a finished study as files that travel: bundle, signed card, study."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward import durable
from modelward.artifact import bundle, card
from modelward.artifact.store import measure
from modelward.core.artifact import Card
from modelward.core.canonical import canonical_bytes, canonical_hash
from modelward.core.study import Study
from modelward.errors import RunMismatch
from modelward.hub.registry import Registry


def export_kept(
    registry: Registry, study: Study, key: Ed25519PrivateKey, out: Path
) -> list[Path]:
    """Write the kept model of `study` to `out`, with card and study beside it.

    Args:
        registry: Of the hub that ran the study.
        study: A finished one.
        key: The hub's signing key.
        out: The bundle's path; `.card.json` and `.study.json` take its place at the end.

    Returns:
        The three files written.

    Raises:
        RunMismatch: If the study has not been finished there.
    """
    if registry.finished(study) is None:
        raise RunMismatch(
            f"study {study.id} is not finished in {registry.folder}",
            why="a model is exported once its study has stopped",
            remedy="finish it first: modelward study run RUN, or modelward hub up HUB",
        )
    past = registry.past(study)
    digest = registry.model_of(study, past.best)
    model = registry.model(study, digest)
    chunks = list(bundle.encode(model.tensors, model.schema))
    entry = Card(
        kind="model",
        study=study.sha256,
        round_no=past.best,
        task=study.sha256,
        site="hub",
        schema=canonical_hash(model.schema.describe()),
        sha256=digest,
        nbytes=measure(chunks)[1],
        patients=past.history[past.best - 1].patients,
    )
    files: dict[Path, list[bytes | memoryview]] = {
        out: chunks,
        out.with_suffix(".card.json"): [card.to_json(card.sign(entry, key))],
        out.with_suffix(".study.json"): [canonical_bytes(study.model_dump(mode="json"))],
    }
    for path, content in files.items():
        durable.write_whole(path, content)
    return list(files)
