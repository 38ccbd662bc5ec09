"""A hostile trainer tries to carry records out; the inspector, which has them too, looks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task, TaskKind
from modelward.gate.policy import LANES, Leakage, Policy
from modelward.readers.cohort import Cohort
from modelward.site.answering.answer import Computed
from modelward.site.hospital import Hospital
from modelward.site.rooms.direct import DirectTrainer
from modelward.site.rooms.inspecting import DirectInspector, IsolatedInspector
from modelward.study.model import initial
from tests.sites import clock, make_site, newton
from tests.studies import IMAGES, table_study, write_images, write_key

GRID = 2.0**24
WIDE = table_study(
    IMAGES,
    (
        "channels = [4], groups = 2",
        'channels = [8], groups = 2, pool = "flatten", hidden = [64]',
    ),
)
"""A study on 12 x 12 images whose network has 20,000 values to hide something in."""

Values = dict[str, np.ndarray]

Hide = Callable[[Values, Cohort], Mapping[str, Any]]


class HostileTrainer(DirectTrainer):
    """Trains as it should, then changes what is offered."""

    def __init__(self, folder: Path, hide: Hide) -> None:
        super().__init__(folder, "north")
        self._hide = hide

    @override
    def compute(
        self, task: Task, study: Study, models: Store, booked: Any = None, kept: Any = None
    ) -> Computed:
        honest = super().compute(task, study, models, booked, kept)
        tensors = {name: np.array(values) for name, values in honest.tensors.items()}
        return replace(honest, tensors=self._hide(tensors, self.cohort(study)))


def written(tensors: Values, values: Any, at: int = 900) -> Values:
    """Write `values` over trained ones of the largest tensor."""
    name = max(tensors, key=lambda each: tensors[each].size)
    flat = tensors[name].reshape(-1)
    put = np.asarray(values, np.float64).reshape(-1)
    flat[at : at + put.size] = (np.rint(put * GRID) / GRID).astype(np.float32)
    return tensors


def low(tensors: Values, octets: np.ndarray) -> Values:
    """Write bytes over the last bits of trained values."""
    name = max(tensors, key=lambda each: tensors[each].size)
    flat = tensors[name].reshape(-1)
    whole = np.rint(flat[: octets.size].astype(np.float64) * GRID).astype(np.int64)
    whole = np.clip(whole, -(2**23), 2**23)  # float32 holds 24 bits
    flat[: octets.size] = (((whole & ~255) | octets) / GRID).astype(np.float32)
    return tensors


def picture(cohort: Cohort, place: int = 3) -> np.ndarray:
    return np.asarray(cohort.x[place], np.float64)


def kernel(cohort: Cohort) -> np.ndarray:
    """Pixels as a convolution kernel, on a scale that a norm allows."""
    return np.asarray(cohort.x[3].reshape(-1)[:72].reshape(8, 3, 3, 1) / np.float32(2**12))


def only(tensors: Values, values: np.ndarray) -> Values:
    return written({name: np.zeros_like(each) for name, each in tensors.items()}, values)


WAYS: dict[str, tuple[Hide, str]] = {
    "pixels": (lambda t, c: written(t, picture(c) / 255), "copy"),
    "pixels from -1 to 1": (lambda t, c: written(t, picture(c) / 127.5 - 1), "copy"),
    "small pixels": (lambda t, c: written(t, picture(c) * 1e-4), "copy"),
    "negative pixels": (lambda t, c: written(t, picture(c) * -1e-3), "copy"),
    "a turned picture": (lambda t, c: written(t, picture(c).T * 1e-3), "copy"),
    "a picture upside down in sign": (lambda t, c: written(t, 0.3 - picture(c) * 1e-3), "copy"),
    "half a picture": (lambda t, c: written(t, picture(c)[:6] * 1e-3), "copy"),
    "ten pictures": (lambda t, c: written(t, c.x[:10] * 1e-5), "copy"),
    "a test picture": (lambda t, c: written(t, c.x[c.folds == 2][0] * 1e-3), "copy"),
    "the last byte": (lambda t, c: low(t, c.x[3].reshape(-1)), "copy"),
    "the last byte, ten": (lambda t, c: low(t, c.x[:10].reshape(-1)), "copy"),
    "whole numbers in a kernel": (
        lambda t, c: t | {"conv1.weight": kernel(c)},
        "whole-numbers",
    ),
    "a picture and nothing else": (lambda t, c: only(t, picture(c) * 1e-3), "sparsity"),
    "an extra tensor": (lambda t, c: t | {"running_mean": c.x[3]}, "buffers"),
    "a name": (lambda t, _: t | {"MRN 4711": np.zeros(1, np.float32)}, "buffers"),
    "a path for a name": (lambda t, _: t | {"../../etc/passwd": np.zeros(1)}, "buffers"),
    "another shape": (lambda t, c: t | {"logit.bias": c.x[3].astype(np.float32)}, "schema"),
    "another type": (lambda t, _: t | {"logit.bias": np.zeros(1, np.float64)}, "schema"),
    "a missing tensor": (lambda t, _: {"conv1.bias": t["conv1.bias"]}, "schema"),
    "bits of NaN": (lambda t, _: t | {"logit.bias": np.array([np.nan], np.float32)}, "finite"),
    "bits below the grid": (
        lambda t, _: t | {"logit.bias": np.array([2.0**-30], np.float32)},
        "grid",
    ),
    "pixels at full size": (lambda t, c: written(t, picture(c)), "grid"),
    "a loud update": (
        lambda t, _: t | {"logit.bias": np.array([100.0], np.float32)},
        "norm",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def north(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspected") / "north"
    folder.mkdir()
    write_images(folder / "data.npz", 120, 1)
    (folder / "dataset.toml").write_text('[dataset]\nkind = "arrays"\npath = "data.npz"\n')
    write_key(folder / "site.key", 1)
    models = Store(folder / "models")
    model = initial(WIDE, None)
    digest, _ = models.put(model.tensors, model.schema)
    return folder, models, digest


def answered(
    north: Any, hide: Hide, tmp_path: Path, kind: TaskKind = "train"
) -> dict[str, Any]:
    """Return the ledger's entry about one task of a site with this trainer."""
    folder, models, digest = north
    place = tmp_path / "site"
    place.mkdir()
    for name in ("data.npz", "dataset.toml", "site.key"):
        (place / name).write_bytes((folder / name).read_bytes())
    trainer = HostileTrainer(place, hide)
    inspector = DirectInspector(trainer, Leakage())
    hospital = Hospital(
        place,
        "north",
        policy=Policy(lanes=LANES),
        clock=clock,
        trainer=trainer,
        inspector=inspector,
    )
    hospital.join(WIDE)
    hospital.answer(Task(study=WIDE.sha256, round_no=1, kind=kind, model=digest), models)
    entry = last(hospital)
    hospital.close()
    return entry


