"""Flower on a workload: the simulation runtime on Ray, one actor per core.

on_flower.py WORK OUT CORES
"""

import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

WORK, OUT, CORES = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
HERE = str(Path(__file__).parent)
CLIENT, SERVER = ClientApp(), ServerApp()


@CLIENT.train()
def train(message: Message, context: Context) -> Message:
    """Train at one site; the data are read once in each actor."""
    if HERE not in sys.path:
        sys.path.insert(0, HERE)
    import work as here  # noqa: PLC0415 - in an actor of Ray, which does not know this folder

    if not hasattr(here, "loaded"):
        here.loaded = here.Work(WORK)
    loaded = here.loaded
    model = loaded.network()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    site = int(context.node_config["partition-id"])
    loaded.train(model, site, int(message.content["config"]["server-round"]) - 1)
    counted = MetricRecord({"num-examples": len(loaded.sites[site][1])})
    content = {"arrays": ArrayRecord(model.state_dict()), "metrics": counted}
    return Message(content=RecordDict(content), reply_to=message)


@SERVER.main()
def serve(grid: Grid, context: Context) -> None:
    """Run the rounds."""
    del context
    from work import Work, finish  # noqa: PLC0415 - as above

    work, ends = Work(WORK), []

    class Timed(FedAvg):
        """FedAvg that notes when each round ended."""

        def aggregate_train(self, server_round, replies):  # noqa: ANN001, ANN202 - Flower's signature
            """Combine, then note the time."""
            found = super().aggregate_train(server_round, replies)
            ends.append(time.time())
            return found

    strategy = Timed(fraction_train=1.0, fraction_evaluate=0.0, min_train_nodes=len(work.sites))
    strategy.min_available_nodes = len(work.sites)
    model = work.network()
    result = strategy.start(
        grid=grid, initial_arrays=ArrayRecord(model.state_dict()), num_rounds=work.rounds
    )
    model.load_state_dict(result.arrays.to_torch_state_dict())
    finish(OUT, model, ends, f"Flower {version('flwr')}, Ray {version('ray')}")


if __name__ == "__main__":
    from work import Work

    torch.set_num_threads(1)
    run_simulation(
        server_app=SERVER,
        client_app=CLIENT,
        num_supernodes=len(Work(WORK).sites),
        backend_config={
            "init_args": {
                "num_cpus": CORES,
                "logging_level": "error",
                "_node_ip_address": "127.0.0.1",
                "include_dashboard": False,
            },
            "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
        },
    )
