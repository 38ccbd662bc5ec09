"""A site that was put back to an older copy, recovered by two named persons at the command."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from modelward.artifact.card import fingerprint
from modelward.cli.app import app
from modelward.core.verdict import Refusal
from modelward.errors import LedgerBroken, NotApproved
from modelward.joining.hub_folder import HubFolder
from modelward.joining.site_folder import SiteFolder
from modelward.privacy.book import read
from modelward.site.approving.settling import signed
from tests.letters import STRANGER
from tests.sites import ADA
from tests.unit.site.test_gatekeeper import approved
from tests.unit.site.test_missed import Watched, put_back
from tests.wire import now

pytestmark = pytest.mark.slow

POLICY = f"""[approvers]
"Dr Ada Byron" = "{fingerprint(ADA.public_key())}"
"C. Babbage" = "{fingerprint(STRANGER.public_key())}"
"""


def admitted(folder: Path, site: Path) -> None:
    """Make `site` a member of a hub, and give it a policy with two approvers."""
    address = "127.0.0.1:4222"
    hub = HubFolder.create(folder, url=f"tls://{address}", listen=address, now=now())
    member = SiteFolder(site)
    member.join(hub.admit(member.ask("cleveland", hub.url, now()), now()), now())
    (site / "policy.toml").write_text(POLICY)


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Watched]:
    """A site whose ledger lost a release that its witness knows of."""
    made = Watched(tmp_path)
    approved(made)
    put_back(made)
    made.mail()
    admitted(tmp_path / "office", made.folder)
    yield made
    made.keeper.close()
    made.board.close()


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["site", *map(str, words)])


def settle(ward: Watched, first: str, second: str, *more: object) -> Result:
    """Settle the one alarm as two persons would."""
    (alarm,) = ward.keeper._hospital.circle.witness.alarms.all()
    named = ("--as", first, "--with", second, "--reason", "the disk was changed")
    keys = [keyed(ward.folder / name, key) for name, key in (("a", ADA), ("c", STRANGER))]
    locks = ("--key", keys[0], "--with-key", keys[1])
    secret = ("--passphrase", f"@{ward.folder / 'word'}")
    both = (*secret, "--with-passphrase", secret[1])
    return run("alarms", ward.folder, "--settle", alarm.id, *named, *locks, *both, *more)


def keyed(path: Path, key: Ed25519PrivateKey) -> Path:
    """Write a person's key, locked with the words in the file `word` beside it."""
    lock = serialization.BestAvailableEncryption(b"a word")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    path.write_bytes(key.private_bytes(*form, lock))
    (path.parent / "word").write_text("a word\n")
    (path.parent / "word").chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Dr Ada Byron", ""),
        ("Dr Ada Byron", "Dr Ada Byron"),
        ("Dr Ada Byron", "Somebody Else"),
        ("", "C. Babbage"),
    ],
    ids=["alone", "twice", "a stranger", "nobody"],
)
def test_who_is_not_two_approvers_settles_nothing(ward, first, second):
    refused = settle(ward, first, second)

    assert isinstance(refused.exception, LedgerBroken)
    assert "two approvers of the policy" in refused.exception.why
    assert "STANDS" in run("alarms", ward.folder).output
    assert isinstance(ward.ask(ward.task()), Refusal)


def test_two_names_of_one_key_are_one_person(ward):
    ada = fingerprint(ADA.public_key())
    one = POLICY.replace(fingerprint(STRANGER.public_key()), ada)
    (ward.folder / "policy.toml").write_text(one)

    refused = settle(ward, "Dr Ada Byron", "C. Babbage")

    assert isinstance(refused.exception, LedgerBroken)
    assert "have one key in policy.toml" in refused.exception.what
    assert "STANDS" in run("alarms", ward.folder).output


@pytest.mark.parametrize("spent", ["-1", "nan", "inf"])
def test_what_is_no_price_is_not_taken_as_spent(ward, spent):
    """An entry with it could not be counted, and the budget would be closed for ever."""
    refused = settle(ward, "Dr Ada Byron", "C. Babbage", "--spent", spent)

    assert isinstance(refused.exception, LedgerBroken)
    assert "an epsilon from 0 on" in refused.exception.remedy
    assert "STANDS" in run("alarms", ward.folder).output


@pytest.mark.slow
def test_two_approvers_settle_it_and_the_budget_shows_what_they_answer_for(ward):
    said = settle(ward, "Dr Ada Byron", "C. Babbage", "--spent", 4.5)
    answer = ward.ask(ward.task())
    shown = run("budget", ward.folder)

    assert "settled" in said.output
    assert "Dr Ada Byron with C. Babbage" in said.output
    assert not isinstance(answer, Refusal)
    assert read(ward.keeper._hospital.ledger).missing == 4.5
    (gap,) = (each for each in ward.keeper._hospital.ledger if each["kind"] == "gap")
    made = signed(ward.folder, str(gap["alarm"]))
    assert {each.person for each in made} == {"Dr Ada Byron", "C. Babbage"}
    assert {each.spent for each in made} == {"4.5"}
    assert gap["settlements"] == [each.sha256 for each in made]
    assert "4.50 is for entries that are missing" in shown.output
    again = settle(ward, "Dr Ada Byron", "C. Babbage", "--spent", 0.0)
    assert isinstance(again.exception, LedgerBroken)
    assert "Dr Ada Byron with C. Babbage" in again.exception.what


@pytest.mark.parametrize(
    ("locks", "error", "match"),
    [
        ((), NotApproved, "no key of Dr Ada Byron and C. Babbage"),
        (("--key", "a"), NotApproved, "no key of C. Babbage"),
        (("--key", "a", "--with-key", "a"), NotApproved, "'C. Babbage' may not settle"),
        (
            ("--key", "c", "--with-key", "a"),
            NotApproved,
            "'Dr Ada Byron', 'C. Babbage' may not",
        ),
    ],
)
def test_a_name_without_its_own_key_settles_nothing(ward, locks, error, match):
    (alarm,) = ward.keeper._hospital.circle.witness.alarms.all()
    for name, key in (("a", ADA), ("c", STRANGER)):
        keyed(ward.folder / name, key)
    secret = f"@{ward.folder / 'word'}"
    words = [each if each.startswith("--") else ward.folder / each for each in locks]
    named = ("--as", "Dr Ada Byron", "--with", "C. Babbage", "--reason", "a new disk")
    both = ("--passphrase", secret, "--with-passphrase", secret)

    refused = run("alarms", ward.folder, "--settle", alarm.id, *named, *words, *both)

    assert isinstance(refused.exception, error), refused.output
    assert match in refused.exception.what
    assert "STANDS" in run("alarms", ward.folder).output
    assert not (ward.folder / "witness" / "settlements").exists()
