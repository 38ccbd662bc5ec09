"""Whether torch, and MONAI, are there, asked before anything imports them."""

from importlib.metadata import PackageNotFoundError, version
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


MONAI = "1.6."
"""Versions whose networks are known here; another may compute something else by the name."""


def require_monai() -> None:
    """Return if torch is installed, and MONAI in a version that is known here.

    Raises:
        MissingExtra: If one is not.
    """
    require_torch()
    try:
        found = version("monai")
    except PackageNotFoundError:
        found = ""
    if not found.startswith(MONAI):
        raise MissingExtra(
            f"the recipe 'monai' needs MONAI {MONAI}x, and "
            + (f"{found} is installed" if found else "it is not installed"),
            why="MONAI builds its networks, and a study means the same ones at every site",
            remedy="pip install 'modelward[monai]', or use the recipe 'densenet' or 'unet'",
        )


def gpu_present() -> bool:
    """Return whether torch is installed and sees a GPU; imports torch if it is."""
    if find_spec("torch") is None:
        return False
    from torch import cuda  # noqa: PLC0415 - torch is large

    return cuda.is_available()


def no_gpu_because() -> str:
    """Return why torch sees no GPU, in torch's words; only where it sees none."""
    if find_spec("torch") is None:
        return "torch is not installed"
    from torch import cuda  # noqa: PLC0415 - torch is large

    try:
        cuda.init()  # type: ignore[no-untyped-call]
    except (AssertionError, RuntimeError) as error:
        return str(error).strip().partition("\n")[0]
    return "the driver knows no device"
