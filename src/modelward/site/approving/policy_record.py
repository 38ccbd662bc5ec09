"""Changes of a site's policy in its ledger: under which bounds did something leave?

The bounds that hold without a policy file are the start. When a node starts under other
bounds than the ledger knows, that is recorded before anything can leave under them.
"""

from modelward.gate.policy import Policy
from modelward.ledger import kinds
from modelward.ledger.log import Ledger

OWNER = "the owner of policy.toml"
"""Who changed a policy: the file's rights say who can, and nothing else is known."""


def note_policy(ledger: Ledger, policy: Policy) -> bool:
    """Record `policy` unless it is the one that the ledger knows; return whether it was new.

    Raises:
        StorageError: If it cannot be recorded; then nothing may leave under it.
    """
    before = known_policy(ledger)
    if before == policy.sha256:
        return False
    ledger.append(kinds.fields("policy", by=OWNER, before=before, after=policy.sha256))
    return True


def known_policy(ledger: Ledger) -> str:
    """Return the hash of the last policy that is recorded; of the standard one if none is."""
    found = Policy().sha256
    for entry in ledger:
        if entry["kind"] == "policy":
            found = str(entry["after"])
    return found
