"""A network of MONAI at a site: allowed by hash, and trained where nothing can be written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modelward.artifact.store import Store
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal, Release
from modelward.recipes.brought import brought
from modelward.site.gatekeeper import Gatekeeper
from modelward.site.hospital import Hospital
from modelward.study.model import initial
from modelward.study.read import parse
from tests import sites
from tests.sites import ADA, clock, proposal

monai = pytest.importorskip("monai", reason="needs the extra `monai`")

STUDY = parse("""
[study]
id = "scans"
purpose = "Outline what is bright"
unit = "image"

[features.picture]
type = "image"
size = [16, 16]

[target.bright]
type = "mask"

[recipe]
name = "monai"
options = { network = "BasicUNet", width = 4, groups = 2 }

[plan]
rounds = 2
lr = 0.05
""")


def scans(folder: Path, seed: int) -> Path:
    """Write sixty slices with masks, and dataset.toml, into `folder`."""
    folder.mkdir()
    images = np.random.default_rng(seed).integers(0, 256, (60, 16, 16)).astype(np.uint8)
    masks = (images > 200).astype(np.uint8)
    masks[::3] = 0  # a site at which all have the outcome is not ready
    np.savez(folder / "data.npz", images=images, masks=masks)
    (folder / "dataset.toml").write_text('[dataset]\nkind = "arrays"\npath = "data.npz"\n')
    return folder


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_site_trains_it_in_namespaces_once_its_hash_is_allowed(tmp_path):
    folders = {name: scans(tmp_path / name, 1) for name in ("cleveland", "va")}
    agreed, models = sites.agreement(STUDY, folders), Store(tmp_path / "hub")
    start = initial(STUDY, None)
    model = models.put(start.tensors, start.schema)[0]
    task = Task(study=STUDY.sha256, round_no=1, kind="train", model=model)
    (known,) = [each for each in brought() if each.name == "monai"]

    answers: list[Answer] = []
    for allowed in ({}, {"monai": known.sha256}):
        policy = replace(sites.policy("namespaces"), recipes=allowed)
        keeper = Gatekeeper(folders["cleveland"], "cleveland", policy, clock=clock)
        keeper.receive(proposal(agreed))
        if not answers:
            keeper.approvals.decide("approved", STUDY.sha256, "Dr Ada Byron", ADA, clock())
        answers.append(keeper.answer(task, models))
        keeper.close()
    twin = Hospital(scans(tmp_path / "twin", 1), "cleveland", clock=clock)
    twin.join(STUDY)
    undisturbed = twin.answer(task, models)
    twin.close()

    refused, released = answers
    assert isinstance(refused, Refusal)
    assert isinstance(released, Release)
    assert isinstance(undisturbed, Release)
    assert released.artifact.card.sha256 == undisturbed.artifact.card.sha256
