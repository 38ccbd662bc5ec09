"""What alarms.py and backdoors.py are asked: which data, and which networks.

Seeds of 300 and up are for settling a rule, those of 200 to 209 for figures that are told.
"""

import argparse
from collections.abc import Sequence


def parser(about: str | None, seeds: int) -> argparse.ArgumentParser:
    """Return a parser of the arguments that both have.

    Args:
        about: What is measured.
        seeds: How many networks there are, if nobody says.
    """
    made = argparse.ArgumentParser(description=about)
    made.add_argument("--data", nargs="+", default=["digits", "pneumonia"])
    made.add_argument("--first", type=int, default=200)
    made.add_argument("--seeds", type=int, default=seeds)
    return made


def seeds_of(asked: argparse.Namespace) -> Sequence[int]:
    """Return the seeds that were asked for."""
    return range(asked.first, asked.first + asked.seeds)
