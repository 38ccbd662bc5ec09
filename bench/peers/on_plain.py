"""The floor and naive FedAvg on a workload, on the same batches as everybody else.

on_plain.py WORK OUT floor|naive
"""

import copy
import sys
import time
from pathlib import Path

import torch
from torch import nn
from work import Work, finish


def main() -> None:
    """Run the workload."""
    work, ends = Work(Path(sys.argv[1])), []
    model = work.network()
    for round_no in range(work.rounds):
        if sys.argv[3] == "floor":
            for site in range(len(work.sites)):
                work.train(model, site, round_no)
        else:
            average(work, model, round_no)
        ends.append(time.time())
    finish(Path(sys.argv[2]), model, ends, f"torch {torch.__version__}")


def average(work: Work, model: nn.Module, round_no: int) -> None:
    """Make `model` the mean of what every site trains from it."""
    states, counts = [], []
    for site, (_, y) in enumerate(work.sites):
        local = copy.deepcopy(model)
        work.train(local, site, round_no)
        states.append(local.state_dict())
        counts.append(len(y))
    shares = [n / sum(counts) for n in counts]
    mean = {
        name: sum(share * state[name] for share, state in zip(shares, states, strict=True))
        for name in states[0]
    }
    model.load_state_dict(mean)


if __name__ == "__main__":
    main()
