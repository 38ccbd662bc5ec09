"""What the gate finds, and what a site answers.

A refusal is a legitimate answer, not an exception: it is a value, it is in the ledger, and
the hub goes on with the others (docs/decisions/0003-a-refusal-is-a-value.md).
"""

from dataclasses import dataclass

from modelward.core.artifact import Artifact


@dataclass(frozen=True, slots=True)
class Finding:
    """One objection, written for the data officer who has to act on it.

    Attributes:
        rule: Stable name, such as `min-patients`; the key in the policy file.
        says: What was found, with numbers; stays at the site.
        remedy: What would make the objection go away.
    """

    rule: str
    says: str
    remedy: str


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """An artifact that passed the gate of `site` and is in its ledger."""

    site: str
    task: str
    artifact: Artifact


@dataclass(frozen=True, slots=True)
class Refusal:
    """A site's answer that nothing leaves for this task.

    The hub learns that and no more: which rule, and what was found, are figures about
    patients and stay in the site's ledger.
    """

    site: str
    task: str


Answer = Release | Refusal
