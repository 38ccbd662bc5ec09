"""The README's promises, run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from modelward.study.template import write_template

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def the_example() -> str:
    """Return the one Python block."""
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    return str(block)


def test_the_example_is_fifteen_lines():
    assert len([line for line in the_example().splitlines() if line.strip()]) <= 15


@pytest.mark.slow
def test_the_example_runs_as_it_stands(tmp_path):
    maker = ROOT / "examples" / "make_patients.py"
    subprocess.run([sys.executable, maker, tmp_path / "patients.csv"], check=True)
    write_template(tmp_path / "study.toml", images=False)

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", the_example()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("On its own") == 3
    assert "'p0001': " in done.stdout


def test_both_commands_are_make_targets():
    makefile = (ROOT / "Makefile").read_text("utf-8")

    for target in re.findall(r"^make (\w+)", README, flags=re.M):
        assert re.search(rf"^{target}:", makefile, flags=re.M), target
