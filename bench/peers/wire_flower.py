"""A deployed round of Flower on the loopback: SuperLink and SuperNodes over TLS.

    wire_flower.py OUT SITES ROUNDS     run in a folder of its own

The server shows a certificate, as Flower offers it; clients show none.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path.cwd()
BIN = Path(sys.executable).parent
ADDRESS = "127.0.0.1:8000"
os.environ["PATH"] = f"{BIN}:{os.environ['PATH']}"  # its servers start others by name


def certificate() -> None:
    """Make a certificate for the loopback, signed by itself."""
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    named = "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    subprocess.run(
        [*made.split(), *named.split(), "-keyout", "tls.key", "-out", "tls.crt"],
        check=True,
        capture_output=True,
    )


def start(name: str, *options: str) -> subprocess.Popen[bytes]:
    """Start one of Flower's servers, its log beside it."""
    tls = [f"--ssl-certfile={HERE}/tls.crt", f"--ssl-keyfile={HERE}/tls.key"]
    tls.append(f"--ssl-ca-certfile={HERE}/tls.crt")
    log = Path(f"{name}{len(list(HERE.glob('*.log')))}.log").open("wb")  # noqa: SIM115 - the process's
    return subprocess.Popen([BIN / name, *tls, *options], stdout=log, stderr=subprocess.STDOUT)


def main() -> None:
    """Run and write the times."""
    out, sites, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    certificate()
    shutil.copytree(Path(__file__).with_name("flower_app"), "app")
    home = Path(os.environ["FLWR_HOME"])
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(
        f'[superlink]\ndefault = "bench"\n[superlink.bench]\naddress = "{ADDRESS}"\n'
        f'root-certificates = "{HERE}/tls.crt"\n'
    )
    start("flower-superlink", "--disable-runtime-dependency-installation")
    time.sleep(5)
    for site in range(sites):
        start(
            "flower-supernode",
            f"--superlink={ADDRESS}",
            f"--root-certificates={HERE}/tls.crt",
            f"--port={9100 + site}",
        )
    time.sleep(5)
    ends = HERE / "ends"
    config = f'rounds={rounds} sites={sites} ends="{ends}"'
    subprocess.run(
        [BIN / "flwr", "run", "app", "bench", "--run-config", config], check=True, timeout=60
    )
    while not (HERE / "final").exists():  # the caller ends this process in time
        time.sleep(0.2)
    times = [float(line) for line in ends.read_text().split()]
    final = float((HERE / "final").read_text())
    out.write_text(
        json.dumps({"times": times, "final": final, "version": f"Flower {version('flwr')}"})
    )


if __name__ == "__main__":
    main()
