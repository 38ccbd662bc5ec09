"""`modelward hub`, for servers that somebody else runs and doors that are for the web."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from modelward.cli.app import app
from modelward.errors import NotAdmitted, NotApproved, StorageError
from modelward.joining.hub_folder import HubFolder
from tests.sites import FEDAVG

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
    spoken = asked.rpartition("voice ")[2].partition(" then")[0]
    request, out = folder / "north" / "request.json", folder / "m.json"
    said("hub", "admit", folder / "hub", request, "--out", out)
    renewed = said("hub", "renew", folder / "hub", "north", "--out", out)
    joined = said("site", "join", folder / "north", out)

    assert spoken in renewed
    assert HubFolder.open(folder / "hub").spoken in renewed
    assert HubFolder.open(folder / "hub").spoken in joined


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--listen", "127.0.0.1"), "no address to listen on"),
        (("--listen", "127.0.0.1:99999"), "no address to listen on"),
        (("--websocket", "127.0.0.1:4222"), "is given twice"),
    ],
)
def test_where_no_server_can_listen_no_hub_is_made(tmp_path, more, says):
    done = CliRunner().invoke(app, ["hub", "init", str(tmp_path / "hub"), "--url", URL, *more])

    assert isinstance(done.exception, NotAdmitted)
    assert says in done.exception.what
    assert not (tmp_path / "hub").exists()


def test_a_container_is_told_that_a_hub_is_down(tmp_path):
    said("hub", "init", tmp_path / "own", "--url", URL)

    done = CliRunner().invoke(app, ["hub", "status", str(tmp_path / "own"), "--require-up"])

    assert done.exit_code == 1
    assert "DOWN" in done.output


@pytest.mark.parametrize(
    "words", [("status",), ("start", "x"), ("stop", "x"), ("readiness", "x")], ids=" ".join
)
def test_a_mistyped_hub_is_not_made_one(tmp_path, words):
    wrong = tmp_path / "hbu"

    done = CliRunner().invoke(app, ["study", *words, "--hub", str(wrong)])

    assert isinstance(done.exception, StorageError)
    assert "No such file" in done.exception.what
    assert not wrong.exists()


def test_a_study_for_more_sites_than_were_admitted_is_refused_with_what_to_do(tmp_path):
    said("hub", "init", tmp_path / "hub", "--url", URL)
    (tmp_path / "study.toml").write_text(FEDAVG)
    assert "no study has been submitted yet" in said(
        "study", "status", "--hub", tmp_path / "hub"
    )

    done = CliRunner().invoke(
        app, ["study", "submit", str(tmp_path / "study.toml"), "--hub", str(tmp_path / "hub")]
    )

    assert isinstance(done.exception, NotApproved)
    assert "modelward hub admit" in done.exception.remedy
