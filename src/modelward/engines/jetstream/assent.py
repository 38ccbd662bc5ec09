"""People who agree to everything: for demonstrations and tests on one machine.

In a federation a person reads what is proposed and signs a decision. Here the same files
are made without anybody: a key at each site, a policy that names it, and an approval. From
there on nothing is different: nodes record, send and check these approvals as any others.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from modelward import durable
from modelward.artifact.card import fingerprint
from modelward.artifact.envelope import Envelope
from modelward.core.study import Study
from modelward.gate.policy import SIMULATED
from modelward.gate.policy_file import read_policy
from modelward.hub.consent import Consent
from modelward.hub.registry import Registry
from modelward.joining.hub_folder import HubFolder
from modelward.joining.keys import signing_key
from modelward.site.approving.approvals import Approvals
from modelward.study.agreement import Agreement

NOBODY = "Nobody (demonstration)"
"""Who approves."""


def agree(
    hub: HubFolder, sites: Mapping[str, Path], studies: Sequence[Study], now: datetime
) -> None:
    """Propose every study to all sites, and have each approve it; again is no change.

    Args:
        hub: The hub.
        sites: Name -> folder of every admitted site.
        studies: What is proposed.
        now: The time of the decisions.

    Raises:
        NotApproved: If a site has a policy in which other people decide.
    """
    members = [member for member in hub.members() if member.site in sites]
    keys = {member.site: member.signing.public_bytes_raw().hex() for member in members}
    registry = Registry(hub.path)
    try:
        for study in studies:
            agreement = Agreement.of(study, keys)
            Consent(registry).submit(agreement)
            for name, folder in sites.items():
                _approve(agreement, name, folder, now)
    finally:
        registry.close()


def _approve(agreement: Agreement, name: str, folder: Path, now: datetime) -> None:
    key, policy = signing_key(folder / "person.key"), folder / "policy.toml"
    if not policy.exists():
        lanes = json.dumps(sorted(SIMULATED.lanes))
        named = f"[leaves]\nmin_cell = {SIMULATED.min_cell}\n\n[privacy]\nlanes = {lanes}\n\n"
        named += "[approvers]\n"
        named += f'"{NOBODY}" = "{fingerprint(key.public_key())}"\n'
        durable.write_whole(policy, named.encode())
    approvals = Approvals(folder, name, read_policy(policy).approvers)
    study = agreement.study.sha256
    if any(made.roster == agreement.fingerprint for made in approvals.decided(study)):
        return
    approvals.receive(
        Envelope(
            kind="proposal",
            study=study,
            round_no=0,
            sender="hub",
            sequence=1,
            issued=now,
            expires=now + timedelta(days=1),
            body=agreement.body(),
        )
    )
    approvals.decide("approved", study, NOBODY, key, now)
