"""A hub and two sites whose policies say `device = "cuda"`, as processes, on a real GPU.

Skipped where torch sees none. Run it where one is: `pytest tests/flow/test_gpu_node.py`.
"""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from modelward.evaluate.findings import Findings
from modelward.learn.device import CPU_PATH, NUMERIC_PATH, Device
from tests.nodes import Nodes, until

pytestmark = [
    pytest.mark.engine,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here"),
]

SITES = ("north", "south")

STUDY = """
[study]
id = "spots"
purpose = "Find a bright square in an invented image"
unit = "image"

[features.image]
type = "image"
size = [32, 32]

[target.square]
type = "boolean"

[recipe]
name = "densenet"
options = { blocks = [2, 2], growth = 8, stem = 16, groups = 8, entry = "small" }

[plan]
rounds = 6
batch = 16
lr = 0.05
momentum = 0.9

[report]
"""


def write_site(folder: Path, seed: int, n: int = 400) -> None:
    """Write `n` noisy images, half of them with a brighter square somewhere."""
    draw = np.random.default_rng(seed)
    images = draw.integers(0, 160, (n, 32, 32)).astype(np.uint8)
    labels = (np.arange(n) % 2).astype(np.int8)
    for image, there in zip(images, labels, strict=True):
        row, column = draw.integers(0, 24, 2)
        image[row : row + 8, column : column + 8] += np.uint8(40 * there)
    folder.mkdir(parents=True)
    folds = draw.choice(3, n, p=(0.7, 0.1, 0.2)).astype(np.int8)
    np.savez(folder / "data.npz", images=images, labels=labels, folds=folds)
    (folder / "dataset.toml").write_text('[dataset]\nkind = "arrays"\npath = "data.npz"\n')


def asked(made: Nodes, site: str, study: str) -> bool:
    return study in made.knows(site)


def trained(folder: Path, device: Device) -> tuple[Findings, list[str]]:
    """Run the study on `device`; return what was found and what each trainer wrote."""
    for seed, name in enumerate(SITES):
        write_site(folder / name, seed)
    made = Nodes(folder, SITES)
    for name in SITES:
        policy = folder / name / "policy.toml"
        kept = policy.read_text().partition("\n")[2]
        policy.write_text(f'isolation = "none"\ndevice = "{device}"\n{kept}')
    with made.up():
        study = made.propose(STUDY)
        for name in SITES:
            until(partial(asked, made, name, study))
            made.check(name, study)
            made.approve(name, study)
        made.start(study)
        until(lambda: made.states()[study]["finished"], 200)
        found = Findings.from_json(json.dumps(made.report(study)).encode())
    return found, [(folder / name / "trainer.log").read_text() for name in SITES]


def test_nodes_train_on_their_gpus_as_well_as_on_cpus(tmp_path):
    on_gpu, told = trained(tmp_path / "gpu", "cuda")
    again, _ = trained(tmp_path / "again", "cuda")
    on_cpu, said = trained(tmp_path / "cpu", "cpu")

    assert all(NUMERIC_PATH in log and CPU_PATH not in log for log in told)
    assert all(CPU_PATH in log and NUMERIC_PATH not in log for log in said)
    assert on_gpu.models == again.models
    areas = [found.models[0].overall.auc.value or 0.0 for found in (on_gpu, on_cpu)]
    assert min(areas) > 0.8
    assert abs(areas[0] - areas[1]) < 0.05
