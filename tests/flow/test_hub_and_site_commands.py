"""A hub and three sites in four folders, by the commands of docs/operations/joining.md alone.

Two sites approve, one declines; the study changes, and everybody is asked again; one
withdraws. Every process is real, and every wait has an end.
"""

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelward.engines.jetstream.loopback import free_port
from modelward.evaluate.findings import Findings
from modelward.joining.files import read_hub_key
from modelward.ledger.verify import verify
from modelward.site.isolation.view import unavailable
from modelward.site.predict import open_model
from tests.nodes import SECRET, running, until
from tests.wire import STUDY_FILE, make_site

pytestmark = [pytest.mark.engine, pytest.mark.slow]

SITES = ("north", "south", "west")
MARKED = "p4711x"


def modelward(folder: Path, *words: object) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "modelward", *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Country:
    """A hub and its sites, joined by commands in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        url = f"tls://127.0.0.1:{free_port()}"
        modelward(folder, "hub", "init", "hub", "--url", url)
        for seed, name in enumerate(SITES):
            self._join(name, seed, url)

    def _join(self, name: str, seed: int, url: str) -> None:
        here = self.folder
        table = make_site(here / name, 60, seed) / "data.csv"
        table.write_text(table.read_text().replace("\np7,", f"\n{MARKED},"))
        asked = modelward(here, "site", "init", name, "--name", name, "--hub-url", url)
        admitted = modelward(here, "hub", "admit", "hub", f"{name}/request.json")
        joined = modelward(here, "site", "join", name, f"{name}-membership.json")
        assert asked.strip().rpartition("voice")[2].partition("then")[0].strip() in admitted
        assert re.findall(r"(\S+)\s+\(hub\)", admitted)[0] in joined
        person = modelward(
            here, "site", "person", "Ada", "--key", f"{name}.pem", "--passphrase", SECRET
        )
        apart = "namespaces" if unavailable(here) is None else "none"
        few = "[leaves]\nmin_cell = 1\n"  # an invented hospital of a few dozen patients
        few += '[privacy]\nlanes = ["dp", "exact"]\n'
        policy = f'isolation = "{apart}"\n{few}' + person[person.index("[approvers]") :]
        (here / name / "policy.toml").write_text(policy)

    def decide(self, word: str, site: str, study: str = "small") -> str:
        """Have a person of `site` decide."""
        key = ("--as", "Ada", "--key", f"{site}.pem", "--passphrase", SECRET)
        return modelward(self.folder, "site", word, site, study, *key)

    def submit(self, rounds: int, version: int) -> None:
        """Write the study file and propose it."""
        text = STUDY_FILE.replace("ROUNDS", str(rounds)).replace("EXTRA", "")
        text = text.replace('id = "small"', f'id = "small"\nversion = {version}')
        text += '\n[sharing]\nrule = "contribution"\n'
        text += "\n[report]\n"
        (self.folder / "study.toml").write_text(text)
        modelward(self.folder, "study", "submit", "study.toml", "--hub", "hub")

    def studies(self, site: str) -> list[Any]:
        """Return what `site` was asked to join."""
        found: list[Any] = json.loads(modelward(self.folder, "site", "studies", site, "--json"))
        return found

    def state(self, version: int = 1) -> Any:
        """Return what the hub says of one version of the study."""
        told = json.loads(modelward(self.folder, "study", "status", "--hub", "hub", "--json"))
        return told[version - 1]

    def words(self, version: int = 1) -> dict[str, str | None]:
        """Return what each site has decided, as the hub knows it."""
        return {each["site"]: each["word"] for each in self.state(version)["sites"]}

    def hub_says(self) -> str:
        """Return the status of the hub."""
        return modelward(self.folder, "hub", "status", "hub")

    def messages(self, site: str, study: str) -> list[str]:
        """Return the kinds of messages that a site has had and sent about a study."""
        lines = (self.folder / site / "letters" / f"{study}.jsonl").read_text().splitlines()
        return [json.loads(line)["kind"] for line in lines]

    def entries(self, site: str) -> list[Any]:
        """Return the ledger of `site`, verified."""
        verify(self.folder / site / "ledger")
        lines = (self.folder / site / "ledger" / "entries.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def country(tmp_path):
    """Everybody is up."""
    made = Country(tmp_path)
    with ExitStack() as stack:
        stack.enter_context(running(tmp_path, "hub", "up", "hub"))
        for name in SITES:
            stack.enter_context(running(tmp_path, "site", "up", name))
        yield made
        assert "hub tls://" in made.hub_says()
    assert not _alive(tmp_path / "hub" / "nats" / "nats.pid"), "the server ends with the hub"
    for log in tmp_path.glob("*.log"):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert lines[-1]["event"] == "stopped"
        assert MARKED not in log.read_text()


def test_two_approve_one_declines_and_is_never_asked(country):
    country.submit(rounds=2, version=1)
    (proposed,) = until(lambda: country.studies("west"))
    shown = modelward(country.folder, "site", "show", "west", "small")
    until(lambda: country.studies("north") and country.studies("south"))
    country.decide("approve", "north")
    country.decide("approve", "south")
    country.decide("decline", "west")
    decided = {"north": "approved", "south": "approved", "west": "declined"}
    until(lambda: country.words() == decided)

    modelward(country.folder, "study", "start", "small", "--hub", "hub")
    until(lambda: "all 2 rounds are done" in country.hub_says())

    study = proposed["study"]
    assert "Tell who falls ill" in shown
    assert country.messages("west", study) == ["proposal", "decline"]
    assert [each["kind"] for each in country.entries("west") if "study" in each] == ["decline"]
    until(lambda: country.messages("north", study).count("transcript") == 3)
    assert country.messages("north", study).count("task") == 1 + 2 * 2 + 1
    kinds = [each["kind"] for each in country.entries("north")]
    assert kinds.count("release") == 1 + 2 * 2 + 1
    assert "approval" in kinds
    assert "north approved, south approved, west declined" in country.hub_says()
    assert "connected" in modelward(country.folder, "site", "status", "north")
    assert "all 2 rounds" in country.state()["finished"]
    exported = modelward(country.folder, "model", "export", "hub", "--study", "small")
    assert "model.safetensors\nmodel.card.json\nmodel.study.json\nsigned by" in exported
    key = country.folder / "north" / "membership.json"
    opened = open_model(country.folder / "model.safetensors", hub_key=read_hub_key(str(key)))
    assert opened.study.sha256 == study
    check_reports(country, shown)
    check_shares(country.folder)


def check_shares(folder: Path) -> None:
    """Let the hub sign shares, and compute them again from what the sites hand over."""
    handed = ("--from", "north=north", "--from", "south=south")
    words = ("study", "shares", "hub", "--study", "small")

    signed = modelward(folder, *words, *handed)
    again = modelward(folder, *words, *handed, "--check", "shares.json")

    assert "rule: contribution, over 2 rounds" in signed
    assert "4 combined answers are in the ledgers of 2 sites" in signed
    assert "is what the registry and the updates give" in again


def check_reports(country: Country, shown: str) -> None:
    """Hold the hub's report against those that two hospitals write for themselves."""
    modelward(country.folder, "study", "report", "hub", "--study", "small", "--out", "found")
    hub = Findings.from_json((country.folder / "found" / "report.json").read_bytes())

    assert "tells of its test patients" in " ".join(shown.split()).replace(
        "tell of", "tells of"
    )
    assert [each.site for each in hub.verdicts] == ["north", "south"]
    assert hub.model("pooled") is None
    for told in hub.verdicts:
        site = told.site
        said = modelward(
            country.folder, "site", "report", site, "model.safetensors", "--out", f"{site}-own"
        )
        own = Findings.from_json((country.folder / f"{site}-own" / "report.json").read_bytes())
        assert own.verdicts[0].sentence in said
        assert own.verdicts[0].word == told.word
        assert hub.model(f"local:{site}") is not None
        assert hub.federated.at(site).units in {None, own.federated.at(site).units}


