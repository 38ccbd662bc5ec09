"""A site joins a hub through two files, and what does not fit is refused."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.canonical import canonical_bytes
from modelward.errors import NotAdmitted, StorageError
from modelward.joining.files import Membership, Request
from modelward.joining.hub_folder import HubFolder
from modelward.joining.site_folder import SiteFolder

MORNING = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
LATER = MORNING + timedelta(days=25)
URL = "tls://hub.example.org:4222"


def hub_in(folder: Path) -> HubFolder:
    return HubFolder.create(folder, url=URL, listen="127.0.0.1:4222", now=MORNING)


def asked_by(folder: Path, name: str = "north") -> Request:
    return SiteFolder(folder).ask(name, URL, MORNING)


@pytest.fixture
def joined(tmp_path):
    hub, site = hub_in(tmp_path / "hub"), SiteFolder(tmp_path / "north")
    given = hub.admit(asked_by(site.path), MORNING)
    site.join(given, MORNING)
    return hub, site, given


def test_two_files_make_a_member(joined):
    hub, site, given = joined

    assert [member.site for member in hub.members()] == ["north"]
    assert site.name == "north"
    assert site.hub_key == hub.key.public_key()
    assert given.spoken == hub.spoken
    site.check(MORNING)


def test_both_sides_see_the_same_fingerprint_of_the_site(tmp_path):
    asked = asked_by(tmp_path)

    assert (
        Request.read((tmp_path / "request.json").read_bytes(), file="r").spoken == asked.spoken
    )
    assert len(asked.spoken.split()) == 8


def test_folders_are_closed_to_other_users_of_the_machine(joined):
    hub, site, _ = joined

    assert [path.stat().st_mode & 0o007 for path in (hub.path, site.path)] == [0, 0]


def test_private_keys_are_for_their_owner_only(joined):
    hub, site, _ = joined
    keys = [*hub.path.rglob("*.key"), *site.path.rglob("*.key")]

    assert len(keys) == 7  # hub: authority, signing, server, hub, hub-admin; site: two
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}


def test_asking_again_keeps_the_keys(tmp_path):
    assert asked_by(tmp_path).spoken == asked_by(tmp_path).spoken


def changed(file: Request | Membership, **fields: object) -> bytes:
    return canonical_bytes({**file.model_dump(mode="json"), **fields})  # type: ignore[dict-item]


@pytest.mark.parametrize("field", ["site", "hub", "key", "made"])
def test_an_altered_request_is_refused(tmp_path, field):
    hub, asked = hub_in(tmp_path / "hub"), asked_by(tmp_path / "north")
    other = asked_by(tmp_path / "south", "south").model_dump()
    value = {"hub": "tls://elsewhere:1", "made": "2026-11-20T09:31:00Z"}.get(
        field, other[field]
    )

    with pytest.raises(NotAdmitted):
        hub.admit(Request.read(changed(asked, **{field: value}), file="r"), MORNING)
    assert hub.members() == []


def test_a_request_with_the_certificate_request_of_another_is_refused(tmp_path):
    """Whoever signs with their own key cannot claim somebody else's TLS key."""
    hub, site = hub_in(tmp_path / "hub"), SiteFolder(tmp_path / "north")
    asked = asked_by(site.path)
    stolen = asked_by(tmp_path / "south", "south").csr
    fields = {**asked.model_dump(mode="json"), "csr": stolen}
    del fields["signature"]
    signed = b"modelward-request/1\n" + canonical_bytes(fields)
    forged = canonical_bytes({**fields, "signature": site.key.sign(signed).hex()})

    with pytest.raises(NotAdmitted, match="csr is for south, not for 'north'"):
        hub.admit(Request.read(forged, file="r"), MORNING)


@pytest.mark.parametrize("name", ["hub", "hub-admin", "sys"])
def test_names_of_others_are_not_given_to_sites(tmp_path, name):
    with pytest.raises(NotAdmitted, match="not a name for a site"):
        asked_by(tmp_path, name)


def test_every_fault_of_a_file_is_told_at_once(tmp_path):
    asked = asked_by(tmp_path)
    raw = changed(asked, site="North!", key="short", extra=1)

    with pytest.raises(NotAdmitted) as caught:
        Request.read(raw, file="request.json")

    assert "3 faults" in caught.value.what
    assert all(key in caught.value.what for key in ("site", "key", "extra"))


def test_a_file_with_another_spelling_is_refused(tmp_path):
    asked = asked_by(tmp_path)
    spaced = json.dumps(asked.model_dump(mode="json"), indent=1).encode()

    with pytest.raises(NotAdmitted, match="canonical"):
        Request.read(spaced, file="request.json")


