"""The hub asks who has approved, as they approved it, and nobody else."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from typing_extensions import override

from modelward.artifact.decision import MESSAGE, Decision, Word
from modelward.artifact.envelope import Envelope, seal
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal
from modelward.errors import MessageRefused, NotApproved
from modelward.hub.consent import Consent, Standing, roster_of
from modelward.hub.consenting import Consenting
from modelward.hub.registry import Registry
from modelward.study.agreement import Agreement
from tests.letters import HUB, MORNING, NOON
from tests.sites import ADA, newton

AGREED = Agreement(
    study=newton(), roster={name: f"{place:02x}" * 32 for place, name in enumerate("abc", 1)}
)
STUDY = AGREED.study.sha256


@pytest.fixture
def registry(tmp_path):
    made = Registry(tmp_path / "hub")
    yield made
    made.close()


@pytest.fixture
def consent(registry):
    made = Consent(registry)
    made.submit(AGREED)
    return made


def letter(
    word: Word, site: str = "a", number: int = 1, agreed: Agreement = AGREED
) -> tuple[Envelope, bytes]:
    """Return a site's message with a person's decision, as `unseal` gives it."""
    made = Decision(
        word=word,
        study=agreed.study.sha256,
        roster=agreed.fingerprint,
        site=site,
        number=number,
        person="Dr Ada Byron",
        time="2026-11-20T09:30:00Z",
    ).signed(ADA)
    envelope = Envelope(
        kind=MESSAGE[word],
        study=made.study,
        round_no=0,
        sender=site,
        sequence=number,
        issued=MORNING,
        expires=NOON,
        body=made.body(),
    )
    return envelope, seal(envelope, HUB)


def start(consent: Consent) -> None:
    for site in ("a", "b"):
        consent.take(*letter("approved", site))
    consent.set_going(STUDY, "started")


def test_only_sites_that_approved_a_started_study_may_be_asked(consent):
    assert consent.approved(STUDY) == frozenset()
    consent.take(*letter("approved", "a"))
    consent.take(*letter("approved", "b"))
    consent.take(*letter("declined", "c"))
    assert consent.approved(STUDY) == frozenset()

    consent.set_going(STUDY, "started")

    assert consent.approved(STUDY) == {"a", "b"}
    assert [each.word for each in consent.standing(STUDY)] == [
        "approved", "approved", "declined",
    ]  # fmt: skip


def test_a_withdrawal_takes_a_site_out_at_once(consent):
    start(consent)
    consent.take(*letter("withdrawn", "a", 2))

    assert consent.approved(STUDY) == {"b"}
    consent.take(*letter("approved", "a", 3))
    assert consent.approved(STUDY) == {"a", "b"}


def test_another_roster_ends_every_approval(consent):
    consent.take(*letter("approved"))
    other = replace(AGREED, roster={**AGREED.roster, "d": "0d" * 32})
    consent.submit(other)

    assert {each.word for each in consent.standing(STUDY)} == {None}
    consent.take(*letter("approved", "a", 2, other))
    assert consent.standing(STUDY)[0].word == "approved"


def test_the_roster_of_a_started_study_does_not_change(consent):
    start(consent)

    with pytest.raises(NotApproved, match="other sites"):
        consent.submit(replace(AGREED, roster={**AGREED.roster, "d": "0d" * 32}))
    consent.submit(AGREED)
    assert consent.approved(STUDY) == {"a", "b"}


def test_too_few_approvals_do_not_start_a_study(consent):
    consent.take(*letter("approved"))

    with pytest.raises(NotApproved, match="1 sites have approved readmission: a"):
        consent.set_going(STUDY, "started")


def test_a_paused_study_asks_nobody_and_goes_on_later(consent):
    start(consent)
    consent.set_going(STUDY, "paused")
    assert consent.approved(STUDY) == frozenset()

    consent.set_going(STUDY, "started")
    assert consent.approved(STUDY) == {"a", "b"}


def test_a_stopped_study_stays_stopped(consent):
    start(consent)
    consent.set_going(STUDY, "stopped")

    assert consent.approved(STUDY) == frozenset()
    with pytest.raises(NotApproved, match="is stopped"):
        consent.set_going(STUDY, "started")


def test_what_is_remembered_outlives_the_hub(consent, registry, tmp_path):
    start(consent)
    registry.close()
    again = Registry(tmp_path / "hub")
    try:
        assert Consent(again).approved(STUDY) == {"a", "b"}
        assert Consent(again).agreements() == [AGREED]
    finally:
        again.close()


def test_the_same_decision_twice_is_one(consent):
    consent.take(*letter("approved"))
    consent.take(*letter("approved"))

    assert consent.standing(STUDY)[0] == Standing(
        site="a", word="approved", person="Dr Ada Byron", time="2026-11-20T09:30:00Z"
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sender": "b"}, "another site"),
        ({"kind": "decline"}, "another kind"),
    ],
)
def test_a_decision_in_the_wrong_envelope_is_refused(consent, changes, says):
    envelope, raw = letter("approved")

    with pytest.raises(MessageRefused, match=says):
        consent.take(replace(envelope, **changes), raw)
    assert consent.standing(STUDY)[0].word is None


def test_a_decision_for_another_study_is_refused(consent):
    other = replace(
        AGREED,
        study=newton().model_copy(
            update={"plan": newton().plan.model_copy(update={"seed": 5})}
        ),
    )
    consent.submit(other)
    envelope, raw = letter("approved")

    with pytest.raises(MessageRefused, match="another study"):
        consent.take(replace(envelope, study=other.study.sha256), raw)


@pytest.mark.parametrize("number", [2, 3])
def test_a_decision_out_of_its_place_is_refused(consent, number):
    with pytest.raises(MessageRefused, match="number"):
        consent.take(*letter("approved", number=number))


def test_a_decision_that_came_before_the_one_it_follows_waits_for_it(consent):
    first, second = letter("approved"), letter("withdrawn", number=2)

    assert consent.awaits_another(second[0])
    assert not consent.awaits_another(first[0])
    consent.take(*first)
    assert not consent.awaits_another(second[0])
    consent.take(*second)

    assert [each.word for each in consent.standing(STUDY) if each.site == "a"] == ["withdrawn"]


def test_an_old_approval_does_not_come_back_after_a_withdrawal(consent):
    start(consent)
    first = letter("approved")
    consent.take(*letter("withdrawn", number=2))
    consent.take(*first)

    assert consent.approved(STUDY) == {"b"}


def test_a_stranger_has_no_say(consent):
    with pytest.raises(MessageRefused, match="roster"):
        consent.take(*letter("approved", "zurich"))


def test_a_study_that_was_never_proposed_is_nobodys_business(registry):
    with pytest.raises(NotApproved, match="never proposed"):
        Consent(registry).approved(STUDY)


class Loudspeaker:
    """An engine that remembers who was asked, and has them refuse."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        assert deadline_s is None
        self.asked += sites
        return (Refusal(site, task.id) for site in sites)


