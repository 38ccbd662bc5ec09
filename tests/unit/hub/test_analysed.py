"""A hub tells what a study of sums found, from its registry alone, and replays its rounds."""

from contextlib import closing
from typing import Any

import numpy as np
import pytest

from modelward.core.tensors import Schema
from modelward.errors import RunMismatch
from modelward.hub.analysed import found
from modelward.hub.registry import Registry
from modelward.hub.run import Hub
from modelward.hub.transcript import of_round, replay
from tests.hospital import Wards
from tests.studies import TABLE, table_study

SUMS = TABLE.replace('name = "logistic"\noptions = { l2 = 1.0 }', 'name = "glm"').replace(
    'strategy = "newton"', 'strategy = "sums"'
)
STUDY = table_study(SUMS)


class Everywhere:
    """Artifacts of all outboxes and of the hub, by hash."""

    def __init__(self, wards: Wards, registry: Registry) -> None:
        self._stores = [registry.store, *(w.door.outbox for w in wards.hospitals.values())]

    def tensors(self, digest: str, schema: Schema | None = None) -> dict[str, Any]:
        for store in self._stores:
            if store.path(digest).exists():
                return store.tensors(digest, schema)
        raise AssertionError(digest)


def test_figures_and_transcripts_come_from_the_registry(tmp_path):
    with closing(Registry(tmp_path / "hub")) as registry:
        wards = Wards(tmp_path / "sites", [STUDY], registry.store.folder)
        try:
            registry.register(STUDY, list(wards.keys))
            with pytest.raises(RunMismatch, match="is not finished"):
                found(registry, STUDY)
            outcome = Hub(wards, registry, wards.keys).run(STUDY)

            told = found(registry, STUDY, notes=("one note",))

            assert told.answered
            assert told.run.model_sha256 == outcome.sha256
            assert told.run.notes == ("one note",)
            assert told.coefficients[0].name == "intercept"
            assert {site.releases for site in told.sites} == {told.run.rounds + 1}
            assert sum(site.bytes_out for site in told.sites) > 0
            first = of_round(registry, STUDY, 1)
            assert replay(first, STUDY, Everywhere(wards, registry)) == first.output
        finally:
            wards.close()
    assert np.isfinite(told.figures["deviance"])
