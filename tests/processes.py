"""Processes of this machine, as /proc shows them."""

from pathlib import Path


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`, the innermost last."""
    found: list[int] = []
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    for child in map(int, listed):
        found += [child, *descendants(child)]
    return found
