"""Hospitals are left out one by one, several at once, with the same bits however many."""

from pathlib import Path

import pytest

from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.folder import RunFolder
from modelward.simulation.left_out import left_out_models, without
from modelward.simulation.simulate import Simulation, prepare
from modelward.simulation.stage import Stage
from modelward.simulation.training import How, train
from tests.studies import AVERAGED, rows, table_study, write_csv

pytestmark = pytest.mark.slow

STUDY = table_study(AVERAGED)


def placed(folder: Path) -> RunFolder:
    folder.mkdir()
    return prepare(
        Simulation(
            study=STUDY,
            data=write_csv(folder / "data.csv", rows(400)),
            dealing=Dealing(by="hospital"),
            special=Special(patient="patient"),
            out=folder / "run",
        )
    )


def bits(folder: RunFolder, workers: int, seen: list[Stage]) -> dict[str, bytes]:
    how = How(workers=workers, watch=seen.append)
    found = left_out_models(folder, STUDY, folder.site_names(), how)
    return {site: model.parameters.tobytes() for site, model in found.items()}


def test_workers_change_no_bit_and_each_is_the_study_of_the_others(tmp_path):
    one, two = placed(tmp_path / "one"), placed(tmp_path / "two")
    seen: list[Stage] = []

    found = bits(one, 1, [])
    assert bits(two, 2, seen) == found

    assert [(s.done, s.total) for s in seen] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    other = without(STUDY, "south", one.site_names())
    alone = train(placed(tmp_path / "alone"), {"x": other}, ["north", "west"], How(workers=1))
    assert found["south"] == alone.outcomes["x"].model.parameters.tobytes()


def test_what_was_finished_is_only_read_and_the_rest_is_trained(tmp_path):
    whole, cut = placed(tmp_path / "whole"), placed(tmp_path / "cut")
    left_out_models(cut, STUDY, cut.site_names(), How(workers=1))
    (cut.path / "left-out" / "south").rename(tmp_path / "lost")
    seen: list[Stage] = []

    assert bits(cut, 2, seen) == bits(whole, 2, [])

    assert [(s.done, s.total, s.latest) for s in seen] == [
        (2, 3, ""),
        (3, 3, "without south"),
    ]
