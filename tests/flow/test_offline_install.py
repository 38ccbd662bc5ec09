"""What docs/operations/offline.md promises: a wheelhouse, an installation without an index."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.studies import AVERAGED, rows, write_csv

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_wheelhouse_is_enough_to_install_and_train(tmp_path):
    house, place = tmp_path / "wheelhouse", tmp_path / "opt"
    made = subprocess.run(
        [PACKAGING / "offline" / "make-wheelhouse", house, "server"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    if made.returncode and re.search(
        "No matching distribution|Connection|resolve", made.stderr
    ):
        pytest.skip("pip reaches no packages here")
    assert made.returncode == 0, made.stderr
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=house, check=True)
    assert (house / "systemd" / "modelward-gatekeeper.service").is_file()
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    clean = {"PATH": f"{place}/bin:/usr/bin:/bin", "HOME": str(tmp_path), "COLUMNS": "200"}
    pip = [place / "bin" / "pip", "--isolated", "install", "--quiet", "--no-index"]
    subprocess.run(
        [*pip, "--find-links", ".", "modelward[server]"], cwd=house, env=clean, check=True
    )
    (tmp_path / "study.toml").write_text(AVERAGED)
    write_csv(tmp_path / "d.csv", rows(300))

    def modelward(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [place / "bin" / "modelward", *words], cwd=tmp_path, env=clean,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    told = modelward("doctor")
    assert re.search(r"^ok +nats-server", told.stdout, re.M), told.stdout + told.stderr
    trained = modelward(
        "study", "simulate", "study.toml", "--data", "d.csv", "--by", "hospital",
        "--patient", "patient",
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr


def test_the_page_names_what_the_script_does():
    page = (ROOT / "docs/operations/offline.md").read_text("utf-8")
    script = (PACKAGING / "offline" / "make-wheelhouse").read_text("utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    known = set(extras["project"]["optional-dependencies"])

    for line in ("sha256sum -c SHA256SUMS", "pip install --no-index --find-links ."):
        assert line in page
        assert line in script
    assert set(re.findall(r"make-wheelhouse wheelhouse (\w+)", page)) <= known


def test_the_container_files_name_only_what_is_there():
    recipe = (PACKAGING / "container" / "Containerfile").read_text("utf-8")
    compose = (PACKAGING / "container" / "compose.yaml").read_text("utf-8")

    assert "packaging/offline/make-wheelhouse" in recipe
    assert "dockerfile: packaging/container/Containerfile" in compose
    assert (PACKAGING / "container" / "../.." / "constraints.txt").exists()
    for words in re.findall(r"modelward (hub \w+|doctor)|hub (hub init)", compose + recipe):
        command = next(word for word in words if word)
        page = (ROOT / "docs/reference/cli.md").read_text("utf-8")
        assert f"## modelward {command}\n" in page
