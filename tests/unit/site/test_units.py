"""The systemd units are ones that systemd reads; starting them needs a machine that has it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[3] / "packaging/systemd"
ANALYZE = shutil.which("systemd-analyze")
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
MAKERS = pytest.mark.skipif(
    os.geteuid() != 0
    or not (shutil.which("systemd-sysusers") and shutil.which("systemd-tmpfiles")),
    reason="needs root, systemd-sysusers and systemd-tmpfiles",
)


def made_at(root: Path, *command: str) -> str:
    """Run one of systemd's makers below `root` and return what it objected to."""
    done = subprocess.run(
        [command[0], f"--root={root}", *command[1:]],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith("Creating ")]
    return "\n".join([*said, *([f"exit {done.returncode}"] if done.returncode else [])])


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


@pytest.mark.parametrize("name", SERVICES)
def test_a_system_call_that_is_refused_does_not_end_the_process(name):
    """Numerical libraries call mbind when they are imported: killed for it, no node starts."""
    said = (UNITS / name).read_text("utf-8").splitlines()

    assert "SystemCallErrorNumber=EPERM" in said


@MAKERS
def test_systemd_makes_the_users_and_the_gatekeeper_is_not_with_those_who_see_data(tmp_path):
    (tmp_path / "etc").mkdir()

    assert made_at(tmp_path, "systemd-sysusers", str(UNITS / "modelward.sysusers")) == ""

    rows = [line.split(":") for line in (tmp_path / "etc/group").read_text().splitlines()]
    groups = {row[0]: set(row[3].split(",")) for row in rows}
    users = {
        row[0]: row[3]
        for row in map(_fields, (tmp_path / "etc/passwd").read_text().split("\n"))
    }
    data = next(row[2] for row in rows if row[0] == "modelward-data")
    assert {name for name, group in users.items() if group == data} == {
        "modelward-trainer",
        "modelward-inspector",
    }
    assert groups["modelward-data"] == {"modelward-extractor"}
    assert groups["modelward"] == {
        f"modelward-{who}" for who in ("gatekeeper", "extractor", "trainer", "inspector")
    }


@MAKERS
def test_systemd_makes_the_folders_also_where_there_are_keys_already_and_again(tmp_path):
    site = tmp_path / "var/lib/modelward"
    site.mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    made_at(tmp_path, "systemd-sysusers", str(UNITS / "modelward.sysusers"))
    for name in ("site.key", "tls.key", "network.toml", "policy.toml", "dataset.toml"):
        (site / name).touch()

    for _ in range(2):
        said = made_at(
            tmp_path, "systemd-tmpfiles", "--create", str(UNITS / "modelward.tmpfiles")
        )
        # Groups in an access list are looked up on this machine, which does not have them.
        assert [line for line in said.splitlines() if "Failed to parse ACL" not in line] == []

    who = {
        line.split(":")[0]: int(line.split(":")[2])
        for line in (tmp_path / "etc/passwd").read_text().splitlines()
    }
    owner = {
        path.name: (path.stat().st_uid, path.stat().st_mode & 0o777) for path in site.iterdir()
    }
    assert owner["site.key"] == (who["modelward-gatekeeper"], 0o600)
    assert owner["patients.key"] == (who["modelward-extractor"], 0o600)
    assert owner["snapshots"] == (who["modelward-extractor"], 0o750)
    assert owner["dataset.toml"] == (0, 0o640)


def _fields(line: str) -> list[str]:
    return [*line.split(":"), "", "", "", ""]
