"""What a site can say about itself from its folder, whether it is up or not.

Nothing here looks into a registry, so that what a site runs starts without a database's code;
what a hub says of itself is hub_state.py's business.
"""

from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from modelward.engines.jetstream.health import health_of, last_known, told, valid_until
from modelward.engines.jetstream.lines.presence import RESTORED
from modelward.engines.jetstream.messages.count_from import count_from
from modelward.gate.policy_file import read_policy
from modelward.joining.site_folder import SiteFolder
from modelward.ledger.alarm import read_alarms
from modelward.site.approving.approvals import Approvals

CUT_OFF = (
    "running, and cannot reach the hub: if other sites can, ask its operator whether this one"
    " is still a member"
)
"""What is said of a site without a line; a hub does not talk to one that it has removed."""


def site_state(site: SiteFolder, now: datetime) -> dict[str, Any]:
    """Return whether a site is connected, and what stands in its way if it is not.

    Raises:
        NotAdmitted: If it has not joined a hub.
    """
    health = health_of(site.path, now)
    says = "not running: modelward site up"
    if health:
        says = "connected" if health["connected"] else CUT_OFF
    if health and health["connected"] and "hub" not in health["present"]:
        says = "connected to the server, and the hub is silent"
    return {
        "site": site.name,
        "hub": site.membership.hub,
        "up": bool(health),
        "connected": bool(health and health["connected"]),
        "says": says,
        "certificate_until": valid_until(site.certificate),
        "clock_skew_s": health.get("clock_skew_s", {}).get("hub"),
        "refused_by_hub": refused_by_hub(site.path),
        "undecided": _undecided(site),
        "policy_changed": policy_changed(site.path, now),
        "alarms": [told(each) for each in read_alarms(site.path / "witness" / "alarms")],
    }


def policy_digest(folder: Path) -> str:
    """Return the SHA-256 of a site's policy file; of nothing where there is none."""
    path = folder / "policy.toml"
    return sha256(path.read_bytes() if path.exists() else b"").hexdigest()


def policy_changed(folder: Path, now: datetime) -> bool:
    """Return whether a node runs there with another policy than the file has now."""
    health = health_of(folder, now)
    return bool(health.get("policy")) and health["policy"] != policy_digest(folder)


def refused_by_hub(folder: Path) -> str | None:
    """Return what to do if the hub refuses this site's messages as replays; None if not.

    What was heard last holds, whether the node runs or not, until the hub says otherwise or
    somebody here says that the folder was restored.
    """
    known = last_known(folder)
    if "hub" not in known.get("refused_by", []):
        return None
    heard = datetime.fromisoformat(known["time"]).timestamp()
    if count_from(folder / "letters") / 1000 > heard:  # milliseconds, after a restore
        return None
    return "the hub " + RESTORED.format(node="site", folder=folder)


def _undecided(site: SiteFolder) -> list[str]:
    """Return the studies that wait for a decision, or for a new one."""
    approvers = read_policy(site.path / "policy.toml").approvers
    approvals = Approvals(site.path, site.name, approvers)
    waiting = []
    for each in approvals.proposals():
        made = approvals.decided(each.study.sha256)
        if not made or made[-1].roster != each.fingerprint:
            waiting.append(each.study.id)
    return waiting
