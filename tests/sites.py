"""Small sites with invented patients, people who may decide, and a study to decide about."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.artifact.card import fingerprint
from modelward.artifact.envelope import Envelope
from modelward.core.study import Study
from modelward.gate.policy import LANES, Isolation, Policy
from modelward.site.approving.keys import signing_key
from modelward.study.agreement import Agreement
from modelward.study.read import parse
from tests.letters import MORNING, NOON

ADA = Ed25519PrivateKey.from_private_bytes(bytes(range(64, 96)))
BEN = Ed25519PrivateKey.from_private_bytes(bytes(range(96, 128)))
PEOPLE = {"Dr Ada Byron": fingerprint(ADA.public_key())}

NEWTON = """
[study]
id = "readmission"
purpose = "Predict unplanned readmission"
[features.creatinine]
type = "number"
unit = "mg/dL"
range = [0, 10]
[features.age]
type = "number"
unit = "a"
range = [18, 110]
[features.diabetes]
type = "boolean"
[target.readmitted]
type = "boolean"
[recipe]
name = "logistic"
[plan]
strategy = "newton"
rounds = 6
test = 0.1
"""

FEDAVG = (
    NEWTON.replace(
        'strategy = "newton"', 'strategy = "fedavg"\nvalidation = 0.3\nlr = 0.1'
    ).replace("rounds = 6", "rounds = 3")
    + '[stop]\nmetric = "auc"\n'
)


def clock() -> datetime:
    """The clock of every site: it stands still."""
    return datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def newton() -> Study:
    """Return an exact study on three columns."""
    return parse(NEWTON)


def fedavg() -> Study:
    """Return an averaged study that watches a metric."""
    return parse(FEDAVG)


def policy(isolation: Isolation = "namespaces") -> Policy:
    """Return a policy under which Dr Ada Byron decides; the sites here are small and open."""
    return Policy(isolation=isolation, approvers=PEOPLE, min_cell=1, lanes=LANES)


def make_site(folder: Path, seed: int, patients: int = 90) -> Path:
    """Write invented patients and dataset.toml into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng([5, seed])
    lines = ["mrn,creatinine,age,diabetes,readmitted"]
    for number in range(patients):
        creatinine, age = draw.gamma(2.0, 0.6), draw.uniform(30, 90)
        diabetes = int(draw.random() < 0.3)
        ill = draw.random() < 1 / (1 + np.exp(-(creatinine + diabetes - 2)))
        row = f"S{seed}-{number:04},{min(creatinine, 9):.2f},{age:.0f},{diabetes},{int(ill)}"
        lines.append(row)
    (folder / "data.csv").write_text("\n".join(lines) + "\n")
    (folder / "dataset.toml").write_text(
        '[dataset]\nkind = "table"\npath = "data.csv"\npatient = "mrn"\n'
    )
    return folder


def agreement(study: Study, folders: dict[str, Path]) -> Agreement:
    """Return `study` with the sites in `folders` as its roster."""
    keys = {name: signing_key(path / "site.key").public_key() for name, path in folders.items()}
    raw = {name: key.public_bytes_raw().hex() for name, key in keys.items()}
    return Agreement.of(study, raw)


def proposal(agreed: Agreement) -> Envelope:
    """Return the hub's proposal of `agreed`, as a wire hands it over."""
    return Envelope(
        kind="proposal",
        study=agreed.study.sha256,
        round_no=0,
        sender="hub",
        sequence=1,
        issued=MORNING,
        expires=NOON,
        body=agreed.body(),
    )