def test_a_changed_study_needs_new_approvals_and_a_withdrawal_ends_one(country):
    country.submit(rounds=500, version=1)
    for name in SITES:
        until(partial(country.studies, name))
        country.decide("approve", name)
    until(lambda: set(country.words().values()) == {"approved"})
    modelward(country.folder, "study", "start", "small", "--hub", "hub")
    until(lambda: "round 0" not in country.hub_says())

    country.decide("withdraw", "south")
    until(lambda: country.words()["south"] == "withdrawn")
    modelward(country.folder, "study", "pause", "small", "--hub", "hub")
    asked = country.messages("south", country.state()["study"]).count("task")
    modelward(country.folder, "study", "start", "small", "--hub", "hub")
    before = _round(country)
    until(lambda: _round(country) > before + 2)
    modelward(country.folder, "study", "stop", "small", "--hub", "hub")

    assert country.messages("south", country.state()["study"]).count("task") == asked
    country.submit(rounds=1, version=2)
    assert set(until(lambda: country.words(2)).values()) == {None}
    until(lambda: len(country.studies("north")) == 2)
    assert [each["decision"] for each in country.studies("north")] == ["approved", "undecided"]
    assert "waiting for a decision: small" in modelward(
        country.folder, "site", "status", "north"
    )


def _round(country: Country) -> int:
    return int(re.findall(r"round (\d+)", country.hub_says())[0])


def _alive(pid_file: Path) -> bool:
    try:
        os.kill(int(pid_file.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True
