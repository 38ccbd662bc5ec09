"""`modelward hub`, for servers that somebody else runs and doors that are for the web."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from modelward.cli.app import app
from modelward.joining.hub_folder import HubFolder

URL = "tls://hub.example.org:4222"


def said(*words: object) -> str:
    result: Result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    said("hub", "init", tmp_path / "hub", "--url", URL, "--external",
         "--listen", "0.0.0.0:4222", "--websocket", "0.0.0.0:443")  # fmt: skip
    return tmp_path


def test_an_external_server_gets_its_files_and_not_the_hubs_keys(folder):
    told = said("hub", "server-config", folder / "hub", folder / "out", "--at", "/srv/nats")

    files = {path.name: path for path in (folder / "out").iterdir()}
    assert set(files) == {"nats.conf", "ca.pem", "server.pem", "server.key"}
    assert "copy them to /srv/nats" in told
    assert "nats-server --signal quit=/srv/nats/nats.pid" in told  # a reload is not enough
    written = json.loads(files["nats.conf"].read_text())
    assert written["tls"]["key_file"] == "/srv/nats/server.key"
    assert written["jetstream"]["store_dir"] == "/srv/nats/streams"
    assert (written["listen"], written["websocket"]["listen"]) == (
        "0.0.0.0:4222",
        "0.0.0.0:443",
    )
    assert files["server.key"].stat().st_mode & 0o077 == 0
    hub = folder / "hub"
    for own in (hub / "hub.key", hub / "ca.key", hub / "tls" / "hub.key"):
        assert own.read_bytes() not in [path.read_bytes() for path in files.values()]


def test_a_change_of_members_says_when_it_is_in_force(folder):
    said("site", "init", folder / "north", "--name", "north", "--hub-url", URL)
    out = folder / "m.json"
    admitted = said(
        "hub", "admit", folder / "hub", folder / "north" / "request.json", "--out", out
    )
    removed = said("hub", "remove", folder / "hub", "north")

    for told in (admitted, removed):
        assert "in force when the server has reloaded: modelward hub server-config" in told


def test_what_init_was_told_is_what_is_opened_later(folder):
    hub = HubFolder.open(folder / "hub")

    assert (hub.websocket, hub.external) == ("0.0.0.0:443", True)
    again = CliRunner().invoke(app, ["hub", "init", str(folder / "hub"), "--url", URL])
    assert again.exit_code != 0  # another way to serve is another hub


def test_a_renewal_names_both_fingerprints_and_changes_neither(folder):
    asked = said("site", "init", folder / "north", "--name", "north", "--hub-url", URL)
    spoken = asked.rpartition("voice ")[2]
    request, out = folder / "north" / "request.json", folder / "m.json"
    said("hub", "admit", folder / "hub", request, "--out", out)
    renewed = said("hub", "renew", folder / "hub", "north", "--out", out)
    joined = said("site", "join", folder / "north", out)

    assert spoken in renewed
    assert HubFolder.open(folder / "hub").spoken in renewed
    assert HubFolder.open(folder / "hub").spoken in joined
