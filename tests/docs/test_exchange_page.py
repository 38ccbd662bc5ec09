"""The tutorial of the network is typed, and its page lists the rules that the code has."""

import re
from pathlib import Path

import pytest

from tests.docs.console import Reader, steps

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs" / "exchange-tutorial.md").read_text("utf-8")
PAGE = (ROOT / "docs" / "exchange.md").read_text("utf-8")


@pytest.mark.slow
def test_the_tutorial_of_the_network_says_what_happens(tmp_path):
    reader = Reader(tmp_path, ROOT)

    for step in steps(TUTORIAL):
        reader.follow(step)


def test_every_rule_and_every_quarantine_of_the_network_is_on_its_page():
    source = "".join(
        (ROOT / "src/modelward/exchange" / name).read_text("utf-8")
        for name in ("giving/leaving.py", "documents/intake.py", "methods/sanity.py")
    )
    rules = set(re.findall(r'rule="([a-z-]+)"', source))
    rules |= set(re.findall(r'"((?:intake|terms)-[a-z]+)"', source))
    rules |= set(re.findall(r'_finding\("([a-z-]+)"', source))

    assert [rule for rule in sorted(rules) if f"`{rule}`" not in PAGE] == []
    assert {"small-cells", "intake-from", "terms-expired", "flipped"} <= rules
