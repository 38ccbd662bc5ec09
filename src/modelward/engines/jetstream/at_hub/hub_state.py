"""What a hub can say about itself from its folder, whether it is up or not."""

import shutil
from collections.abc import Collection
from datetime import datetime
from typing import Any

from modelward.core.study import Study
from modelward.engines.jetstream.at_hub import resting
from modelward.engines.jetstream.health import health_of, told, valid_until
from modelward.engines.jetstream.server.supervised import running
from modelward.hub.consent import Consent
from modelward.hub.registry import Registry
from modelward.hub.switchboard import alarms_at
from modelward.joining import certificates
from modelward.joining.hub_folder import HubFolder


def hub_state(hub: HubFolder, now: datetime) -> dict[str, Any]:
    """Return members, who is there, and how far each proposed study is."""
    health = health_of(hub.path, now)
    present = health.get("present", [])
    members = [
        {
            "site": member.site,
            "present": member.site in present,
            "certificate_until": valid_until(certificates.from_pem(member.certificate)),
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
