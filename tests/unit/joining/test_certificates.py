"""Who a certificate names, for how long, and which ones are refused."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from modelward.errors import NotAdmitted
from modelward.joining import certificates
from modelward.joining.keys import TlsKey

MORNING = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
HUB, OTHER, SITE, STRANGER = (ec.derive_private_key(n, ec.SECP256R1()) for n in (2, 3, 4, 5))
CA = certificates.authority(HUB, MORNING)


def issued(
    name: str = "north",
    *,
    key: TlsKey = SITE,
    by: tuple[x509.Certificate, TlsKey] = (CA, HUB),
    now: datetime = MORNING,
) -> x509.Certificate:
    return certificates.issue(key.public_key(), name, "client", by=by, now=now)


def check(
    certificate: x509.Certificate,
    *,
    name: str = "north",
    key: TlsKey = SITE,
    now: datetime = MORNING,
) -> None:
    certificates.check(certificate, name=name, public=key.public_key(), ca=CA, now=now)


def test_a_certificate_has_one_name_and_lives_a_month():
    made = issued()

    assert certificates.names_of(made) == ["north"]
    assert made.not_valid_after_utc == MORNING + 30 * DAY
    check(made)


def test_an_address_becomes_an_address_and_not_a_name():
    assert certificates.names_of(issued("127.0.0.1")) == ["127.0.0.1"]


def test_it_is_due_in_its_last_third():
    made = issued()

    assert not certificates.due(made, MORNING + 19 * DAY)
    assert certificates.due(made, MORNING + 21 * DAY)


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (issued("south"), "names south, not 'north'"),
        (issued(key=STRANGER), "for another key"),
        (issued(by=(certificates.authority(OTHER, MORNING), OTHER)), "not signed by this hub"),
    ],
    ids=["name", "key", "authority"],
)
def test_a_certificate_of_somebody_else_is_refused(certificate, words):
    with pytest.raises(NotAdmitted, match=words):
        check(certificate)


@pytest.mark.parametrize(
    ("days", "words", "remedy"),
    [(-1, "starts at 2026-11-20 09:20", "clock"), (31, "expired at 2026-12-20", "hub renew")],
)
def test_wrong_dates_are_explained_with_both_clocks(days, words, remedy):
    with pytest.raises(NotAdmitted, match=words) as caught:
        check(issued(), now=MORNING + days * DAY)

    assert "the clock here says" in caught.value.what
    assert remedy in caught.value.remedy


def test_pem_survives_the_way_there_and_back_and_nothing_else_is_read():
    made = issued()

    assert certificates.from_pem(certificates.to_pem(made)) == made
    with pytest.raises(NotAdmitted, match="not a certificate"):
        certificates.from_pem("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