def test_a_site_that_did_not_approve_never_receives_a_task(consent):
    start(consent)
    consent.take(*letter("declined", "c"))
    engine = Loudspeaker()
    task = Task(study=STUDY, round_no=0, kind="statistics")

    answers = list(Consenting(engine, consent).ask(task, ["a", "b", "c"], deadline_s=None))

    assert engine.asked == ["a", "b"]
    assert sorted(answer.site for answer in answers) == ["a", "b", "c"]
    assert answers[0] == Refusal("c", task.id)


def test_a_site_that_withdraws_between_two_tasks_is_not_asked_again(consent):
    start(consent)
    engine = Loudspeaker()
    asking = Consenting(engine, consent)
    task = Task(study=STUDY, round_no=0, kind="statistics")
    list(asking.ask(task, ["a", "b"], deadline_s=None))
    consent.take(*letter("withdrawn", "a", 2))
    list(asking.ask(task, ["a", "b"], deadline_s=None))

    assert engine.asked == ["a", "b", "b"]


def test_a_study_is_proposed_to_the_sites_it_names_or_to_all():
    study, keys = newton(), dict(AGREED.roster)
    named = study.model_copy(
        update={"sites": study.sites.model_copy(update={"names": ("a", "b")})}
    )

    assert roster_of(study, keys) == keys
    assert roster_of(named, keys) == {"a": keys["a"], "b": keys["b"]}
    with pytest.raises(NotApproved, match="not admitted: b"):
        roster_of(named, {"a": keys["a"]})


def test_a_study_that_is_stopped_while_it_is_being_started_stays_stopped(registry, consent):
    class Slow(Consent):
        """Somebody else stops the study between the look and the decision."""

        @override
        def standing(self, study: str) -> list[Standing]:
            found = super().standing(study)
            consent.set_going(study, "stopped")
            return found

    for site in "abc":
        consent.take(*letter("approved", site))

    with pytest.raises(NotApproved, match="is stopped and cannot be started"):
        Slow(registry).set_going(STUDY, "started")
    assert consent.going(STUDY) == "stopped"
