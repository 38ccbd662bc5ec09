"""What everybody would write in torch: the floor without federation, and naive FedAvg.

One thread, float32, nn.Module and torch.optim.SGD, index-select of a tensor per batch.
"""

import copy
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from bench.workloads import PLAN, Workload


class Cnn(nn.Module):
    """W1's network."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 3), nn.Conv2d(16, 32, 3)
        self.hidden, self.logit = nn.Linear(800, 64), nn.Linear(64, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of [b, 1, 28, 28]."""
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        return self.logit(functional.relu(self.hidden(x.flatten(1)))).squeeze(1)


def module(work: Workload) -> nn.Module:
    """Return the network of a workload."""
    torch.manual_seed(0)
    if work.choice.name == "cnn":
        return Cnn()
    widths = (*work.inputs.shape, *work.choice.options["hidden"])
    layers: list[nn.Module] = []
    for seen, given in pairwise(widths):
        layers += [nn.Linear(seen, given), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 1), nn.Flatten(0))


class Plain:
    """The floor and naive FedAvg on one workload."""

    def __init__(self, work: Workload) -> None:
        torch.set_num_threads(1)
        self.model = module(work)
        self.sites = []
        for site in work.sites:
            x = torch.from_numpy(site.x).float()
            x = x[:, None] / 127.5 - 1 if x.dim() == 3 else x
            self.sites.append((x, torch.from_numpy(site.y).float()))

    def floor(self) -> float:
        """Return seconds for a round's steps on one model, without federation."""
        return _timed(lambda: [_train(self.model, *site) for site in self.sites])

    def naive(self) -> float:
        """Return seconds for a round of deepcopy, train, mean of state_dicts."""
        return _timed(self._naive_round)

    def _naive_round(self) -> None:
        states, counts = [], []
        for x, y in self.sites:
            local = copy.deepcopy(self.model)
            _train(local, x, y)
            states.append(local.state_dict())
            counts.append(len(y))
        shares = [n / sum(counts) for n in counts]
        mean = {
            name: sum(share * state[name] for share, state in zip(shares, states, strict=True))
            for name in states[0]
        }
        self.model.load_state_dict(mean)


def _train(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
    optimiser = torch.optim.SGD(model.parameters(), lr=PLAN.lr)
    for rows in torch.randperm(len(y)).split(PLAN.batch):
        optimiser.zero_grad()
        functional.binary_cross_entropy_with_logits(model(x[rows]), y[rows]).backward()
        optimiser.step()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
