"""What hubs and sites tell of themselves alike: sign of life, certificate and alarms."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from modelward.engines.jetstream.presence import SILENT_S
from modelward.ledger.alarm import Alarm


def health_of(folder: Path, now: datetime) -> dict[str, Any]:
    """Return the health file, or nothing if it is missing or out of date."""
    try:
        found: dict[str, Any] = json.loads((folder / "health.json").read_bytes())
        age = (now - datetime.fromisoformat(found["time"])).total_seconds()
    except (OSError, ValueError, KeyError):
        return {}
    return found if age <= SILENT_S else {}


def valid_until(certificate: x509.Certificate) -> str:
    """Return until when a certificate is good, for people to read."""
    return certificate.not_valid_after_utc.strftime("%Y-%m-%d %H:%M UTC")


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
