"""Training by a captured step is the training of sgd.py; here its code runs on the CPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from modelward.core.columns import Inputs
from modelward.errors import MissingExtra, TrainingFailed
from modelward.learn import device, sgd
from modelward.learn.examples import Examples
from modelward.learn.steps import Pull
from modelward.recipes.networks import captured, densenet, unet
from modelward.recipes.networks.network import Network

SMALL = densenet.Options(blocks=(1, 1), growth=8, stem=8, groups=8, entry="small", shift=1)
NETWORKS = {
    "densenet": (densenet.Densenet(SMALL), Inputs("image", (8, 8))),
    "levels": (densenet.Densenet(SMALL), Inputs("image", (8, 8), outcome="levels", levels=3)),
    "unet": (unet.Unet(unet.Options(channels=(8, 8))), Inputs("image", (8, 8), outcome="mask")),
    "volume": (
        unet.Unet(unet.Options(channels=(8, 8))),
        Inputs("image", (4, 8, 8), outcome="mask"),
    ),
}
TERMS = sgd.LocalTerms(
    epochs=2,
    batch=8,
    lr=0.05,
    momentum=0.9,
    adjust_logits=True,
    clip=0.5,
    words=("train", 0, 1, "north"),
)


def examples(inputs: Inputs, n: int = 21) -> Examples:
    """Return `n` random examples; 21 make a last batch of 5."""
    drawn = np.random.default_rng(5)
    x = drawn.integers(0, 256, (n, *inputs.shape)).astype(np.uint8)
    if inputs.outcome == "mask":
        return Examples(x=x, y=(x > 200).astype(np.uint8), patients=n)
    levels = max(inputs.levels, 2)
    return Examples(x=x, y=(np.arange(n) % levels).astype(np.int8), patients=n, levels=levels)


def on_captured(recipe: Network, inputs: Inputs, terms: sgd.LocalTerms) -> np.ndarray:
    """Return the update that the captured step's code gives on the CPU, from the start."""
    made = captured.Captured(
        captured.Step(
            network=recipe,
            inputs=inputs,
            batch=terms.batch,
            momentum=terms.momentum,
            precision="float32",
            device="cpu",
            capture=False,
        )
    )
    given = examples(inputs)
    there = captured.OnDevice.of(given.x, given.y, "cpu")
    start = torch.from_numpy(recipe.initial(inputs, 0))
    return device.site_round(made, start, there, given, terms).numpy()


@pytest.mark.parametrize("which", NETWORKS)
def test_a_captured_round_is_the_round_of_plain_training(which):
    recipe, inputs = NETWORKS[which]
    start = recipe.initial(inputs, 0)

    plain = sgd.train(recipe, start, examples(inputs), TERMS, inputs)
    made = on_captured(recipe, inputs, TERMS)

    assert np.abs(plain).max() > 1e-3
    assert np.abs(made - plain).max() <= 1e-5 * max(1.0, float(np.abs(plain).max()))
    assert (np.rint(made * 2.0**24) == made * 2.0**24).all()
    assert np.linalg.norm(made.astype(np.float64)) <= TERMS.clip


def test_training_that_diverges_is_told():
    recipe, inputs = NETWORKS["unet"]
    wild = sgd.LocalTerms(
        epochs=2, batch=8, lr=1e30, momentum=0.0, adjust_logits=False, clip=1.0, words=("x",)
    )

    with pytest.raises(TrainingFailed, match="finite"):
        on_captured(recipe, inputs, wild)


def test_a_site_without_a_gpu_or_without_leave_trains_on_the_cpu():
    recipe, inputs = NETWORKS["densenet"]

    assert device.device_for(recipe, TERMS, inputs, "cpu") == "cpu"
    if not torch.cuda.is_available():
        assert device.device_for(recipe, TERMS, inputs, "cuda") == "cpu"


def test_what_acts_between_steps_stays_on_the_cpu(monkeypatch):
    monkeypatch.setattr(device, "gpu_present", lambda: True)
    recipe, inputs = NETWORKS["densenet"]
    pulled = replace(TERMS, pull=Pull(proximal=0.1))

    assert device.device_for(recipe, TERMS, inputs, "cuda") == "cuda"
    assert device.device_for(recipe, pulled, inputs, "cuda") == "cpu"


def test_a_process_trains_on_the_cpu_unless_it_is_told_otherwise():
    network, inputs = NETWORKS["densenet"]
    held, start = examples(inputs), network.initial(inputs, 0)

    found = device.train(network, start, held, TERMS, inputs)

    assert found.tobytes() == sgd.train(network, start, held, TERMS, inputs).tobytes()
    assert device.path_here(network, TERMS, inputs) == device.CPU_PATH


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_asked_for_and_is_not_there_is_said_and_not_replaced():
    with pytest.raises(MissingExtra, match="torch sees no GPU") as refused:
        device.allow("cuda")
    device.allow("cpu")

    assert "device = 'cpu'" in refused.value.remedy
