"""One workload as plain arrays, for environments that have torch and a peer, and not us.

bench/against.py writes the file; every script here reads it, so that all train the same
network from the same start on the same batches in the same order. What they end with is
compared with ours number by number.
"""

import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters

STARTED = time.time()
"""When this process had imported torch; `first_s` counts from the start of the process."""


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


class Mlp(nn.Module):
    """W2's network."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden1, self.hidden2 = nn.Linear(30, 64), nn.Linear(64, 64)
        self.logit = nn.Linear(64, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of [b, 30]."""
        x = functional.relu(self.hidden2(functional.relu(self.hidden1(x))))
        return self.logit(x).squeeze(1)


class Work:
    """A workload.

    Attributes:
        sites: Inputs [n, ...] and outcomes [n] of every site, as tensors.
        order: Rows in the order they are taken, [rounds, sites, n].
        start: Parameters of round 1, in the order of `nn.Module.parameters`.
        rounds, batch, lr: The plan.
    """

    def __init__(self, path: Path) -> None:
        torch.set_num_threads(1)
        with np.load(path) as file:
            plan = json.loads(str(file["plan"]))
            self.order, self.start = file["order"], file["start"]
            x, y = torch.from_numpy(file["x"]), torch.from_numpy(file["y"])
        self.sites = list(zip(x, y, strict=True))
        self.name: str = plan["name"]
        self.rounds: int = plan["rounds"]
        self.batch: int = plan["batch"]
        self.lr: float = plan["lr"]

    def network(self) -> nn.Module:
        """Return the network at its start."""
        made = Cnn() if self.name == "W1" else Mlp()
        vector_to_parameters(torch.from_numpy(self.start), made.parameters())
        return made

    def train(self, model: nn.Module, site: int, round_no: int) -> None:
        """Train `model` in place at `site` in round `round_no`, counted from 0."""
        x, y = self.sites[site]
        optimiser = torch.optim.SGD(model.parameters(), lr=self.lr)
        for rows in torch.from_numpy(self.order[round_no, site]).split(self.batch):
            optimiser.zero_grad()
            functional.binary_cross_entropy_with_logits(model(x[rows]), y[rows]).backward()
            optimiser.step()


def flat(model: nn.Module) -> np.ndarray:
    """Return the parameters of `model` as one vector."""
    return parameters_to_vector(model.parameters()).detach().numpy().copy()


def finish(out: Path, model: nn.Module, ends: list[float], version: str) -> None:
    """Write the final parameters and when each round ended, in seconds since the epoch."""
    with out.open("wb") as file:
        np.savez(file, final=flat(model), ends=np.array(ends), version=np.array(version))
