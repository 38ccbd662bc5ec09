"""A deployed round of NVIDIA FLARE on the loopback: a provisioned server and clients (POC).

    wire_flare.py OUT SITES ROUNDS     run in a folder of its own

FLARE's own provisioning makes mutual TLS. Scripts run inside the client processes.
"""

import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path.cwd()
os.environ["NVFLARE_POC_WORKSPACE"] = str(HERE / "poc")
os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

from nvflare.app_common.np.recipes.fedavg import NumpyFedAvgRecipe  # noqa: E402 - reads the above
from nvflare.recipe.poc_env import PocEnv  # noqa: E402

FLOATS = 25_000


def main() -> None:
    """Run and write the times."""
    out, sites, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    ends, done = HERE / "ends", HERE / "done"
    recipe = NumpyFedAvgRecipe(
        name="wire",
        model=np.zeros(FLOATS, np.float32),
        min_clients=sites,
        num_rounds=rounds + 1,  # a round is known by the start of the next
        train_script=str(Path(__file__).with_name("wire_flare_client.py")),
        train_args=f"{ends} {done} {rounds}",
    )
    env = PocEnv(num_clients=sites)
    try:
        recipe.execute(env)
        while not done.exists():  # the caller ends this process in time
            time.sleep(0.2)
    finally:
        env.stop(clean_up=False)
    times = [float(line) for line in ends.read_text().split()]
    final = float(done.read_text())
    out.write_text(
        json.dumps({"times": times, "final": final, "version": f"FLARE {version('nvflare')}"})
    )


if __name__ == "__main__":
    main()
