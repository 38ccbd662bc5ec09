"""The hub keeps the last statement that a site signed about a study, and no other."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelward.artifact.envelope import Envelope
from modelward.core.artifact import Artifact
from modelward.core.canonical import Json
from modelward.core.verdict import Release
from modelward.errors import MessageRefused
from modelward.gate.policy import Policy
from modelward.hub.statements import body_of, take, taken
from modelward.site.approving.keys import signing_key
from modelward.site.hospital import Hospital
from modelward.site.telling import tell
from modelward.study.readiness import COHORT
from tests import sites
from tests.letters import MORNING, NOON
from tests.sites import clock, make_site, newton

STUDY = newton()


class Ward:
    """A hub's folder, and two sites that say of what they have."""

    def __init__(self, folder: Path) -> None:
        self.hub = folder / "hub"
        self.folders = {name: make_site(folder / name, seed) for seed, name in
                        enumerate(("north", "south"))}  # fmt: skip
        self.agreed = sites.agreement(STUDY, self.folders)
        self.keys = {name: signing_key(path / "site.key").public_key()
                     for name, path in self.folders.items()}  # fmt: skip

    def says(self, site: str, number: int = 1, **ready: bool) -> Artifact:
        policy = Policy(min_cell=1)
        here = Hospital(self.folders[site], site, policy=policy, clock=clock)
        try:
            answer = tell(here, STUDY, {COHORT: True, **ready}, number)
        finally:
            here.close()
        assert isinstance(answer, Release)
        return answer.artifact

    def take(self, site: str, body: dict[str, Json], key: str | None = None) -> None:
        envelope = Envelope(
            kind="readiness", study=STUDY.sha256, round_no=0, sender=site, sequence=1,
            issued=MORNING, expires=NOON, body=body,
        )  # fmt: skip
        take(self.hub, self.agreed, envelope, self.keys[key or site])


def test_a_statement_is_kept_and_read_again_as_it_was_signed(tmp_path):
    ward = Ward(tmp_path)
    ward.take("north", body_of(ward.says("north")))
    ward.take("south", body_of(ward.says("south", age=False)))

    found = taken(ward.hub, STUDY, ward.keys)

    assert found["north"].whole
    assert found["north"].units == 50
    assert not found["south"].ready["age"]
    assert found["south"].units == 0


def test_a_later_check_replaces_an_earlier_one_and_never_the_other_way_round(tmp_path):
    ward = Ward(tmp_path)
    first, second = (body_of(ward.says("north", n, age=n == 2)) for n in (1, 2))
    for body in (second, first):
        ward.take("north", body)

    assert taken(ward.hub, STUDY, ward.keys)["north"].ready["age"]


def _other_card(body: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {**body, "card": {**body["card"], **changes}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda body: {**body, "more": 1}, "and nothing else"),
        (lambda body: {**body, "bundle": "?"}, "Base64"),
        (lambda body: {**body, "bundle": body["bundle"][:-8]}, "statement of readiness"),
        (lambda body: _other_card(body, site="south"), "signature"),
        (lambda body: _other_card(body, patients=5000), "signature"),
    ],
)
def test_what_was_changed_on_the_way_is_refused(tmp_path, change, says):
    ward = Ward(tmp_path)
    body = body_of(ward.says("north"))

    with pytest.raises(MessageRefused, match=says):
        ward.take("north", change(body))
    assert taken(ward.hub, STUDY, ward.keys) == {}


def test_a_statement_of_another_site_or_kind_or_of_a_stranger_is_refused(tmp_path):
    ward = Ward(tmp_path)
    said = ward.says("north")

    with pytest.raises(MessageRefused, match="another key"):
        ward.take("south", body_of(said))
    with pytest.raises(MessageRefused, match="about something else"):
        ward.take("south", body_of(said), key="north")
    with pytest.raises(MessageRefused, match="not on the roster"):
        ward.take("west", body_of(said), key="north")
    bad = Artifact(replace(said.card, kind="metrics"), said.tensors)
    with pytest.raises(MessageRefused, match="signature"):
        ward.take("north", body_of(bad))


def test_a_file_that_was_changed_at_the_hub_is_refused(tmp_path):
    ward = Ward(tmp_path)
    ward.take("north", body_of(ward.says("north", age=False)))
    path = ward.hub / "readiness" / STUDY.sha256 / "north.json"
    body = json.loads(path.read_text())
    body["card"]["patients"] = 1
    path.write_text(json.dumps(body, sort_keys=True, separators=(",", ":")))

    with pytest.raises(MessageRefused, match="signature"):
        taken(ward.hub, STUDY, ward.keys)
