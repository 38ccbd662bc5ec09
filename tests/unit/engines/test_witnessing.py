"""A simulated federation witnesses itself, and finds a ledger that was put back."""

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from modelward.core.study import Study
from modelward.engines.inprocess import InProcess
from modelward.hub.registry import Registry
from modelward.hub.run import Hub
from modelward.hub.switchboard import Switchboard, alarms_at
from modelward.ledger.note import VerifierKey
from modelward.ledger.verify import verify
from modelward.site.approving.keys import signing_key
from tests.circles import HUB_KEY
from tests.hospital import PATIENTS, SEEDS
from tests.studies import AVERAGED, make_site, table_study
from tests.witnesses import noon

STUDY = table_study(AVERAGED)


@pytest.fixture
def sites(tmp_path: Path) -> dict[str, Path]:
    return {
        name: make_site(tmp_path / "sites" / name, PATIENTS[name], SEEDS[name])
        for name in SEEDS
    }


def run(tmp_path: Path, sites: dict[str, Path], study: Study, *, watched: bool = True) -> str:
    """Train `study` to its end; return the hash of its model."""
    keys = {name: signing_key(path / "site.key").public_key() for name, path in sites.items()}
    with (
        closing(Registry(tmp_path / "hub")) as registry,
        closing(Switchboard(tmp_path / "hub", HUB_KEY, noon)) as board,
    ):
        board.meet(
            VerifierKey(f"modelward/{name}", key.public_bytes_raw())
            for name, key in keys.items()
        )
        models = registry.store.folder
        used = board if watched else None
        with InProcess([study], sites, models, workers=2, switchboard=used) as engine:
            outcome = Hub(engine, registry, keys).run(study)
            engine.witness()
        refusals = {a.site for a in registry.answers(study) if a.decision == "refused"}
        (tmp_path / "refusals").write_text(json.dumps(sorted(refusals)))
    return outcome.sha256


@pytest.mark.slow
def test_at_the_end_of_a_run_every_entry_was_seen_by_every_witness(tmp_path, sites):
    run(tmp_path, sites, STUDY)

    for path in sites.values():
        found = verify(path / "ledger")
        assert found.witnessed is not None
        assert found.witnessed.checkpoint.size == found.entries > 0
        assert len(found.witnessed.times) == found.asked == 3
    assert alarms_at(tmp_path / "hub") == ()


@pytest.mark.slow
def test_witnesses_change_no_bit_of_the_model(tmp_path, sites):
    other = {
        name: make_site(tmp_path / "b" / name, PATIENTS[name], SEEDS[name]) for name in SEEDS
    }

    assert run(tmp_path, sites, STUDY) == run(tmp_path / "b", other, STUDY, watched=False)


@pytest.mark.slow
def test_a_site_whose_ledger_was_put_back_is_not_asked_and_writes_nothing(tmp_path, sites):
    run(tmp_path, sites, STUDY)
    backup, ledger = tmp_path / "backup", sites["north"] / "ledger"
    shutil.copytree(ledger, backup)
    again = table_study(AVERAGED.replace("Tell who", "Tell early who"))
    run(tmp_path, sites, again)
    shutil.rmtree(ledger)
    shutil.copytree(backup, ledger)
    before = verify(ledger, ledger / "key.pub").entries

    third = table_study(AVERAGED.replace("Tell who", "Tell soon who"))
    run(tmp_path, sites, third)

    assert json.loads((tmp_path / "refusals").read_text()) == ["north"]
    assert verify(ledger, ledger / "key.pub").entries == before
    assert list((sites["north"] / "witness" / "alarms").glob("*.json"))
