"""What the server stored is what the ledger says, and what is more than that is named."""

import time
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelward.artifact.envelope import Envelope, seal
from modelward.cli.ledger import app
from modelward.core.canonical import Json
from modelward.core.task import Task
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.at_hub.recorder import Recorder
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.lines import objects
from modelward.engines.jetstream.lines.line import Line
from modelward.engines.jetstream.lines.pieces import Pieces
from modelward.engines.jetstream.messages.parcel import pack
from modelward.errors import LedgerBroken
from modelward.hub.registry import Registry
from modelward.hub.run import Hub
from modelward.joining.site_folder import SiteFolder
from modelward.ledger import archive
from modelward.ledger.log import KEY
from modelward.ledger.verify import read_key
from modelward.report.processing.carried import FILE, read
from modelward.report.processing.reconcile import Reconciled, reconcile
from tests.wire import Federation, now, run, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

STUDY = study(rounds=2)
NAMES = ["north", "south"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """Run a study to its end, and leave the server running."""
    made = Federation(tmp_path_factory.mktemp("carried"), NAMES, STUDY)
    registry = Registry(made.hub.path)
    with made.server(), Recorder(folders.hub_identity(made.hub), made.hub.path):
        with made.engine() as engine, made.node("north"), made.node("south"):
            keys = {member.site: member.signing for member in made.hub.members()}
            Hub(engine, registry, keys).run(STUDY)
        await_record(made, 10)
        yield made
    registry.close()


def await_record(made: Federation, lines: int) -> None:
    """Wait until so many messages are on record, ten seconds at most."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        path = made.hub.path / FILE
        if path.exists() and len(path.read_bytes().splitlines()) >= lines:
            return
        time.sleep(0.05)
    raise AssertionError("the record does not grow")


def compared(made: Federation, site: str, record: Path | None = None) -> Reconciled:
    ledger = made.sites[site] / "ledger"
    key = read_key(ledger / KEY)
    entries = archive.read(ledger, key).entries()
    return reconcile(list(entries), list(read(record or made.hub.path / FILE)), key)


def as_site(made: Federation, site: str, subject: str, payload: bytes) -> None:
    """Store a message with the site's certificate, as a rogue process there could."""

    async def work() -> None:
        identity = folders.site_identity(SiteFolder(made.sites[site]))
        line = await Line.dial(identity, silent, patience_s=10)
        try:
            await line.call(subject, payload)
        finally:
            await line.close()

    run(work())


def test_every_message_of_a_study_is_one_entry_to_the_byte(made):
    for site in NAMES:
        found = compared(made, site)

        assert found.differences == []
        assert found.releases == 5  # statistics, then twice train, evaluate
        assert found.messages == 5 + found.control.total()
        assert found.released_bytes > 0
        assert found.duplicates == []


def test_one_extra_message_under_the_sites_certificate_is_found(made):
    lines = len((made.hub.path / FILE).read_bytes().splitlines())
    as_site(made, "north", "fl.ans.north.rogue", b"ward 7: 12 patients")

    await_record(made, lines + 1)

    (difference,) = compared(made, "north").differences
    assert "is not signed by north" in difference
    assert "19 bytes" in difference
    assert compared(made, "south").differences == []


def test_the_command_says_the_same_and_its_exit_code_tells(made):
    ledger, record = made.sites["south"] / "ledger", made.hub.path / FILE
    done = CliRunner().invoke(app, ["reconcile", str(ledger), str(record)])
    assert done.exit_code == 0
    assert "releases    5," in done.stdout

    with pytest.raises(LedgerBroken, match="1 differences between"):
        CliRunner().invoke(
            app,
            ["reconcile", str(made.sites["north"] / "ledger"), str(record)],
            catch_exceptions=False,
        )


def test_an_answer_that_no_entry_knows_is_found_even_when_it_is_signed(made):
    lines = len((made.hub.path / FILE).read_bytes().splitlines())
    task = Task(study=STUDY.sha256, round_no=9, kind="statistics")
    hidden = b"x" * 4096
    card: Json = {"sha256": sha256(hidden).hexdigest(), "nbytes": len(hidden)}
    forged = Envelope(
        kind="answer",
        study=STUDY.sha256,
        round_no=9,
        sender="south",
        sequence=99,
        issued=now(),
        expires=now() + timedelta(days=1),
        body={"task": task.id, "decision": "released", "card": card},
    )
    payload = pack(seal(forged, SiteFolder(made.sites["south"]).key), hidden)
    as_site(made, "south", "fl.ans.south.forged", payload)

    await_record(made, lines + 1)

    (difference,) = compared(made, "south").differences
    assert "releases 4096 bytes" in difference
    assert "of which the ledger holds no entry" in difference


def test_an_object_that_was_put_by_is_found(made):
    hidden = b"y" * 5000
    lines = len((made.hub.path / FILE).read_bytes().splitlines())

    async def work() -> None:
        identity = folders.site_identity(SiteFolder(made.sites["north"]))
        line = await Line.dial(identity, silent, patience_s=10)
        try:
            await objects.put(line, "up-north", sha256(hidden).hexdigest(), Pieces([hidden]))
        finally:
            await line.close()

    run(work())
    await_record(made, lines + 1)

    differences = compared(made, "north").differences
    assert any("1 pieces, 5000 bytes" in each for each in differences)


def test_a_line_that_is_taken_out_of_the_record_is_found(made, tmp_path):
    lines = (made.hub.path / FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / FILE).write_bytes(b"".join(lines[:2] + lines[3:]))

    found = compared(made, "south", tmp_path / FILE)

    assert any("are not in the record" in each for each in found.differences)
