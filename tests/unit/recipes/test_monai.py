"""Networks of MONAI: those of the list, without their BatchNorm, as any network here."""

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pytest

from modelward.core.columns import Inputs, Predicted
from modelward.core.study import RecipeChoice
from modelward.errors import DataError, GateRefused, MissingExtra, StudyFileError
from modelward.learn.invented import invented
from modelward.recipes import brought, torch_present
from modelward.recipes.catalogue import option_faults, recipe
from modelward.recipes.layers.draws import draws
from modelward.recipes.networks.monai import CLASSES, NETWORKS
from modelward.recipes.recipe import Descent
from modelward.study.own import update_schema
from modelward.study.read import parse

monai = pytest.importorskip("monai", reason="needs the extra `monai`")

FLAT = Inputs("image", (16, 16))
DEEP = Inputs("image", (16, 16, 16))
LARGE = {"DenseNet121", "DenseNet169", "DenseNet201", "DenseNet264", "resnet34", "resnet50"}
EXHAUSTIVE = pytest.mark.exhaustive
SAMPLED = (("resnet10", FLAT), ("UNet", DEEP))
SMALL = sorted(set(NETWORKS) - LARGE)


def asked(network: str, shape: Inputs, **options: Any) -> tuple[Any, Inputs]:
    """Return a narrow network, and `shape` with the outcome that it predicts."""
    outcome: Predicted = "yes-no" if NETWORKS[network][0] == CLASSES else "mask"
    choice = {"network": network, "width": 4, "groups": 2, **options}
    return recipe(RecipeChoice(name="monai", options=choice)), replace(shape, outcome=outcome)


def examples(inputs: Inputs, n: int = 4) -> tuple[Any, Any]:
    x = invented(inputs, n, np.random.default_rng(7))
    return x, (x > 128).astype(np.uint8) if inputs.outcome == "mask" else np.arange(n) % 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "network",
    [pytest.param(n, marks=() if n in {"UNet", "resnet10"} else EXHAUSTIVE) for n in NETWORKS],
)
def test_every_network_has_groupnorm_and_parameters_of_which_each_is_named(network):
    import torch

    from modelward.recipes.networks import monai_torch

    made, inputs = asked(network, Inputs("image", (32, 32)))
    module = monai_torch._of(made, inputs).module
    names = [spec.name for spec in made.schema(inputs)]

    norms = [m for m in module.modules() if isinstance(m, torch.nn.GroupNorm)]
    assert norms
    assert {norm.num_groups for norm in norms if norm.num_channels > 1} == {2}
    assert not list(module.buffers())
    gains = [name for name in names if name.endswith(".gain")]
    assert len(gains) == len(norms)
    assert all(name.split(".")[-2].startswith("norm") for name in gains)
    assert {"logit.weight", "logit.bias"} <= set(names)
    assert made.schema(inputs).size == sum(p.numel() for p in module.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(
    "network", [pytest.param(n, marks=() if n == "SegResNet" else EXHAUSTIVE) for n in NETWORKS]
)
def test_the_least_image_goes_through_and_a_smaller_one_is_refused(network):
    import sys

    least = NETWORKS[network][2]
    made, inputs = asked(network, Inputs("image", (least, 2 * least)))
    x, y = examples(inputs, 2)
    compiler = "torch._dynamo" in sys.modules

    assert made.probabilities(made.initial(inputs, 0), x, inputs).shape == y.shape
    assert ("torch._dynamo" in sys.modules) == compiler  # it would want a folder
    smaller = replace(inputs, shape=(least - 1, 2 * least))
    if least > 1:
        with pytest.raises(DataError, match=f"do not go through {network}"):
            made.schema(smaller)


def test_a_network_with_its_own_width_is_the_one_that_monai_has_by_the_name():
    from monai.networks import nets

    made = recipe(RecipeChoice(name="monai", options={"network": "resnet18"}))
    theirs = nets.resnet18(spatial_dims=2, n_input_channels=1, num_classes=1)

    assert made.schema(FLAT).size == sum(p.numel() for p in theirs.parameters())
    ours = sorted((spec.shape for spec in made.schema(FLAT)), key=str)
    assert ours == sorted((tuple(p.shape) for p in theirs.parameters()), key=str)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_densenet121_of_monai_has_the_parameters_of_the_paper():
    made = recipe(RecipeChoice(name="monai", options={"groups": 32}))

    # As tests/unit/recipes/test_networks.py counts them.
    size = 7_978_856 - 1_025_000 - 2 * 3_136 + 1_025
    assert made.schema(Inputs("image", (64, 64))).size == size


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "shape"),
    [
        pytest.param(network, shape, marks=() if (network, shape) in SAMPLED else EXHAUSTIVE)
        for network in SMALL
        for shape in (FLAT, DEEP)
    ],
)
def test_gradients_of_single_examples_are_the_step_of_their_mean(network, shape):
    made, inputs = asked(network, shape)
    x, y = examples(inputs)
    start, rows = made.initial(inputs, 0), np.array([0, 3])
    found = np.empty((2, start.size), np.float32)

    made.row_gradients(start, x, y, inputs, 0.0).gradients(rows, draws("a"), found)
    moved = start.copy()
    made.local_model(moved, x, y, inputs, Descent()).step(rows, 1.0, draws("a"))

    assert np.abs(found).max() > 1e-4
    assert np.abs((start - moved) - found.mean(0)).max() < 2e-5


