"""What hubs and sites tell of themselves alike: sign of life, certificate and alarms."""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from modelward.engines.jetstream.lines.presence import SILENT_S
from modelward.ledger.alarm import Alarm

LATEST_S = 60.0
"""How late a busy machine may write a sign of life; by then its number may be another's."""


def health_of(folder: Path, now: datetime) -> dict[str, Any]:
    """Return the health file of a running party; nothing if none runs there.

    A machine under load writes it late. Where its process is there, what it said last holds
    for up to `LATEST_S`, or until it says something else.
    """
    found = last_known(folder)
    if not found:
        return {}
    age = (now - datetime.fromisoformat(found["time"])).total_seconds()
    return found if age <= SILENT_S or (age <= LATEST_S and _runs(found)) else {}


def last_known(folder: Path) -> dict[str, Any]:
    """Return the health file, however old; nothing if there is none that can be read."""
    try:
        found: dict[str, Any] = json.loads((folder / "health.json").read_bytes())
        datetime.fromisoformat(found["time"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found


def _runs(health: dict[str, Any]) -> bool:
    """Return whether the process that wrote a health file is there, as far as we can see."""
    try:
        os.kill(int(health["pid"]), 0)
    except PermissionError:
        return True  # somebody else's, and there
    except (OSError, ValueError, KeyError, OverflowError):
        return False
    return True


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
