"""Whoever installs the package gets all that it imports, without the packages of developers."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMES_IN = {
    "nats": "nats-py",
    "dp_accounting": "dp-accounting",
    "typing_extensions": "pydantic",
    "gdcm": "python-gdcm",
}
"""Module -> the distribution that brings it, where the names differ."""


def test_what_is_imported_is_declared_and_not_only_for_developers():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {
        name: each for name, each in project["optional-dependencies"].items() if name != "dev"
    }
    wanted = [*project["dependencies"], *(each for extra in extras.values() for each in extra)]
    declared = {re.split(r"[<>=\\[;]", each)[0] for each in wanted}
    imported = {
        name
        for path in (ROOT / "src").rglob("*.py")
        for name in re.findall(
            r"^(?:import|from) (\w+)[\w.]*(?: import .+| as \w+)?$",
            path.read_text("utf-8"),
            re.M,
        )
    }

    strangers = imported - set(sys.stdlib_module_names) - {"modelward"}
    assert {name for name in strangers if COMES_IN.get(name, name) not in declared} == set()
