"""What a hub or site can say about itself from its folder, whether it is up or not."""

import json
import shutil
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509

from modelward.core.study import Study
from modelward.engines.jetstream import resting
from modelward.engines.jetstream.presence import RESTORED, SILENT_S
from modelward.engines.jetstream.server import running
from modelward.gate.policy_file import read_policy
from modelward.hub.consent import Consent
from modelward.hub.registry import Registry
from modelward.hub.switchboard import alarms_at
from modelward.joining import certificates
from modelward.joining.hub_folder import HubFolder
from modelward.joining.site_folder import SiteFolder
from modelward.ledger.alarm import Alarm, read_alarms
from modelward.site.approvals import Approvals

CUT_OFF = (
    "running, and cannot reach the hub: if other sites can, ask its operator whether this one"
    " is still a member"
)
"""What is said of a site without a line; a hub does not talk to one that it has removed."""


def hub_state(hub: HubFolder, now: datetime) -> dict[str, Any]:
    """Return members, who is there, and how far each proposed study is."""
    health = _health(hub.path, now)
    present = health.get("present", [])
    members = [
        {
            "site": member.site,
            "present": member.site in present,
            "certificate_until": _until(certificates.from_pem(member.certificate)),
            "clock_skew_s": health.get("clock_skew_s", {}).get(member.site),
            "protocol": health.get("protocols", {}).get(member.site),
            "replays": member.site in health.get("replays", []),
        }
        for member in hub.members()
    ]
    served = hub.external or running(hub.path / "nats") is not None
    up = bool(health) and served
    registry = Registry(hub.path)
    try:
        consent = Consent(registry)
        studies = [
            _study(registry, consent, each.study, up=up, present=present)
            for each in consent.agreements()
        ]
    finally:
        registry.close()
    return {
        "url": hub.url,
        "up": up,
        "members": members,
        "refused_by": health.get("refused_by", []),
        "studies": studies,
        "alarms": [told(each) for each in alarms_at(hub.path)],
    }


def _study(
    registry: Registry, consent: Consent, study: Study, *, up: bool, present: Collection[str]
) -> dict[str, Any]:
    """Return how far a proposed study is, what each site has decided, and why it rests."""
    finished, going = registry.finished(study), consent.going(study.sha256)
    standing = consent.standing(study.sha256)
    decisions: dict[str, str] = {each.site: each.word or "undecided" for each in standing}
    seen = resting.Seen(
        going=going,
        decisions=decisions,
        minimum=study.sites.minimum,
        up=up,
        present=present,
        noted=resting.noted(registry.folder, study.sha256),
        free=shutil.disk_usage(registry.folder).free,
    )
    return {
        "id": study.id,
        "version": study.study.version,
        "study": study.sha256,
        "rounds": registry.rounds(study),
        "state": finished or going,
        "why": None if finished else resting.reason(seen),
        "decisions": decisions,
    }


def site_state(site: SiteFolder, now: datetime) -> dict[str, Any]:
    """Return whether a site is connected, and what stands in its way if it is not.

    Raises:
        NotAdmitted: If it has not joined a hub.
    """
    health = _health(site.path, now)
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
        "certificate_until": _until(site.certificate),
        "clock_skew_s": health.get("clock_skew_s", {}).get("hub"),
        "refused_by_hub": refused_by_hub(site.path, now),
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
    health = _health(folder, now)
    return bool(health.get("policy")) and health["policy"] != policy_digest(folder)


def refused_by_hub(folder: Path, now: datetime) -> str | None:
    """Return what to do if the hub refuses this site's messages as replays; None if not."""
    if "hub" not in _health(folder, now).get("refused_by", []):
        return None
    return "the hub " + RESTORED.format(node="site", folder=folder)


def told(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as `--json` shows it."""
    return {
        "id": alarm.id,
        "ledger": alarm.states[0].origin,
        "finding": alarm.finding,
        "time": alarm.time,
        "settled": alarm.settled,
        "says": alarm.explain(),
    }


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


def _health(folder: Path, now: datetime) -> dict[str, Any]:
    """Return the health file, or nothing if it is missing or out of date."""
    try:
        found: dict[str, Any] = json.loads((folder / "health.json").read_bytes())
        age = (now - datetime.fromisoformat(found["time"])).total_seconds()
    except (OSError, ValueError, KeyError):
        return {}
    return found if age <= SILENT_S else {}


def _until(certificate: x509.Certificate) -> str:
    return certificate.not_valid_after_utc.strftime("%Y-%m-%d %H:%M UTC")
