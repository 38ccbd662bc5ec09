"""What a hub needs for a round of a large model: the sum, and little more, in its own memory.

Models and updates are mapped from files, whose pages are the disk's cache; what is counted
here is what the hub allocates itself.
"""

import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from modelward.aggregate.fixed_point import round_update, to_grid
from modelward.artifact import card
from modelward.artifact.bundle import encode
from modelward.artifact.store import Store, measure
from modelward.core.artifact import Artifact, Card
from modelward.core.canonical import canonical_hash
from modelward.core.columns import columns
from modelward.core.task import Task
from modelward.core.tensors import Tensors
from modelward.core.verdict import Answer, Release
from modelward.hub.registry import Registry
from modelward.hub.run import MAPPED, Hub
from modelward.study.answers import answer_to
from modelward.study.model import parameter_schema
from modelward.study.scaling import local_sums
from tests.studies import AVERAGED, key_of, table_study

STUDY = table_study(
    AVERAGED, ('name = "logistic"', 'name = "mlp"'), ("l2 = 1.0", "hidden = [1000, 1000]")
)
NBYTES = parameter_schema(STUDY).nbytes
SITES = {"north": 1, "south": 2, "west": 3}


class Mapped:
    """An engine whose answers lie in files, as they do when a wire has stored them."""

    def __init__(self, folder: Path) -> None:
        self._store = Store(folder)
        rng = np.random.default_rng(0)
        x = rng.uniform(0, 1, (50, len(columns(STUDY))))
        flat = rng.normal(0, 1e-3, parameter_schema(STUDY).size).astype(np.float32)
        counts = np.zeros((2, 256))
        counts[0, 20], counts[1, 200] = 30.0, 20.0
        self._made: dict[str, Tensors] = {
            "statistics": {n: to_grid(v) for n, v in local_sums(x, columns(STUDY)).items()},
            "train": answer_to(STUDY, "train")[1].split(round_update(flat)),
            "evaluate": {"counts": counts},
        }
        for kind, tensors in self._made.items():
            self._store.put(tensors, answer_to(STUDY, kind)[1])  # type: ignore[arg-type]

    def ask(
        self,
        task: Task,
        sites: Sequence[str],
        *,
        deadline_s: float | None,  # noqa: ARG002 - everybody answers
    ) -> Iterator[Answer]:
        """Ask the sites; see `core.ports.Engine`."""
        kind, schema = answer_to(STUDY, task.kind)
        digest, nbytes = measure(encode(self._made[task.kind], schema))
        for site in sites:
            entry = Card(
                kind=kind,
                study=task.study,
                round_no=task.round_no,
                task=task.id,
                site=site,
                schema=canonical_hash(schema.describe()),
                sha256=digest,
                nbytes=nbytes,
                patients=50,
                parent=task.model,
            )
            signed = card.sign(entry, key_of(SITES[site]))
            yield Release(site, task.id, Artifact(signed, self._store.tensors(digest, schema)))


@pytest.mark.slow
def test_three_rounds_of_a_large_model_take_the_sum_and_little_more(tmp_path):
    assert NBYTES > MAPPED
    engine, registry = Mapped(tmp_path / "answers"), Registry(tmp_path / "hub")
    keys = {site: key_of(seed).public_key() for site, seed in SITES.items()}
    tracemalloc.start()
    try:
        outcome = Hub(engine, registry, keys).run(STUDY)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        registry.close()

    assert [record.released for record in outcome.history] == [tuple(sorted(SITES))] * 3
    assert peak < 2.5 * NBYTES, f"{peak / NBYTES:.2f} models"
