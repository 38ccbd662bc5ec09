"""Every rule of the gate has its section on the page for data officers."""

import re
from pathlib import Path

from modelward.gate.policy import Policy

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gate.md").read_text("utf-8")


def rules_in_the_code() -> set[str]:
    """Return the names under which the gate reports findings."""
    source = "".join(
        path.read_text("utf-8") for path in (ROOT / "src/modelward/gate").glob("*.py")
    )
    return set(re.findall(r'rule="([a-z-]+)"', source)) | {"recipe", "purpose", "lead", "lane"}


def test_every_rule_has_a_section_and_every_section_is_a_rule():
    assert set(re.findall(r"^## ([a-z-]+)$", PAGE, re.M)) == rules_in_the_code()


def test_every_section_says_where_its_bound_comes_from():
    sections = re.split(r"^## ", PAGE, flags=re.M)[1:]

    assert [s.split("\n")[0] for s in sections if "Bound from:" not in s] == []


def test_the_bounds_on_the_page_are_those_of_the_policy():
    policy = Policy()

    assert f"policy's minimum ({policy.min_patients} by default)" in PAGE
    assert f"largest norm ({policy.max_norm:g})" in PAGE
    assert f"larger than {policy.round_bytes >> 20} MiB" in PAGE
    assert f"more than {policy.study_bytes >> 30} GiB" in PAGE
    assert f"more than {policy.day_bytes >> 30} GiB on one day" in PAGE
    assert all(f"`{kind}`" in PAGE for kind in policy.kinds)
