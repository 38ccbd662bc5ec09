"""The decisions of people as a site's ledger has them; a file counts once it is recorded here.

What the decisions say, and what follows from them, is approvals.py's business.
"""

from collections import Counter

from modelward.artifact.decision import MESSAGE, Decision
from modelward.ledger import kinds
from modelward.ledger.log import Ledger


class DecisionRecord:
    """The decisions in a site's ledger: how many about each study, and the last one.

    Args:
        ledger: The site's open ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._counts: Counter[str] = Counter()
        self._last: dict[str, str] = {}
        for entry in ledger:
            if entry["kind"] in MESSAGE.values():
                self._note(str(entry["study"]), str(entry["decision"]))

    def append(self, made: Decision) -> None:
        """Record a decision.

        Raises:
            StorageError: If the ledger cannot take it; then it does not count.
        """
        self._ledger.append(
            kinds.fields(
                MESSAGE[made.word],
                study=made.study,
                by=made.person,
                roster=made.roster,
                key=made.key,
                number=made.number,
                decision=made.sha256,
            )
        )
        self._note(made.study, made.sha256)

    def count(self, study: str) -> int:
        """Return how many decisions about `study` are recorded."""
        return self._counts[study]

    def last(self, study: str) -> str | None:
        """Return the SHA-256 of the last decision about `study`."""
        return self._last.get(study)

    def _note(self, study: str, sha256: str) -> None:
        self._counts[study] += 1
        self._last[study] = sha256
