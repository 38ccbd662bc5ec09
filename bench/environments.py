"""Environments of the peers, under bench/.envs; a peer that cannot be had is named with why.

    python -m bench.environments

Each peer has its own, because their pins do not go together with ours or each other's. All
have the torch of our own environment.
"""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).parent / ".envs"

OFFERS = {
    "pfl": ["pfl==0.6.0"],
    "flower": ["flwr[simulation]==1.42.0", "flwr[simulation]==1.41.0"],
    "flare": ["nvflare==2.9.0"],
    "opacus": ["opacus==1.6.0"],
}
"""Peer -> requirements, the first that can be installed is taken."""

LIMIT_S = 900


def python(peer: str) -> Path | None:
    """Return the interpreter of `peer`; None if it could not be installed."""
    found = FOLDER / peer / "bin/python"
    return found if (FOLDER / f"{peer}.ready").exists() else None


def reason(peer: str) -> str:
    """Return why `peer` is not there."""
    kept = FOLDER / f"{peer}.reason"
    return kept.read_text().strip() if kept.exists() else "not installed: make bench-peers"


def install(peer: str) -> None:
    """Make the environment of `peer`, or keep the reason why there is none."""
    folder, torch = FOLDER / peer, f"torch=={version('torch').split('+')[0]}"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    said = ""
    for offer in OFFERS[peer]:
        done = subprocess.run(
            [folder / "bin/python", "-m", "pip", "install", "-q", torch, "numpy", offer],
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        if done.returncode == 0:
            (FOLDER / f"{peer}.ready").write_text(f"{offer}\n")
            return
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        said += f"{offer}: {errors[-1] if errors else 'pip failed'}\n"
        print(f"  {said.splitlines()[-1]}", file=sys.stderr)
    (FOLDER / f"{peer}.reason").write_text(said)


def main() -> None:
    """Install what is missing."""
    FOLDER.mkdir(exist_ok=True)
    for peer in OFFERS:
        if python(peer) is None:
            print(f"installing {peer} ...", flush=True)
            install(peer)
        print(f"{peer}: {'ready' if python(peer) else reason(peer)}")


if __name__ == "__main__":
    main()