@given(raw=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_never_crash(raw):
    with pytest.raises(NotAdmitted):
        Membership.read(raw, file="m")


def test_a_membership_for_another_site_is_refused(joined, tmp_path):
    _, _, given = joined
    south = SiteFolder(tmp_path / "south")
    asked_by(south.path, "south")

    with pytest.raises(NotAdmitted, match="another signing key"):
        south.join(given, MORNING)


def test_an_altered_membership_is_refused(joined):
    _, site, given = joined
    raw = changed(given, hub="tls://elsewhere.example.org:4222")

    with pytest.raises(NotAdmitted, match="signature"):
        site.join(Membership.read(raw, file="m"), MORNING)


def test_a_membership_of_another_hub_is_refused_after_joining(joined, tmp_path):
    _, site, _ = joined
    other = hub_in(tmp_path / "other")
    elsewhere = other.admit(asked_by(site.path), MORNING)

    with pytest.raises(NotAdmitted, match="another hub"):
        site.join(elsewhere, MORNING)


def test_a_name_belongs_to_the_key_it_was_admitted_with(joined, tmp_path):
    hub, _, _ = joined

    with pytest.raises(NotAdmitted, match="another signing key"):
        hub.admit(asked_by(tmp_path / "impostor"), MORNING)


def test_a_removed_site_stays_removed(joined):
    hub, site, _ = joined
    pins = hub.pins()
    hub.remove("north")

    assert hub.members() == []
    assert len(hub.pins()) == len(pins) - 1
    with pytest.raises(NotAdmitted, match="was removed"):
        hub.admit(asked_by(site.path), MORNING)
    assert hub.renew("north", LATER) is None


def test_renewal_comes_in_the_last_third_and_keeps_key_and_name(joined):
    hub, site, _ = joined
    assert hub.renew("north", MORNING + timedelta(days=10)) is None

    renewed = hub.renew("north", LATER)

    assert renewed is not None
    assert site.renew(renewed, LATER)
    assert site.certificate.not_valid_after_utc == LATER + timedelta(days=30)
    assert not site.renew(renewed, LATER)
    assert hub.pins() == hub_in_place(hub).pins()


def hub_in_place(hub: HubFolder) -> HubFolder:
    return HubFolder.open(hub.path)


def test_a_certificate_for_somebody_else_does_not_renew(joined, tmp_path):
    hub, site, _ = joined
    south = SiteFolder(tmp_path / "south")
    theirs = hub.admit(asked_by(south.path, "south"), LATER).certificate

    with pytest.raises(NotAdmitted, match="another key"):
        site.renew(theirs, LATER)


def test_after_a_long_absence_the_same_request_is_admitted_again(joined):
    hub, site, _ = joined
    absent = MORNING + timedelta(days=90)
    with pytest.raises(NotAdmitted, match="expired"):
        site.check(absent)

    site.join(hub.admit(asked_by(site.path), absent), absent)

    site.check(absent)


@pytest.mark.parametrize(
    ("name", "url", "says"),
    [
        ("North", URL, "'North' is no name for a site"),
        ("north", "https://hub.example.org", "is no address of a hub"),
    ],
)
def test_what_a_site_asks_with_is_refused_in_its_own_words(tmp_path, name, url, says):
    with pytest.raises(NotAdmitted, match=says):
        SiteFolder(tmp_path).ask(name, url, MORNING)


def test_a_hub_that_nobody_can_dial_is_not_made(tmp_path):
    with pytest.raises(NotAdmitted, match="'nonsense' is no address of a hub"):
        HubFolder.create(tmp_path / "hub", url="nonsense", listen="127.0.0.1:1", now=MORNING)

    assert not (tmp_path / "hub").exists()


def test_one_file_in_the_place_of_the_other_is_called_by_its_name(joined):
    _, site, given = joined

    with pytest.raises(NotAdmitted, match="is a request, and a membership is needed"):
        Membership.read((site.path / "request.json").read_bytes(), file="request.json")
    with pytest.raises(NotAdmitted, match="is a membership, and a request is needed"):
        Request.read(given.to_bytes(), file="membership.json")


def test_a_site_that_has_not_joined_is_told_so_and_not_of_a_missing_file(tmp_path):
    asked_by(tmp_path)

    with pytest.raises(NotAdmitted, match="has not joined a hub"):
        SiteFolder(tmp_path).check(MORNING)


def test_a_renewal_never_brings_back_a_site_that_is_being_removed(tmp_path):
    hub = hub_in(tmp_path / "hub")
    names = [f"s{number:02}" for number in range(30)]
    for name in names:
        hub.admit(asked_by(tmp_path / name, name), MORNING)
    with ThreadPoolExecutor(2) as hands:
        for name in names:  # the node renews while somebody removes
            renewing, removing = (
                hands.submit(hub.renew, name, LATER),
                hands.submit(hub.remove, name),
            )
            renewing.result()
            removing.result()

    assert hub.members() == []


def test_a_damaged_member_is_told_with_its_file(joined):
    hub, _, _ = joined
    (hub.path / "members" / "north.json").write_text('{"site": "nor')

    with pytest.raises(StorageError, match=r"members/north\.json cannot be read") as caught:
        hub.members()
    assert "backup" in caught.value.remedy
