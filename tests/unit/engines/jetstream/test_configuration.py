"""What the server is told about who may do what. The real server is asked in tests/contract."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelward.engines.jetstream.server.configuration import Limits, Server, configuration
from modelward.engines.jetstream.server.supervised import check_version, find_server
from modelward.errors import MissingExtra

SERVER = Server(
    listen="127.0.0.1:4222",
    folder=Path("/srv/hub"),
    ca=Path("/srv/ca.pem"),
    certificate=Path("/srv/server.pem"),
    key=Path("/srv/server.key"),
)


def told(*sites: str) -> Any:
    return json.loads(configuration(SERVER, sites, ["ab" * 32], Limits()))


def test_only_the_hub_has_streams_and_every_site_an_account_of_its_own():
    accounts = told("north", "south")["accounts"]

    assert [name for name, account in accounts.items() if "jetstream" in account] == ["HUB"]
    assert {"SITE_north", "SITE_south"} < set(accounts)
    assert accounts["SITE_north"]["users"][0]["user"] == "north"


def boxes(site: str) -> list[str]:
    """What everybody may read of a site: its box in the data-model network."""
    return [f"$JS.API.DIRECT.GET.BOX_{site}", f"$JS.API.DIRECT.GET.OBJ_off-{site}"]


def test_nothing_of_one_site_but_reading_its_box_is_in_the_account_of_another():
    accounts = told("north", "south")["accounts"]

    for own, other in (("north", "south"), ("south", "north")):
        text = json.dumps(accounts[f"SITE_{own}"])
        for subject in boxes(other):
            text = text.replace(subject, "")
        assert other not in text


def test_every_service_that_names_a_site_is_private_to_it_but_reading_its_box():
    for export in told("north", "south")["accounts"]["HUB"]["exports"]:
        subject = export.get("service", "")
        if subject in boxes("north") + boxes("south"):
            continue
        for site in ("north", "south"):
            if site in subject:
                assert export["accounts"] == [f"SITE_{site}"]


def test_the_server_speaks_tls_first_and_syncs_every_message():
    top = told("north")

    assert top["jetstream"]["sync_interval"] == "always"
    assert top["tls"]["verify_and_map"] is True
    assert top["tls"]["handshake_first"] is True
    assert top["tls"]["min_version"] == "1.3"
    assert top["tls"]["pinned_certs"] == ["ab" * 32]


def test_websocket_asks_for_certificates_as_the_other_door_does():
    server = replace(SERVER, websocket="0.0.0.0:443")
    top = json.loads(configuration(server, ["north"], ["ab" * 32], Limits()))

    assert "websocket" not in told("north")
    assert top["websocket"]["listen"] == "0.0.0.0:443"
    assert {**top["websocket"]["tls"], "handshake_first": True} == top["tls"]


def test_what_a_reload_cannot_change_does_not_depend_on_the_members():
    assert told("north")["jetstream"] == told("north", "south", "west")["jetstream"]


@pytest.mark.parametrize("said", ["nats-server: v2.12.6", "nats-server: v2.9.25", "", "bash 5"])
def test_an_older_server_is_refused_with_a_way_forward(said):
    with pytest.raises(MissingExtra, match=r"2\.12\.7 is needed") as caught:
        check_version(said, Path("/usr/bin/nats-server"))

    assert "modelward[server]" in caught.value.remedy


@pytest.mark.parametrize("said", ["nats-server: v2.12.7", "nats-server: v2.15.1", "v3.0.0-x"])
def test_a_newer_server_is_taken(said):
    check_version(said, Path("/usr/bin/nats-server"))


def test_the_installed_server_is_found_and_new_enough():
    assert find_server().name == "nats-server"
