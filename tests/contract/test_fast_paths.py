"""Every fast path is held to naive FedAvg: deepcopy, torch.optim.SGD, mean of state_dicts."""

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import nn

from modelward.aggregate.mean import weighted_mean
from modelward.core.columns import Inputs
from modelward.core.study import RecipeChoice
from modelward.core.tensors import FlatF32, Schema
from modelward.errors import TrainingFailed
from modelward.learn.examples import Examples
from modelward.learn.group import numeric_path, train_group
from modelward.learn.sgd import LocalTerms, train
from modelward.recipes.catalogue import recipe
from modelward.recipes.layers.draws import draws
from modelward.recipes.networks.mlp import Mlp, Options
from modelward.recipes.recipe import Recipe

ROWS, IMAGES = Inputs("table", (7,)), Inputs("image", (16, 16))


def logistic() -> nn.Module:
    """Return the recipe `logistic` as one would write it in torch."""
    return nn.Sequential(OrderedDict(logit=nn.Linear(7, 1)))


def mlp() -> nn.Module:
    """Return the recipe `mlp` as one would write it in torch."""
    return nn.Sequential(
        OrderedDict(
            hidden1=nn.Linear(7, 9),
            relu1=nn.ReLU(),
            hidden2=nn.Linear(9, 5),
            relu2=nn.ReLU(),
            logit=nn.Linear(5, 1),
        )
    )


def plain_cnn() -> nn.Module:
    """Return `cnn` without norm, flattened, pooled after the rectifier as is usual."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 4, 3),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(4, 6, 3),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            hidden1=nn.Linear(6 * 2 * 2, 5),
            relu3=nn.ReLU(),
            logit=nn.Linear(5, 1),
        )
    )


def normed_cnn() -> nn.Module:
    """Return `cnn` with GroupNorm and the mean over the image."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 4, 3, padding=1),
            norm1=nn.GroupNorm(2, 4),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(4, 6, 3, padding=1),
            norm2=nn.GroupNorm(2, 6),
            relu2=nn.ReLU(),
            mean=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            logit=nn.Linear(6, 1),
        )
    )


def choice(name: str, **options: bool | int | float | str | tuple[int, ...]) -> RecipeChoice:
    """Return a recipe with these options."""
    return RecipeChoice(name=name, options=options)


CASES: dict[str, tuple[Callable[[], nn.Module], Inputs, RecipeChoice]] = {
    "logistic": (logistic, ROWS, choice("logistic", l2=0.0)),
    "mlp": (mlp, ROWS, choice("mlp", hidden=(9, 5))),
    "plain cnn": (
        plain_cnn,
        IMAGES,
        choice(
            "cnn", channels=(4, 6), hidden=(5,), norm="none", padding="valid", pool="flatten"
        ),
    ),
    "normed cnn": (normed_cnn, IMAGES, choice("cnn", channels=(4, 6), groups=2)),
}


def to_flat(module: nn.Module, schema: Schema) -> FlatF32:
    """Return the module's parameters in our order and layout."""
    named = {}
    for name, values in module.state_dict().items():
        array = values.numpy()
        if array.ndim == 4:  # ours has the input channel last
            array = array.transpose(0, 2, 3, 1)
        if array.shape == (5, 24):  # so does what is flattened
            array = array.reshape(5, 6, 4).transpose(0, 2, 1)
        named[name.replace(".weight", ".gain") if name[:4] == "norm" else name] = array
    if "intercept" in {spec.name for spec in schema}:
        named = {"intercept": named["logit.bias"], "weight": named["logit.weight"][0]}
    return np.concatenate([named[spec.name].reshape(-1) for spec in schema])


def site_data(inputs: Inputs, sites: Sequence[int]) -> list[Examples]:
    """Return random examples of sites of these sizes."""
    drawn = np.random.default_rng(0)
    found = []
    for n in sites:
        if inputs.kind == "image":
            x = drawn.integers(0, 256, (n, *inputs.shape), np.uint8)
        else:
            x = drawn.normal(size=(n, *inputs.shape)).astype(np.float32)
        found.append(Examples(x, drawn.integers(0, 2, n).astype(np.int8), n))
    return found


