"""A plain step, and private steps of Opacus, on W1's network, for bench/private_step.py.

    python opacus_step.py DATA.npz plain|hooks|ghost REPEATS BATCH

Prints the median milliseconds of a step and the peak memory of this process in MiB.
"""

import json
import resource
import sys
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np
import torch
from opacus import PrivacyEngine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

sys.path.insert(0, str(Path(__file__).parent))
from work import Cnn


class Logits(nn.Module):
    """Logits as a column: Opacus asks for a loss per row of outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Cnn()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, [b]."""
        return self.network(x)


def main() -> None:
    """Measure one way of making a step."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with np.load(sys.argv[1]) as file:
        way, repeats, batch = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
        x = torch.from_numpy(file["x"][:batch]).float()[:, None] / 127.5 - 1
        y = torch.from_numpy(file["y"][:batch]).float()
    model = Logits()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    criterion = nn.BCEWithLogitsLoss()
    if way != "plain":
        loader = DataLoader(TensorDataset(x, y), batch_size=batch)
        made = PrivacyEngine().make_private(
            module=model,
            optimizer=optimiser,
            data_loader=loader,
            noise_multiplier=1.0,
            max_grad_norm=1.0,
            poisson_sampling=False,
            grad_sample_mode="hooks" if way == "hooks" else "ghost",
            **({} if way == "hooks" else {"criterion": criterion}),
        )
        model, optimiser = made[0], made[1]
        criterion = criterion if way == "hooks" else made[2]

    def step() -> None:
        optimiser.zero_grad()
        criterion(model(x), y).backward()
        optimiser.step()

    step()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"ms": 1e3 * median(seconds), "peak_mib": peak}))


if __name__ == "__main__":
    main()
