"""From which number a party's own messages count, after its folder was restored from a copy.

    letters/count-from        the number; absent where nothing was ever restored

A number that comes back with other bytes is refused as a replay (book.py), so whoever was
restored goes on from one that it cannot have used.
"""

from datetime import datetime
from pathlib import Path

from modelward.durable import make_folder, write_whole
from modelward.errors import StorageError

COUNT_FROM = "count-from"


def restored(folder: Path, now: datetime) -> int:
    """Have the party whose book is in `folder` count on from a number it cannot have used.

    For a book that was restored from a copy and is older than what others have seen of it:
    a number that comes back with other bytes is refused as a replay. Milliseconds since
    1970 are larger than any count, and larger at each restore.

    Returns:
        The number.

    Raises:
        StorageError: If it cannot be written.
    """
    number = int(now.timestamp() * 1000)
    make_folder(folder)
    write_whole(folder / COUNT_FROM, f"{number}\n".encode())
    return number


def count_from(folder: Path) -> int:
    """Return the smallest number of a message of our own; 1 if it was never restored.

    Raises:
        StorageError: If the file that says it holds no number.
    """
    try:
        return int((folder / COUNT_FROM).read_text())
    except FileNotFoundError:
        return 1
    except ValueError as error:
        raise StorageError(
            f"{folder / COUNT_FROM} holds no number",
            why="a message whose number was used before is refused as a replay",
            remedy="say again that the folder was restored: modelward hub restored HUB, "
            "or modelward site restored SITE",
        ) from error