def naive(
    module: nn.Module, sites: Sequence[Examples], terms: Sequence[LocalTerms]
) -> nn.Module:
    """Return the module after one round of FedAvg as it is usually written."""
    states = []
    for examples, term in zip(sites, terms, strict=True):
        local = copy.deepcopy(module)
        optimiser = torch.optim.SGD(local.parameters(), lr=term.lr, momentum=term.momentum)
        draw = draws(*term.words)
        x = torch.from_numpy(examples.x.astype(np.float32))
        x = x[:, None] / 127.5 - 1 if x.dim() == 3 else x
        y = torch.from_numpy(examples.y.astype(np.float32))
        for _ in range(term.epochs):
            for rows in torch.split(torch.from_numpy(draw.permutation(len(y))), term.batch):
                optimiser.zero_grad()
                loss = nn.functional.binary_cross_entropy_with_logits(
                    local(x[rows])[:, 0], y[rows]
                )
                loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
                optimiser.step()
        states.append(local.state_dict())
    shares = np.array([len(s.y) for s in sites]) / sum(len(s.y) for s in sites)
    mean = {
        name: sum(share * state[name] for share, state in zip(shares, states, strict=True))
        for name in states[0]
    }
    module.load_state_dict(mean)
    return module


def ours(
    chosen: Recipe,
    start: FlatF32,
    sites: Sequence[Examples],
    terms: Sequence[LocalTerms],
    inputs: Inputs,
) -> FlatF32:
    """Return the flat model after one round of ours."""
    updates = [
        (train(chosen, start, examples, term, inputs), examples.patients)
        for examples, term in zip(sites, terms, strict=True)
    ]
    return start + weighted_mean(updates, start.size)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("case", CASES)
def test_three_rounds_equal_naive_fedavg(case, momentum):
    build, inputs, chosen_by_study = CASES[case]
    torch.manual_seed(0)
    module, chosen = build(), recipe(chosen_by_study)
    schema = chosen.schema(inputs)
    flat = to_flat(module, schema)
    start = flat.copy()
    sites = site_data(inputs, (20, 33, 7))

    for round_no in (1, 2, 3):
        terms = [
            LocalTerms(
                epochs=2,
                batch=8,
                lr=0.05,
                momentum=momentum,
                adjust_logits=False,
                clip=60.0,
                words=("train", round_no, site),
            )
            for site in range(3)
        ]
        module = naive(module, sites, terms)
        flat = ours(chosen, flat, sites, terms, inputs)

    np.testing.assert_allclose(flat, to_flat(module, schema), atol=3e-6)
    assert np.abs(flat - start).max() > 1e-3


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("adjust", [False, True])
def test_sites_trained_as_a_group_equal_sites_trained_one_by_one(momentum, adjust):
    chosen, start, sites = group_of(momentum=momentum, adjust_logits=adjust, clip=0.9)

    together = train_group(chosen, start, sites, ROWS)

    for place, (examples, terms) in sites.items():
        alone = train(chosen, start, examples, terms, ROWS)
        np.testing.assert_allclose(together[place], alone, atol=1e-6)
        assert np.abs(alone).max() > 1e-2


def test_who_else_takes_part_in_a_group_never_changes_a_bit():
    chosen, start, sites = group_of(momentum=0.9)

    whole = train_group(chosen, start, sites, ROWS)
    half = train_group(chosen, start, {3: sites[3], 1: sites[1]}, ROWS)
    others = train_group(chosen, start, {0: sites[3], 2: sites[2], 9: sites[1]}, ROWS)

    assert list(half) == [3, 1]
    assert half[1].tobytes() == whole[1].tobytes()
    assert half[3].tobytes() == whole[3].tobytes()
    assert others[2].tobytes() == whole[2].tobytes()


def test_the_path_is_chosen_by_the_study_and_never_by_the_machine():
    small, large = recipe(choice("mlp")), recipe(choice("mlp", hidden=(512, 512)))

    assert numeric_path(small, ROWS, 10) == "groups of 10"
    assert numeric_path(small, ROWS, 9) == "site by site"
    assert numeric_path(large, ROWS, 10) == "site by site"
    assert numeric_path(recipe(choice("logistic")), ROWS, 10) == "site by site"


def test_a_group_that_diverges_is_refused():
    chosen, start, sites = group_of(lr=1e9)
    examples, terms = sites[1]
    huge = Examples(examples.x * np.float32(1e30), examples.y, examples.patients)

    with pytest.raises(TrainingFailed, match="no longer finite"):
        train_group(chosen, start, {0: sites[0], 1: (huge, terms)}, ROWS)


def group_of(
    *,
    momentum: float = 0.0,
    adjust_logits: bool = False,
    clip: float = 60.0,
    lr: float = 0.1,
) -> tuple[Mlp, FlatF32, dict[int, tuple[Examples, LocalTerms]]]:
    """Return a small MLP, its start, and four sites of unequal size."""
    chosen = Mlp(Options(hidden=(9, 5)))
    sites = {
        place: (
            examples,
            LocalTerms(
                epochs=3,
                batch=8,
                lr=lr,
                momentum=momentum,
                adjust_logits=adjust_logits,
                clip=clip,
                words=("train", place),
            ),
        )
        for place, examples in enumerate(site_data(ROWS, (20, 33, 7, 64)))
    }
    return chosen, chosen.initial(ROWS, 0), sites
