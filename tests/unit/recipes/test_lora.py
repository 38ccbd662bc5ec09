"""Adapters on a frozen network: where they start, what moves, and which file is taken."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.core.columns import Inputs
from modelward.core.study import RecipeChoice
from modelward.errors import DataError, StudyFileError
from modelward.recipes.catalogue import recipe
from modelward.recipes.networks import backbone
from modelward.recipes.networks.cnn import Cnn
from modelward.recipes.networks.cnn import Options as CnnOptions
from modelward.recipes.networks.lora import backbone_of
from modelward.recipes.recipe import Descent

torch = pytest.importorskip("torch")

SHAPE = Inputs("image", (12, 12))
SMALL: dict[str, Any] = {"channels": (8, 16), "groups": 4, "hidden": (12,)}


def written(folder: Path, seed: int = 3, **without: Any) -> str:
    """Write the weights of a small network; return their hash."""
    from safetensors.numpy import save

    below = Cnn(CnnOptions(**SMALL))
    named = below.schema(SHAPE).split(below.initial(SHAPE, seed))
    raw = save({k: np.ascontiguousarray(v) for k, v in named.items() if k not in without})
    digest = sha256(raw).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{digest}.safetensors").write_bytes(raw)
    return digest


def adapters(digest: str, **more: Any) -> Any:
    options = {"backbone": "cnn", "sha256": digest, "rank": 2, **SMALL, **more}
    return recipe(RecipeChoice(name="lora", options=options))


@pytest.fixture
def digest(tmp_path: Path) -> str:
    backbone.look_in(tmp_path)
    return written(tmp_path)


def pictures(number: int = 20) -> tuple[Any, Any]:
    rng = np.random.default_rng(8)
    y = rng.integers(0, 2, number).astype(np.int8)
    x = rng.integers(0, 120, (number, 12, 12)) + 90 * y[:, None, None]
    return x.astype(np.uint8), y


def test_training_begins_at_the_backbone(digest):
    made, below = adapters(digest), Cnn(CnnOptions(**SMALL))
    whole = below.initial(SHAPE, 3)
    flat = made.initial(SHAPE, 0)
    for name, values in made.schema(SHAPE).split(flat).items():
        if name.startswith("logit."):
            values[...] = below.schema(SHAPE).split(whole)[name]
    x, _ = pictures()

    found = made.probabilities(flat, x, SHAPE)

    np.testing.assert_allclose(found, below.probabilities(whole, x, SHAPE), atol=1e-7)


def test_only_adapters_and_head_travel(digest):
    made = adapters(digest)
    names = [spec.name for spec in made.schema(SHAPE)]

    assert names == [
        "conv1.down", "conv1.up", "conv2.down", "conv2.up", "hidden1.down", "hidden1.up",
        "logit.bias", "logit.weight",
    ]  # fmt: skip
    assert made.schema(SHAPE).size < Cnn(CnnOptions(**SMALL)).schema(SHAPE).size / 3
    assert backbone_of(RecipeChoice(name="lora", options={"sha256": digest})) == digest


def test_a_step_moves_up_and_down_as_the_product_rule_says(digest):
    made, (x, y) = adapters(digest, scale=0.5), pictures()
    flat = made.initial(SHAPE, 1)
    named = made.schema(SHAPE).split(flat)
    rng = np.random.default_rng(2)
    for name, values in named.items():
        if name.endswith(".up"):
            values[...] = rng.normal(0, 0.1, values.shape)
    before = flat.copy()
    rows = np.arange(len(y))

    made.local_model(flat, x, y, SHAPE, Descent()).step(rows, 0.1, rng)

    moved = made.schema(SHAPE).split((before - flat) / 0.1)
    expected = by_weights(made, digest, before, x, y)
    for stem, gradient in expected.items():
        old = made.schema(SHAPE).split(before)
        np.testing.assert_allclose(
            moved[f"{stem}.up"], 0.5 * gradient @ old[f"{stem}.down"].T, atol=2e-5
        )
        np.testing.assert_allclose(
            moved[f"{stem}.down"], 0.5 * old[f"{stem}.up"].T @ gradient, atol=2e-5
        )


def by_weights(made: Any, digest: str, flat: Any, x: Any, y: Any) -> dict[str, Any]:
    """Return dloss/dW, [out, fan-in], of each adapted weight of the network itself."""
    below = Cnn(CnnOptions(**SMALL))
    held = backbone.frozen(digest, made.frozen(SHAPE))
    own, whole = made.schema(SHAPE).split(flat), np.zeros(below.schema(SHAPE).size, np.float32)
    for name, values in below.schema(SHAPE).split(whole).items():
        stem = name.removesuffix(".weight")
        values[...] = own[name] if name in own else held[name]
        if f"{stem}.up" in own:
            moved = own[f"{stem}.up"] @ own[f"{stem}.down"]
            values[...] = values + 0.5 * moved.reshape(values.shape)
    before = whole.copy()
    rng = np.random.default_rng(0)
    below.local_model(whole, x, y, SHAPE, Descent()).step(np.arange(len(y)), 1.0, rng)
    gradients = below.schema(SHAPE).split(before - whole)
    stems = {name.rpartition(".")[0] for name in own if name.endswith(".up")}
    return {
        s: gradients[f"{s}.weight"].reshape(len(gradients[f"{s}.weight"]), -1) for s in stems
    }


@pytest.mark.slow
def test_gradients_of_single_images_add_up_so_that_dp_can_be_asked(digest):
    made, (x, y) = adapters(digest), pictures()
    flat = made.initial(SHAPE, 1)
    rows, rng = np.arange(len(y)), np.random.default_rng(0)
    each = np.zeros((len(y), flat.size), np.float32)

    made.row_gradients(flat, x, y, SHAPE, 0.0).gradients(rows, rng, each)
    moved = flat.copy()
    made.local_model(moved, x, y, SHAPE, Descent()).step(rows, 1.0, rng)

    np.testing.assert_allclose(each.mean(axis=0), flat - moved, atol=1e-6)


def test_a_file_that_is_missing_another_or_incomplete_is_refused(tmp_path):
    backbone.look_in(tmp_path)
    x, _ = pictures(2)

    def said(digest: str) -> str:
        made = adapters(digest)
        with pytest.raises(DataError) as refused:
            made.probabilities(made.initial(SHAPE, 0), x, SHAPE)
        return refused.value.what

    other, part = "ab" * 32, written(tmp_path, 5, **{"conv2.weight": None})
    (tmp_path / f"{other}.safetensors").write_bytes(b"something else")

    assert "is not on this machine" in said("cd" * 32)
    assert "does not have the hash" in said(other)
    assert "no tensors conv2.weight" in said(part)


def test_a_process_without_the_sites_folder_is_given_the_file(tmp_path, digest):
    inside = tmp_path / "models"
    inside.mkdir()
    (tmp_path / backbone.FOLDER).mkdir()
    source = tmp_path / f"{digest}.safetensors"
    (tmp_path / backbone.FOLDER / source.name).write_bytes(source.read_bytes())

    backbone.give(tmp_path, digest, inside)
    backbone.give(tmp_path, "ef" * 32, inside)

    assert [path.name for path in inside.iterdir()] == [source.name]


def test_options_of_the_backbone_go_beside_those_of_adapters():
    with pytest.raises(StudyFileError, match="does not take these options: chanels"):
        adapters("ab" * 32, chanels=(4,))
    with pytest.raises(DataError, match="larger than adapters of rank 200"):
        adapters("ab" * 32, rank=200).schema(SHAPE)
