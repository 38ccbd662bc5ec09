"""Whether torch is there, asked before anything imports it."""

from importlib.util import find_spec

from modelward.errors import MissingExtra


def require_torch() -> None:
    """Return if torch is installed.

    Raises:
        MissingExtra: If it is not.
    """
    if find_spec("torch") is None:
        raise MissingExtra(
            "this recipe trains with torch, and torch is not installed",
            why="torch is large, so only those who train networks install it",
            remedy="pip install 'modelward[torch]', or use the recipe 'logistic'",
        )


def gpu_present() -> bool:
    """Return whether torch is installed and sees a GPU; imports torch if it is."""
    if find_spec("torch") is None:
        return False
    from torch import cuda  # noqa: PLC0415 - torch is large

    return cuda.is_available()
