"""A site that holds its answer is a silent one until a person has decided; then it answers."""

from datetime import UTC, datetime

import pytest

from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.engines.jetstream.assent import NOBODY
from modelward.gate.policy_file import read_policy
from modelward.joining.keys import signing_key
from modelward.site.approving.reviews import Reviews
from tests.wire import Federation, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

STUDY = study()
TASK = Task(study=STUDY.sha256, round_no=0, kind="statistics")


def test_the_hub_goes_on_by_its_deadline_and_gets_the_same_bytes_after_the_review(tmp_path):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    folder = made.sites["north"]
    with (folder / "policy.toml").open("a") as file:
        file.write('\n[review]\nkinds = ["statistics"]\n')
    people = read_policy(folder / "policy.toml").approvers
    reviews = Reviews(folder, "north", people)
    told: list[tuple[str, dict[str, object]]] = []

    def journal(event: str, /, **fields: object) -> None:
        told.append((event, fields))

    with made.server(), made.engine() as engine, made.node("north", journal):
        with made.node("south"):
            before = list(engine.ask(TASK, ["north", "south"], deadline_s=8.0))
        (held,) = reviews.waiting()
        ada = (NOBODY, signing_key(folder / "person.key"))
        reviews.decide("released", held.card.task, ada, datetime.now(UTC))
        (after,) = engine.ask(TASK, ["north"], deadline_s=30.0)

    assert [answer.site for answer in before] == ["south"]
    assert isinstance(after, Release)
    assert after.artifact.card.sha256 == held.card.sha256
    assert [event for event, _ in told].count("held") == 1  # it came again, and was told once
    assert "failed" not in [event for event, _ in told]