@pytest.mark.slow
@pytest.mark.parametrize(
    "network",
    [pytest.param(n, marks=() if n == "DynUNet" else EXHAUSTIVE) for n in SMALL],
)
def test_predictions_do_not_depend_on_the_others_and_have_the_shape_of_the_outcome(network):
    made, inputs = asked(network, FLAT)
    x, y = examples(inputs)
    start = made.initial(inputs, 0)

    found = made.probabilities(start, x, inputs)

    assert found.shape == y.shape
    assert np.abs(made.probabilities(start, x[2:3], inputs)[0] - found[2]).max() < 1e-5
    made.row_gradients(start, x, y, inputs, 0.0).require_apart(np.arange(4))


def test_the_start_is_drawn_from_the_seed_and_leaves_torchs_own_draws_alone():
    import torch

    from modelward.recipes.networks import monai_torch

    made, inputs = asked("UNet", FLAT)
    monai_torch._built.cache_clear()
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    first = made.initial(inputs, 1)

    assert torch.equal(torch.random.get_rng_state(), before)
    monai_torch._built.cache_clear()
    assert made.initial(inputs, 1).tobytes() == first.tobytes()
    assert made.initial(inputs, 2).tobytes() != first.tobytes()
    named = made.schema(inputs).split(first)
    assert {float(v[0]) for n, v in named.items() if n.endswith(".slope")} == {0.25}
    assert all((v == 1).all() for n, v in named.items() if n.endswith(".gain"))


def test_layers_that_mix_keep_or_drop_are_refused():
    from torch import nn

    from modelward.recipes.networks.monai_torch import regroup, require_plain

    mixing = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    with pytest.raises(TypeError, match="BatchNorm2d at 1"):
        require_plain(mixing, "a network")
    regroup(mixing, 2)
    require_plain(mixing, "a network")
    with pytest.raises(TypeError, match="drops values"):
        require_plain(nn.Sequential(nn.Dropout(0.1)), "a network")
    keeping = nn.PReLU()
    keeping.register_buffer("seen", keeping.weight.detach())
    with pytest.raises(TypeError, match="keeps a buffer"):
        require_plain(keeping, "a network")


def test_names_that_are_not_listed_and_widths_that_do_not_divide_are_refused():
    def fault(**options: Any) -> str:
        return " ".join(option_faults(RecipeChoice(name="monai", options=options))[0])

    assert "found 'os.system'" in fault(network="os.system")
    assert "groups = 8 must divide width, which is 12" in fault(width=12)
    assert "leave volume and shift out" in fault(network="UNet", shift=2)
    assert fault(norm="batch").startswith("options.norm there is no such option")
    made, inputs = asked("UNet", Inputs("image", (20, 20)))
    with pytest.raises(DataError, match="20 x 20 do not go through UNet"):
        made.schema(inputs)
    with pytest.raises(DataError, match="does not predict 'yes-no'"):
        made.schema(FLAT)


STUDY = """
[study]
id = "scans"
purpose = "Try a network"
unit = "image"

[features.slice]
type = "image"
size = [16, 16]

[target.lesion]
type = "TYPE"

[recipe]
name = "monai"
options = { network = "NETWORK", width = 4, groups = 2 }
"""


def study(kind: str, network: str, more: str = "") -> Any:
    return parse(STUDY.replace("TYPE", kind).replace("NETWORK", network) + more)


def test_a_study_asks_a_network_for_what_it_predicts_and_keeps_layers_by_kind():
    with pytest.raises(StudyFileError, match="does not predict 'mask' with these options"):
        study("mask", "resnet10")
    with pytest.raises(StudyFileError, match="does not predict 'boolean' with these options"):
        study("boolean", "BasicUNet")

    whole = {spec.name for spec in update_schema(study("boolean", "resnet10"))}
    less = {
        kind: whole
        - {
            spec.name
            for spec in update_schema(
                study("boolean", "resnet10", f'[plan.personal]\nkind = "{kind}"\n')
            )
        }
        for kind in ("head", "norms")
    }
    assert less["head"] == {"logit.weight", "logit.bias"}
    assert less["norms"] == {name for name in whole if "norm" in name}


def test_a_site_allows_monai_by_the_hash_of_what_is_installed():
    (here,) = [found for found in brought.brought() if found.name == "monai"]

    assert here.package == f"monai {version('monai')}"
    brought.require("monai", {"monai": here.sha256})
    with pytest.raises(GateRefused, match="is not in policy"):
        brought.require("monai", {})
    with pytest.raises(GateRefused, match=f"allowed as {'0' * 12}… only"):
        brought.require("monai", {"monai": "0" * 64})


@pytest.mark.parametrize("found", ["", "1.5.2"])
def test_without_monai_or_with_another_the_remedy_is_said(found, monkeypatch):
    def installed(name: str) -> str:
        if not found:
            raise PackageNotFoundError(name)
        return str(found)

    monkeypatch.setattr(torch_present, "version", installed)
    made, inputs = asked("UNet", FLAT)

    with pytest.raises(MissingExtra, match=found or "it is not installed") as caught:
        made.schema(inputs)
    assert "pip install 'modelward[monai]'" in caught.value.remedy
