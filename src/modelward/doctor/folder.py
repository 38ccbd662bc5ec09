"""The folder of a hub or site: keys, certificates, policy, data, and how it is kept apart."""

import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509

from modelward.doctor.check import Check, ok
from modelward.gate.policy import Isolation
from modelward.gate.policy_file import read_policy
from modelward.joining import certificates
from modelward.joining.hub_folder import OWN, HubFolder
from modelward.joining.site_folder import SiteFolder
from modelward.readers.dataset import read
from modelward.readers.opt_out import read_opt_out
from modelward.recipes.brought import brought
from modelward.site.isolation.view import unavailable

SOON = timedelta(days=7)
"""A certificate with less than this left should have been renewed by a running node."""


def keys(folder: Path) -> Iterator[Check]:
    """Say whether private keys, and passwords of proxies, are their owner's alone."""
    found = sorted(folder.glob("*.key")) + sorted(folder.glob("tls/*.key"))
    network = folder / "network.toml"
    if network.exists() and "@" in network.read_text("utf-8", errors="replace"):
        found.append(network)
    open_ones = [path for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_ones:
        named = " ".join(str(path) for path in open_ones)
        yield Check(
            "keys",
            "failed",
            f"others can read or write {named}",
            "whoever has a key speaks in this party's name",
            f"chmod 600 {named}",
        )
    else:
        yield ok("keys", f"{len(found)} private files, readable by their owner only")


def site_certificate(site: SiteFolder, now: datetime) -> Iterator[Check]:
    """Say until when the site can connect.

    Raises:
        NotAdmitted: If it has not joined, or its certificate cannot be used now.
    """
    site.check(now)
    yield from _dated("certificate", site.certificate, now, "modelward site up SITE")


def hub_certificates(hub: HubFolder, now: datetime) -> Iterator[Check]:
    """Say until when the hub's own certificates and its members' are good."""
    for who in OWN:
        held = certificates.from_pem((hub.path / "tls" / f"{who}.pem").read_bytes())
        yield from _dated(f"certificate of {who}", held, now, "modelward hub up HUB")
    yield from _dated("authority", hub.ca, now, "make a new hub, and admit its sites there")
    for member in hub.members():
        end = certificates.from_pem(member.certificate).not_valid_after_utc
        if end <= now:
            yield Check(
                f"certificate of {member.site}",
                "warning",
                f"expired at {end:%Y-%m-%d %H:%M} UTC",
                f"{member.site} was away for longer than that, and cannot connect",
                f"modelward hub renew HUB {member.site}, and send the file to the site",
            )


def policy(folder: Path) -> Iterator[Check]:
    """Say whether the site's policy is understood, and whether anybody may decide.

    Raises:
        GateRefused: With every fault of the file.
    """
    found = read_policy(folder / "policy.toml")
    if not found.approvers:
        yield Check(
            "policy",
            "warning",
            "no [approvers] in policy.toml",
            "nobody may approve a study here, so no task is answered",
            "modelward site person NAME --key FILE prints what to add",
        )
    else:
        yield ok("policy", f"{len(found.approvers)} may approve: {', '.join(found.approvers)}")


def recipes(folder: Path) -> Iterator[Check]:
    """Say which recipes of other packages are installed, and may run here or not.

    Raises:
        GateRefused: If the policy cannot be read.
    """
    allowed = read_policy(folder / "policy.toml").recipes
    for found in brought():
        if found.sha256 and allowed.get(found.name) == found.sha256:
            yield ok("recipes", f"{found.name} of {found.package} may run")
            continue
        yield Check(
            "recipes",
            "warning",
            f"{found.name} of {found.package} is installed, and not allowed as it is",
            "a study that asks for it is refused here",
            "modelward recipes prints its hash; review it, then add it to policy.toml",
        )


def dataset(folder: Path) -> Iterator[Check]:
    """Say whether the data and the opt-out list are where dataset.toml says; opens no data.

    Raises:
        DataError: If dataset.toml or the list cannot be used.
    """
    found, path = read(folder / "dataset.toml")
    if not path.is_file():
        yield Check(
            "dataset",
            "failed",
            f"there is no file {path}",
            "dataset.toml names it as the site's data",
            "correct [dataset] path, or put the file there (under systemd: as the extractor "
            "sees it)",
        )
        return
    said = f"{found.dataset.kind} at {path}"
    if found.dataset.opt_out is None:
        yield ok("dataset", f"{said}; no opt-out list")
    else:
        listed = read_opt_out(folder / found.dataset.opt_out)
        yield ok("dataset", f"{said}; {len(listed.ids)} on the opt-out list")


def isolation(folder: Path) -> Iterator[Check]:
    """Say whether the trainer can be kept apart as the policy asks, by trying.

    Raises:
        GateRefused: If the policy cannot be read.
    """
    wanted: Isolation = read_policy(folder / "policy.toml").isolation
    if wanted == "none":
        yield Check(
            "isolation",
            "warning",
            'the policy says isolation = "none"',
            "a faulty or hostile recipe could then read other files and use the network",
            'where Linux allows it, say isolation = "namespaces" or "systemd"',
        )
        return
    reason = None
    if wanted == "systemd":
        reason = None if (folder / "trainer.sock").is_socket() else "no unit listens for it"
    else:
        with TemporaryDirectory() as scratch:
            reason = unavailable(Path(scratch))
    if reason is None:
        yield ok("isolation", f"the trainer can be kept apart by {wanted}")
        return
    yield Check(
        "isolation",
        "failed",
        f"the trainer cannot be kept apart by {wanted}: {reason}",
        "the trainer reads patients' data, so it gets no network and no other files",
        "allow user namespaces (Linux 5.12 or newer, sysctl user.max_user_namespaces), or "
        "install the systemd units",
    )


def _dated(
    name: str, held: x509.Certificate, now: datetime, renewed_by: str
) -> Iterator[Check]:
    start, end = held.not_valid_before_utc, held.not_valid_after_utc
    said = f"valid until {end:%Y-%m-%d %H:%M} UTC"
    if start <= now < end - SOON:
        yield ok(name, said)
    elif now < start:
        yield Check(
            name,
            "failed",
            f"starts at {start:%Y-%m-%d %H:%M} UTC, and it is {now:%Y-%m-%d %H:%M} here",
            "one of two clocks is wrong",
            "set this machine's clock (timedatectl)",
        )
    else:
        yield Check(
            name,
            "failed" if now >= end else "warning",
            said if now < end else f"expired at {end:%Y-%m-%d %H:%M} UTC",
            "a running node renews certificates in the last third of their thirty days",
            renewed_by,
        )
