"""Whose messages were refused as replays: on disk, until a newer message of theirs is taken.

    letters/replayed.json     [[sender, study], ...]

A party that was restored and did not say so sends under numbers that it has used before. It
reads of it in our signs of life (presence.py). A message that is refused does not come again,
so what is forgotten at a restart would be told to nobody until it sends another.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from modelward.artifact.envelope import Envelope
from modelward.durable import write_whole
from modelward.engines.jetstream.messages.remembered import Remembered
from modelward.errors import StorageError

FILE = "replayed.json"

RESTORED = 10**12
"""From here on numbers are times (count_from.py): milliseconds, of 2001 and later."""


class Replayed:
    """Senders and studies in which their last message was refused as a replay.

    Args:
        folder: Where it is kept. What cannot be read or written there is kept in memory only:
            it stops nothing, and is told to people.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._found: set[tuple[str, str]] = set()
        with suppress(OSError, ValueError, TypeError):
            self._found = {
                (str(who), str(of)) for who, of in json.loads(self._path.read_text())
            }

    def senders(self) -> set[str]:
        """Return who is refused, by name."""
        return {sender for sender, _ in self._found}

    def note(self, sender: str, study: str) -> None:
        """Remember that a message of `sender` in `study` was refused."""
        self._become(self._found | {(sender, study)})

    def taken(self, message: Envelope, studies: Mapping[str, Remembered]) -> None:
        """Forget what a message that was taken proves to be over.

        That is the study's own refusal; and, where its number says that the sender counts on
        from a restore, every one in a study whose numbers lie below.

        Args:
            message: What was taken.
            studies: What is remembered of each study that was looked at.
        """
        sender, number = message.sender, message.sequence
        over = {(sender, message.study)}
        for who, of in self._found if number >= RESTORED else ():
            seen = studies[of].seen.get(who, {}) if of in studies else {}
            if who == sender and max(seen, default=0) < number:
                over.add((who, of))
        self._become(self._found - over)

    def _become(self, found: set[tuple[str, str]]) -> None:
        if found == self._found:
            return
        self._found = found
        with suppress(StorageError):
            write_whole(self._path, f"{json.dumps(sorted(found))}\n".encode())
