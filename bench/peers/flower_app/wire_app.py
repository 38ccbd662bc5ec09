"""A round of Flower with nothing to compute: a client returns the model plus one."""

import time
from pathlib import Path

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

CLIENT = ClientApp()
SERVER = ServerApp()


@CLIENT.train()
def train(message: Message, context: Context) -> Message:
    """Return the model plus one."""
    del context
    (values,) = message.content["arrays"].to_numpy_ndarrays()
    content = {
        "arrays": ArrayRecord([values + np.float32(1)]),
        "metrics": MetricRecord({"num-examples": 100}),
    }
    return Message(content=RecordDict(content), reply_to=message)


@SERVER.main()
def serve(grid: Grid, context: Context) -> None:
    """Run the rounds and write when each ended."""
    asked = context.run_config
    ends = Path(str(asked["ends"]))

    class Timed(FedAvg):
        """FedAvg that notes when each round began and ended."""

        def configure_train(self, *args, **kwargs):  # noqa: ANN002, ANN003, ANN202
            """Note the time, then ask."""
            if not ends.exists():
                ends.write_text(f"{time.time()}\n")
            return super().configure_train(*args, **kwargs)

        def aggregate_train(self, server_round, replies):  # noqa: ANN001, ANN202
            """Combine, then note the time."""
            found = super().aggregate_train(server_round, replies)
            with ends.open("a") as file:
                file.write(f"{time.time()}\n")
            return found

    count = int(asked["sites"])
    strategy = Timed(fraction_evaluate=0.0, min_train_nodes=count, min_available_nodes=count)
    start = ArrayRecord([np.zeros(int(asked["floats"]), np.float32)])
    result = strategy.start(grid=grid, initial_arrays=start, num_rounds=int(asked["rounds"]))
    (final,) = result.arrays.to_numpy_ndarrays()
    ends.with_name("final").write_text(str(float(final.mean())))
