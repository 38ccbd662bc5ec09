"""pfl-research on a workload: SimulatedBackend, one process per core by torchrun.

    torchrun --nproc-per-node N on_pfl.py WORK OUT

Local training is pfl's own. A user's rows are given in the order of the round.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pfl
import torch
from pfl.aggregate.simulate import SimulatedBackend
from pfl.aggregate.weighting import WeightByDatapoints
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.data.sampling import get_user_sampler
from pfl.hyperparam import NNTrainHyperParams
from pfl.metrics import Metrics, Weighted
from pfl.model.pytorch import PyTorchModel
from torch.nn import functional
from work import Work, finish


class Rounds(TrainingProcessCallback):
    """Counts rounds and notes when each ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def after_central_iteration(self, aggregate_metrics, model, *, central_iteration):  # noqa: ANN001, ANN201, ARG002 - pfl's signature
        """Note the time."""
        self.ends.append(time.time())
        return False, Metrics()


def main() -> None:
    """Run the workload."""
    np.random.seed(0)  # noqa: NPY002 - pfl draws its cohorts from it, the same in each process
    work, rounds = Work(Path(sys.argv[1])), Rounds()
    module = work.network()
    module.loss = lambda x, y: functional.binary_cross_entropy_with_logits(module(x), y)
    module.metrics = lambda x, y: {"loss": Weighted(module.loss(x, y).item() * len(y), len(y))}

    def user(number: int) -> Dataset:
        rows = torch.from_numpy(work.order[min(len(rounds.ends), work.rounds - 1), number])
        x, y = work.sites[number]
        return Dataset((x[rows], y[rows]), user_id=number)

    users = list(range(len(work.sites)))
    data = FederatedDataset(user, get_user_sampler("minimize_reuse", users))
    model = PyTorchModel(module, torch.optim.SGD, torch.optim.SGD(module.parameters(), lr=1.0))
    FederatedAveraging().run(
        NNAlgorithmParams(
            central_num_iterations=work.rounds,
            evaluation_frequency=10**6,
            train_cohort_size=len(users),
            val_cohort_size=0,
        ),
        SimulatedBackend(data, data, postprocessors=[WeightByDatapoints()]),
        model,
        NNTrainHyperParams(
            local_num_epochs=1, local_learning_rate=work.lr, local_batch_size=work.batch
        ),
        callbacks=[rounds],
    )
    if int(os.environ.get("RANK", "0")) == 0:
        version = getattr(pfl, "__version__", "") or __import__(
            "importlib.metadata"
        ).metadata.version("pfl")
        finish(Path(sys.argv[2]), module, rounds.ends, f"pfl {version}")


if __name__ == "__main__":
    main()
