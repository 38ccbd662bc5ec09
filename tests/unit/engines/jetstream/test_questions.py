"""What is asked and was asked, with several studies at once."""

import sys
import threading
from collections.abc import Iterator

import pytest

from modelward.core.task import Task
from modelward.engines.jetstream.messages.questions import Questions


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("impatient")
def test_studies_that_are_asked_at_once_lose_none_of_each_others_questions():
    asked, failed = Questions(), []

    def ask(study: str) -> None:
        try:
            for number in range(120):
                for phase in range(12):
                    task = Task(
                        study=study, round_no=number, kind="sums", model=f"{phase:064x}"
                    )
                    with asked.asking(task, ["north"]):
                        assert asked.get(task.id) is not None
                    assert task.id in asked._closed
        except (RuntimeError, AssertionError) as error:
            failed.append(error)

    studies = [threading.Thread(target=ask, args=(f"{n:064x}",)) for n in range(6)]
    for each in studies:
        each.start()
    for each in studies:
        each.join()

    assert not failed
    assert len(asked._closed) == 6 * 12  # those of each study's last round
