"""NVIDIA FLARE on a workload: its simulator, one client process a site, in-process scripts.

on_flare.py WORK OUT FOLDER
"""

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from nvflare.app_opt.pt.recipes.fedavg import FedAvgRecipe
from nvflare.client.config import ExchangeFormat
from nvflare.recipe.sim_env import SimEnv
from work import Work, finish


def main() -> None:
    """Run the workload."""
    path, out, folder = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    work = Work(path)
    ends = folder / "ends.txt"
    start = folder / "start.pt"
    torch.save(work.network().state_dict(), start)
    recipe = FedAvgRecipe(
        name="bench",
        model=work.network(),  # its class; the numbers come from the file
        initial_ckpt=str(start),
        min_clients=len(work.sites),
        num_rounds=work.rounds,
        train_script=str(Path(__file__).with_name("flare_client.py")),
        train_args=f"{path} {ends}",
        server_expected_format=ExchangeFormat.PYTORCH,
    )
    env = SimEnv(num_clients=len(work.sites), workspace_root=str(folder))
    recipe.execute(env)
    stored = next(folder.rglob("FL_global_model.pt"))
    model = work.network()
    saved = torch.load(stored, map_location="cpu", weights_only=True)
    model.load_state_dict(saved.get("model", saved))
    times = [*np.loadtxt(ends, ndmin=1).tolist()[1:], stored.stat().st_mtime]
    finish(out, model, times, f"FLARE {version('nvflare')}")


if __name__ == "__main__":
    main()
