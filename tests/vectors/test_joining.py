"""The examples of docs/formats/request.md and membership.md, read as the pages say."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from modelward.joining import certificates, files
from modelward.joining.files import Membership, Request

ROOT = Path(__file__).parents[2]
VECTORS = Path(__file__).parent / "joining"
MORNING = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def raw(name: str) -> bytes:
    return (VECTORS / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", ["request", "membership"])
def test_the_page_shows_the_file(name):
    page = (ROOT / "docs" / "formats" / f"{name}.md").read_text()

    assert f"```json\n{raw(name).decode()}\n```" in page


def test_the_request_proves_what_it_says():
    asked = Request.read(raw("request"), file="request.json")

    files.check_request(asked)
    assert asked.spoken in (ROOT / "docs/formats/request.md").read_text()


def test_the_membership_answers_it():
    asked = Request.read(raw("request"), file="request.json")
    given = Membership.read(raw("membership"), file="membership.json")

    given.opened_by(given.signing)
    assert (given.site, given.site_key) == (asked.site, asked.key)
    assert given.spoken in (ROOT / "docs/formats/membership.md").read_text()
    certificates.check(
        certificates.from_pem(given.certificate),
        name=asked.site,
        public=asked.tls,
        ca=certificates.from_pem(given.ca),
        now=MORNING,
    )
