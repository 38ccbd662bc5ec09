"""Everything that is wrong with a node is said at once, with what to do about it."""

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelward.cli.app import app
from modelward.doctor import folder, machine
from modelward.doctor.check import Check
from modelward.doctor.examine import examine
from modelward.doctor.line import _skew
from modelward.errors import StorageError
from modelward.joining.hub_folder import HubFolder
from modelward.joining.site_folder import SiteFolder
from modelward.recipes.brought import Brought
from tests.sites import make_site

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
URL = "tls://127.0.0.1:1"


@pytest.fixture
def site(tmp_path: Path) -> SiteFolder:
    """A site that has joined a hub, has data, and a policy under which somebody decides."""
    hub = HubFolder.create(tmp_path / "hub", url=URL, listen="127.0.0.1:1", now=NOON)
    made = SiteFolder(make_site(tmp_path / "north", 1))
    made.join(hub.admit(made.ask("north", URL, NOON), NOON), NOON)
    (made.path / "policy.toml").write_text(f'[approvers]\n"Dr Ada" = "{"ab" * 32}"\n')
    return made


def states(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


def found(path: Path, when: datetime = NOON, **environment: str) -> dict[str, Check]:
    checks = examine(path, lambda: when, environment)
    return {check.name: check for check in checks}


def test_a_site_in_order_lacks_only_the_hub_that_nobody_runs(site):
    checks = found(site.path)

    failed = [name for name, check in checks.items() if check.state == "failed"]
    assert failed == ["connection"]
    assert "127.0.0.1:1" in checks["connection"].says
    assert checks["policy"].says == "1 may approve: Dr Ada"
    assert checks["dataset"].says.startswith("table at ")
    assert checks["keys"].state == checks["certificate"].state == "ok"


def test_every_check_that_is_not_ok_says_why_and_what_to_do(site):
    (site.path / "policy.toml").write_text('isolation = "none"\n')
    (site.path / "data.csv").unlink()

    for check in found(site.path, HTTPS_PROXY="http://p:1").values():
        assert check.says
        assert (check.state == "ok") == (not check.why) == (not check.remedy)


def test_all_that_is_wrong_is_told_at_once(site):
    (site.path / "policy.toml").write_text('isolation = "perhaps"\n')
    (site.path / "dataset.toml").write_text("[dataset]\n")
    (site.path / "network.toml").write_text('proxi = "http://p:1"\n')
    (site.path / "site.key").chmod(0o640)

    checks = found(site.path, NOON + timedelta(days=40))

    failed = {name for name, check in checks.items() if check.state == "failed"}
    assert {"policy", "dataset", "proxy", "keys", "certificate", "connection"} <= failed
    assert "chmod 600" in checks["keys"].remedy
    assert "site.key" in checks["keys"].says
    assert "modelward hub renew HUB north" in checks["certificate"].remedy
    assert "did you mean 'proxy'" in checks["proxy"].says


@pytest.mark.parametrize(
    ("later", "state"),
    [(timedelta(0), "ok"), (timedelta(days=25), "warning"), (timedelta(days=31), "failed"),
     (timedelta(days=-1), "failed")],
)  # fmt: skip
def test_dates_of_certificates_are_told_before_they_are_past(site, later, state):
    assert found(site.path, NOON + later)["certificate"].state == state


def test_a_certificate_from_the_future_is_explained_by_a_clock(site):
    assert "clock" in found(site.path, NOON - timedelta(days=1))["certificate"].says


@pytest.mark.parametrize(
    ("seconds", "state"), [(2.0, "ok"), (-90.0, "warning"), (400.0, "failed")]
)
def test_clocks_that_differ_are_told_by_how_much(seconds, state):
    check = _skew("hub", seconds)

    assert check.state == state
    assert f"{seconds:+.0f}" in check.says or state == "ok"


def test_a_hub_tells_whose_certificate_has_run_out(site):
    hub = site.path.parent / "hub"

    checks = found(hub, NOON + timedelta(days=31))

    assert checks["certificate of north"].state == "warning"
    assert "modelward hub renew HUB north" in checks["certificate of north"].remedy
    assert checks["certificate of server"].state == "failed"
    assert checks["authority"].state == "ok"
    assert checks["nats-server"].state == "ok"
    assert checks["connection"].state == "warning"  # it is stopped for an update, say


@pytest.mark.slow
def test_a_proxy_in_the_environment_is_not_used_and_this_is_said(site):
    assert "proxy" not in found(site.path)
    told = found(site.path, HTTPS_PROXY="http://p:1", no_proxy="x")["proxy"]
    assert told.says == "HTTPS_PROXY is set, and network.toml names no proxy"

    (site.path / "network.toml").write_text('proxy = "http://127.0.0.1:1"\n')
    assert "proxy" not in found(site.path, HTTPS_PROXY="http://p:1")


def test_a_password_in_network_toml_is_kept_like_a_key(site):
    path = site.path / "network.toml"
    path.write_text('proxy = "http://ward:secret@127.0.0.1:1"\n')
    path.chmod(0o644)
    checks = found(site.path)

    assert "network.toml" in checks["keys"].says
    assert not any("secret" in check.says for check in checks.values())


@pytest.mark.slow
def test_an_opt_out_list_is_counted_and_a_missing_one_is_a_fault(site):
    with (site.path / "dataset.toml").open("a") as file:
        file.write('opt_out = "no.txt"\n')
    assert found(site.path)["dataset"].state == "failed"

    (site.path / "no.txt").write_text("S1-0001\nS1-0002\n")
    assert found(site.path)["dataset"].says.endswith("2 on the opt-out list")


@pytest.mark.slow
def test_recipes_of_others_are_told_with_whether_they_may_run(site, monkeypatch):
    monkeypatch.setattr(folder, "brought", list)
    assert "recipes" not in found(site.path)
    other = Brought("cloglog", "ward-recipes 1.0", "cd" * 32)
    monkeypatch.setattr(folder, "brought", lambda: [other])
    assert found(site.path)["recipes"].state == "warning"

    with (site.path / "policy.toml").open("a") as policy:
        policy.write(f'[recipes]\ncloglog = "{other.sha256}"\n')
    assert found(site.path)["recipes"].says == "cloglog of ward-recipes 1.0 may run"


def test_little_room_is_told_in_time(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)

    def disk(free: int) -> str:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
        return states(list(machine.disk(tmp_path)))["disk"]

    assert disk(100 * 2**30) == "ok"
    assert disk(5 * 2**30) == "warning"
    assert disk(2**20) == "failed"


def test_a_machine_without_namespaces_is_told_in_the_kernels_words(site, monkeypatch):
    monkeypatch.setattr(folder, "unavailable", lambda _: "unshare: Operation not permitted")
    check = found(site.path)["isolation"]

    assert check.state == "failed"
    assert "unshare: Operation not permitted" in check.says


def test_a_folder_of_nobody_is_refused(tmp_path):
    with pytest.raises(StorageError, match="neither a hub nor a site"):
        examine(tmp_path, lambda: NOON, {})


def test_torch_is_told_without_being_imported():
    program = (
        "import sys; from modelward.doctor import machine; "
        "print([c.says for c in machine.torch()]); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert re.search("for processors only|for CUDA|not installed", done.stdout)


@pytest.mark.slow
def test_the_command_prints_a_line_each_and_ends_with_1_if_something_is_missing(site):
    run = CliRunner()
    machine_only = run.invoke(app, ["doctor"])
    as_json = run.invoke(app, ["doctor", str(site.path), "--json"])
    text = run.invoke(app, ["doctor", str(site.path)])

    assert machine_only.exit_code in {0, 1}  # 1 where this machine has no room
    assert machine_only.stdout.startswith("ok       versions     modelward ")
    assert as_json.exit_code == text.exit_code == 1
    listed = json.loads(as_json.stdout)
    assert {each["state"] for each in listed} >= {"ok", "failed"}
    assert set(listed[0]) == {"name", "state", "says", "why", "remedy"}
    assert "\n         because hub and sites talk over mutual TLS" in text.stdout
