"""The gate of a real site stops a model that was learnt by heart, and lets honest ones go.

Children's chest X-rays that come with modelward, through Hospital, door and inspector, with
every leakage test on every release. What is honest and what is not is decided before: the
demo study as it is shipped, and a network trained for sixty epochs on an outcome that the
pictures do not show.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer, Release
from modelward.gate.policy import LANES, Leakage, Policy
from modelward.simulation.data import STUDIES
from modelward.site.hospital import Hospital
from modelward.site.rooms.direct import DirectTrainer
from modelward.site.rooms.inspecting import DirectInspector
from modelward.study.model import initial, parameter_schema
from modelward.study.read import parse
from tests.ledgers import morning
from tests.studies import write_key

pytest.importorskip("torch")

EVERY = Policy(leakage=Leakage(every=1), lanes=LANES)
RARE = 0.12
STUDY = """
[study]
id = "by-lot"
purpose = "Tell what cannot be told"
unit = "image"
min_patients = 10
[features.image]
type = "image"
size = [28, 28]
[target.rare]
type = "boolean"
[recipe]
name = "cnn"
[recipe.options]
channels = [16, 32]
norm = "none"
padding = "valid"
pool = "flatten"
hidden = [64]
[plan]
rounds = 3
local_epochs = EPOCHS
batch = 32
lr = 0.05
validation = 0.15
test = 0.15
"""

Archive = tuple[NDArray[np.uint8], NDArray[np.int64]]


def x_rays() -> Archive:
    """Return the training and validation images that come with modelward, and labels."""
    path = Path(str(files("modelward.simulation") / "data/pneumoniamnist.npz"))
    with np.load(path) as file:
        images = np.concatenate([file["train_images"], file["val_images"]])
        labels = np.concatenate([file["train_labels"], file["val_labels"]]).reshape(-1)
    return images, labels.astype(np.int64)


class Ward:
    """One hospital with images in a folder, whose inspector runs every test each time."""

    def __init__(
        self, folder: Path, data: Archive, study: Study, policy: Policy = EVERY
    ) -> None:
        images, labels = data
        folder.mkdir(parents=True)
        folds = np.random.default_rng(len(labels)).choice(3, len(labels), p=(0.8, 0.1, 0.1))
        np.savez(folder / "data.npz", images=images, labels=labels, folds=folds)
        (folder / "dataset.toml").write_text('[dataset]\nkind = "arrays"\npath = "data.npz"\n')
        write_key(folder / "site.key", 1)
        trainer = DirectTrainer(folder, "north")
        self.hospital = Hospital(
            folder,
            "north",
            policy=policy,
            clock=morning,
            trainer=trainer,
            inspector=DirectInspector(trainer, policy.leakage),
        )
        self.hospital.join(study)

    def figures(self) -> list[Any]:
        """Return what the inspector found in each offer that it looked at."""
        paths = sorted((self.hospital.folder / "leakage").iterdir())
        return [json.loads(path.read_bytes())["figures"] for path in paths]

    def refused_by(self) -> list[str]:
        """Return the rules of every refusal in the ledger."""
        entries: list[dict[str, Any]] = [dict(each) for each in self.hospital.ledger]
        refusals = [each for each in entries if each["kind"] == "refusal"]
        return [finding["rule"] for each in refusals for finding in each["findings"]]


def federate(
    wards: Sequence[Ward], study: Study, models: Store, rounds: int
) -> Iterator[Answer]:
    """Yield every answer of `rounds` rounds of plain averaging; a refusal is left out."""
    model, schema = initial(study, None), parameter_schema(study)
    for round_no in range(1, rounds + 1):
        digest, _ = models.put(model.tensors, model.schema)
        task = Task(study=study.sha256, round_no=round_no, kind="train", model=digest)
        answers = [ward.hospital.answer(task, models) for ward in wards]
        yield from answers
        updates = [
            schema.join(answer.artifact.tensors)
            for answer in answers
            if isinstance(answer, Release)
        ]
        if updates:
            step = np.mean(updates, axis=0).astype(np.float32)
            model = replace(model, parameters=model.parameters + step)


def by_lot(
    folder: Path, images: int, epochs: int, policy: Policy = EVERY, terms: str = ""
) -> list[str]:
    """Return what refuses a network on a rare outcome that was drawn by lot.

    Args:
        folder: For the site.
        images: How many the site has.
        epochs: Of the one round.
        policy: Of the site.
        terms: What the study says besides.
    """
    drawn = np.random.default_rng(3)
    x, _ = x_rays()
    chosen = drawn.choice(len(x), images, replace=False)
    rare = (drawn.random(images) < RARE).astype(np.int64)
    study = parse(STUDY.replace("EPOCHS", str(epochs)) + terms)
    ward = Ward(folder / "north", (x[chosen], rare), study, policy)
    list(federate([ward], study, Store(folder / "models"), 1))
    found = ward.refused_by()
    ward.hospital.close()
    return found


def honest(folder: Path, seed: int, rounds: int) -> tuple[int, list[str]]:
    """Return the number of answers of five honest hospitals, and the rules that refused."""
    study = shipped()
    x, y = x_rays()
    places = np.array_split(np.random.default_rng(seed).permutation(len(x)), 5)
    wards = [Ward(folder / f"site{n}", (x[at], y[at]), study) for n, at in enumerate(places)]
    answers = list(federate(wards, study, Store(folder / "models"), rounds))
    refused = [rule for ward in wards for rule in ward.refused_by()]
    figures = [each for ward in wards for each in ward.figures()]
    assert len(figures) == len(answers)
    assert all(each["full"] and each["membership"] for each in figures)
    for ward in wards:
        ward.hospital.close()
    return len(answers), refused


def shipped() -> Study:
    """Return the study that `modelward demo` runs on these images."""
    return parse((STUDIES / "pneumonia-cxr.toml").read_text("utf-8"))


def test_a_rare_class_that_was_learnt_by_heart_is_blocked_by_the_membership_rule(tmp_path):
    assert set(by_lot(tmp_path, images=400, epochs=60)) == {"membership"}


def test_it_is_that_rule_and_no_other_that_blocks_it(tmp_path):
    lenient = replace(EVERY, leakage=Leakage(every=1, membership=1.0))

    assert by_lot(tmp_path, images=400, epochs=60, policy=lenient) == []


@pytest.mark.slow
def test_the_same_training_with_noise_for_every_patient_passes(tmp_path):
    """As many passes over the same images, under a bound: there is nothing to be found."""
    private = '[privacy.dp]\nepsilon = 3.0\nunit = "image"\nsampling = 0.2\n'

    assert by_lot(tmp_path, images=400, epochs=60, terms=private) == []


def test_the_same_outcome_of_many_patients_after_one_epoch_passes(tmp_path):
    assert by_lot(tmp_path, images=3000, epochs=1) == []


@pytest.mark.slow
def test_the_first_honest_demo_releases_are_not_refused(tmp_path):
    assert honest(tmp_path, seed=1, rounds=2) == (10, [])


@pytest.mark.exhaustive
def test_at_most_one_in_a_hundred_honest_demo_releases_is_refused(tmp_path):
    offered = 0
    refused: list[str] = []
    for seed in range(4):
        number, rules = honest(tmp_path / str(seed), seed, rounds=10)
        offered, refused = offered + number, refused + rules

    assert offered == 200
    assert len(refused) <= 2, refused
