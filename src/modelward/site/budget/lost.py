"""What a ledger has lost: a site that was put back stops, and pays when it goes on.

Witnesses raise the alarm (ledger/circle.py) and persons settle it (`modelward site alarms`).
Whoever writes in the ledger without being on a wire, as an institution of the data-model
network does, finds both here, in the folder that the node keeps:

    SITE/witness/alarms    alarms about this ledger and others, settled or not

While one about this ledger stands nothing is appended, so nothing leaves. What was lost is
taken as spent of every patient, once, before anything else is reserved.
"""

from collections.abc import Iterable
from pathlib import Path

from modelward.ledger.alarm import Alarm, read_alarms
from modelward.ledger.log import Ledger
from modelward.site.budget.spending import Spending


def known(folder: Path) -> tuple[Alarm, ...]:
    """Return the alarms that the node of the site in `folder` has raised, oldest first.

    Raises:
        LedgerBroken: If one cannot be read.
    """
    return read_alarms(folder / "witness" / "alarms")


def standing(folder: Path, origin: str) -> str:
    """Return the alarm about the ledger `origin` that nobody has settled; '' if none stands."""
    about = (each for each in known(folder) if each.states[0].origin == origin)
    return next((each.sentence for each in about if not each.settled), "")


def book_gaps(ledger: Ledger, spending: Spending, origin: str, alarms: Iterable[Alarm]) -> None:
    """Book what is missing since alarms about this ledger were settled, each once.

    Args:
        ledger: The site's ledger.
        spending: Its budget.
        origin: The ledger's name.
        alarms: All that are known.

    Raises:
        StorageError: If it cannot be recorded.
    """
    for alarm in alarms:
        if alarm.states[0].origin != origin or not alarm.settled:
            continue
        if not any(e["kind"] == "gap" and e["alarm"] == alarm.id for e in ledger):
            spending.miss(alarm.id, alarm.settled, alarm.spent)