HISTOGRAMS: dict[str, tuple[Hide, str]] = {
    "pixels in the place of counts": (
        lambda t, c: {"counts": np.resize(picture(c).reshape(-1), t["counts"].shape)},
        "cells",
    ),
    "fractions in the place of counts": (
        lambda t, c: {"counts": np.resize(picture(c).reshape(-1) / 255, t["counts"].shape)},
        "cells",
    ),
    "a cell of one": (lambda t, _: {"counts": only_one(t["counts"])}, "cells"),
    "a histogram of one": (
        lambda t, _: {"counts": np.eye(*t["counts"].shape) * (np.arange(256) == 0)},
        "cells",
    ),
    "a row for a shape": (lambda _, c: {"counts": picture(c)}, "schema"),
    "a histogram that nobody asked for": (lambda t, c: t | {"ages": picture(c)}, "buffers"),
}  # fmt: skip


def only_one(counts: np.ndarray) -> np.ndarray:
    """Return as many units, one of them alone with its outcome."""
    found = np.zeros_like(counts)
    found[0, 0], found[1, 200] = counts.sum() - 1, 1
    return found


@pytest.mark.parametrize("way", HISTOGRAMS)
def test_a_hostile_trainer_carries_no_row_in_its_counts(north, tmp_path, way):
    hide, rule = HISTOGRAMS[way]

    entry = answered(north, hide, tmp_path, "evaluate")

    assert entry["kind"] == "refusal"
    assert rule in {finding["rule"] for finding in entry["findings"]}


def last(hospital: Hospital) -> dict[str, Any]:
    *_, entry = hospital.ledger
    return dict(entry)


def test_an_honest_update_leaves_and_the_ledger_binds_what_was_found(north, tmp_path):
    entry = answered(north, lambda tensors, _: tensors, tmp_path)

    assert entry["kind"] == "release", entry.get("findings")
    assert len(entry["leakage"]) == 64
    (figures,) = (tmp_path / "site" / "leakage").iterdir()
    assert b'"full":true' in figures.read_bytes()


@pytest.mark.parametrize("way", WAYS)
def test_a_hostile_trainer_is_refused_by_name(north, tmp_path, way):
    hide, rule = WAYS[way]

    entry = answered(north, hide, tmp_path)

    assert entry["kind"] == "refusal"
    assert rule in {finding["rule"] for finding in entry["findings"]}


def test_without_figures_nothing_leaves(tmp_path):
    site = make_site(tmp_path / "cleveland", 1)
    inspector = IsolatedInspector(site, "none", Leakage())  # nobody has made a snapshot
    hospital = Hospital(site, "cleveland", clock=clock, inspector=inspector)
    hospital.join(newton())

    hospital.answer(
        Task(study=newton().sha256, round_no=0, kind="statistics"), Store(site / "m")
    )

    entry = last(hospital)
    hospital.close()
    assert entry["kind"] == "refusal"
    assert [finding["rule"] for finding in entry["findings"]] == ["inspection"]
