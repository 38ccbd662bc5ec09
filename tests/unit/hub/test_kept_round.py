"""The round that whole studies keep where few units, masks or noise hide the watched figure."""

from pathlib import Path

import numpy as np
import pytest

from modelward.evaluate.measures.binned import GAIN
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Outcome
from modelward.hub.run_facts import Ended, run_facts
from modelward.study.read import parse
from tests.hospital import Planned, Wards
from tests.studies import AVERAGED, make_site

AUC = AVERAGED.replace('"loss"', '"auc"').replace("rounds = 3", "rounds = 4\nlr = 0.5")
MASKED = '\n[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n'
NOISED = "\n[privacy.dp]\nepsilon = 3.0\ndelta = 1e-4\n"
SEEDS = {"north": 1, "south": 2, "west": 3}


def run(
    folder: Path, text: str, patients: int, faults: Planned | None = None
) -> tuple[Outcome, str]:
    """Return how the study in `text` ends at three hospitals, and how its report says so."""
    study, registry = parse(text), Registry(folder / "hub")
    for name, seed in SEEDS.items():
        make_site(folder / "sites" / name, patients, seed)
    store = registry.store.folder
    wards = Wards(folder / "sites", [study], store, faults=faults, kind="evaluate", seeds=SEEDS)
    try:
        found = Hub(wards, registry, wards.keys).run(study)
    finally:
        wards.close()
        registry.close()
    ended = Ended(found.reason, found.kept_round, found.seconds, found.sha256)
    return found, run_facts(study, ended, {"federated": found.history}, len(SEEDS)).ended


def losses(found: Outcome) -> list[float]:
    """Return the log loss after each round."""
    return [record.metrics["loss"] for record in found.history]


def test_an_auc_that_small_cells_hide_gives_way_to_the_loss_and_the_report_says_so(tmp_path):
    found, ended = run(tmp_path, AUC, patients=60)  # one gate of three lets its counts out

    assert {record.metrics["auc"] for record in found.history} == {1.0}
    assert found.kept_round == int(np.argmin(losses(found))) + 1 > 1
    assert ended.endswith("is kept by the log loss, as the AUC was the same after every round")


@pytest.mark.slow
@pytest.mark.parametrize("masks", ["", MASKED], ids=["open", "sums only"])
def test_where_no_gate_lets_counts_out_the_last_round_is_kept_and_the_report_says_so(
    tmp_path, masks
):
    found, ended = run(tmp_path, AUC + masks, patients=30)

    assert np.isnan(losses(found)).all()
    assert found.kept_round == 4
    assert ended.endswith(
        "is kept as the last, as no validation units were told after any round"
    )


@pytest.mark.slow
@pytest.mark.parametrize("masks", ["", MASKED], ids=["open", "sums only"])
def test_what_hospitals_add_up_to_chooses_by_its_loss(tmp_path, masks):
    found, ended = run(tmp_path, AUC.replace('"auc"', '"loss"') + masks, patients=80)

    assert found.kept_round == int(np.argmin(losses(found))) + 1
    assert ended.endswith(f"the model of round {found.kept_round} is kept")


@pytest.mark.slow
def test_noised_counts_choose_by_the_loss_that_they_say(tmp_path):
    """Noise moves the shares of outcomes from round to round, so the loss is held to theirs."""
    found, ended = run(tmp_path, AUC.replace('"auc"', '"loss"') + NOISED, patients=120)

    gains = [record.metrics[GAIN] for record in found.history]
    assert found.kept_round == int(np.argmax(gains)) + 1
    assert ended.endswith(f"the model of round {found.kept_round} is kept")
