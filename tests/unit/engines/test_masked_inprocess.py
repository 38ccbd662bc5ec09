"""A masked study over forked workers: the same model as in the open, whoever works on it."""

from pathlib import Path

import pytest

from modelward.engines.inprocess import InProcess
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Outcome
from modelward.site.approving.keys import signing_key
from tests.hospital import PATIENTS, SEEDS
from tests.studies import AVERAGED, make_site, table_study

MASKED = '\n[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n'


def run(folder: Path, text: str, workers: int) -> Outcome:
    """Run the study in `text` over three sites and so many workers."""
    study = table_study(text)
    sites = {name: folder / "sites" / name for name in SEEDS}
    for name, seed in SEEDS.items():
        make_site(sites[name], PATIENTS[name], seed)
    keys = {name: signing_key(path / "site.key").public_key() for name, path in sites.items()}
    registry = Registry(folder / "hub")
    with InProcess([study], sites, registry.store.folder, workers=workers) as engine:
        found = Hub(engine, registry, keys).run(study)
    registry.close()
    return found


@pytest.mark.slow
def test_masks_and_workers_change_no_bit(tmp_path):
    opened = run(tmp_path / "open", AVERAGED, 1)
    for workers in (1, 2):
        masked = run(tmp_path / f"masked{workers}", AVERAGED + MASKED, workers)

        assert masked.model.parameters.tobytes() == opened.model.parameters.tobytes()
        assert [r.metrics for r in masked.history] == [r.metrics for r in opened.history]
