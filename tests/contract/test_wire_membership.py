"""Members come, are renewed and go while the hub runs."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from modelward.engines.jetstream import folders
from modelward.engines.jetstream.at_hub.hub_node import HubNode
from modelward.engines.jetstream.journal import silent
from modelward.joining import certificates
from modelward.joining.keys import tls_key
from modelward.joining.members import Member
from modelward.joining.site_folder import SiteFolder
from tests.wire import LIMITS, Federation, now, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def until(true: Callable[[], bool]) -> bool:
    """Return whether `true` became true within twenty seconds."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


def test_a_running_node_is_given_its_next_certificate_and_a_removed_one_is_not(
    tmp_path: Path,
) -> None:
    made = Federation(tmp_path, ["north", "south"], study())
    site = SiteFolder(made.sites["north"])
    old = certificates.issue(
        tls_key(site.path / "tls.key").public_key(),
        "north",
        "client",
        by=(made.hub.ca, tls_key(made.hub.path / "ca.key")),
        now=now() - timedelta(days=25),
    )
    pem = certificates.to_pem(old)
    (site.path / "tls.pem").write_text(pem)
    known = made.hub.member("north")
    assert known is not None
    made.hub._known.put(Member(site="north", key=known.key, certificate=pem))
    node = HubNode(made.hub, silent, limits=LIMITS)
    hub = threading.Thread(target=node.serve, args=(now,))
    hub.start()
    try:
        with made.node("north"):
            renewed = until(
                lambda: site.certificate.not_valid_after_utc > now() + timedelta(days=29)
            )
            made.hub.remove("south")
            folders.apply(made.hub, LIMITS)
            gone = until(lambda: set(node.keys) == {"north"})
    finally:
        node.stop()
        hub.join()

    assert renewed
    assert gone
