"""The systemd units are ones that systemd reads; starting them needs a machine that has it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[3] / "packaging/systemd"
ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_to_object_to(tmp_path):
    for unit in UNITS.iterdir():
        # What it would run is not installed here; everything else is as it is shipped.
        shipped = unit.read_text("utf-8")
        (tmp_path / unit.name).write_text(
            re.sub(r"/opt/modelward/bin/\w+", "/bin/true", shipped)
        )
    named = sorted(
        each for each in tmp_path.iterdir() if each.suffix in {".service", ".socket", ".path"}
    )

    done = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", *map(str, named)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["modelward-inspector@.service", "modelward-trainer@.service"])
def test_who_sees_the_data_has_no_network_and_no_sockets(name):
    said = (UNITS / name).read_text("utf-8").splitlines()

    for line in ("PrivateNetwork=yes", "RestrictAddressFamilies=none", "NoNewPrivileges=yes",
                 "ProtectSystem=strict", "CapabilityBoundingSet="):  # fmt: skip
        assert line in said
