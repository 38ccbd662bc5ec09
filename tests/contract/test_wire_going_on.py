"""What runs beside the rounds goes on after a fault of the disk; its end is not overlooked."""

import threading
import time
from collections.abc import Callable

import pytest

from modelward.engines.jetstream import folders
from modelward.engines.jetstream.at_hub.recorder import Recorder
from modelward.engines.jetstream.journal import Field
from modelward.errors import EngineFailed
from modelward.report.processing.carried import FILE, read
from tests.wire import Federation, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]


class Noted:
    """A journal that knows when the record had to wait."""

    def __init__(self) -> None:
        self.waits = threading.Event()

    def __call__(self, event: str, /, **_: Field) -> None:
        if event == "record-waits":
            self.waits.set()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_record_of_what_was_carried_is_taken_up_when_it_can_be_written(tmp_path):
    made, noted = Federation(tmp_path, ["north", "south"], study()), Noted()
    record = made.hub.path / FILE
    record.mkdir()

    with made.server(), Recorder(folders.hub_identity(made.hub), made.hub.path, noted):
        assert noted.waits.wait(30)
        with made.node("north"):
            record.rmdir()
            until(lambda: record.is_file() and list(read(record)))


def test_a_wire_that_does_not_serve_any_more_is_an_error_and_no_silence(tmp_path):
    async def fails() -> None:
        raise ZeroDivisionError

    made = Federation(tmp_path, ["north"])
    with made.server(), made.engine() as engine:
        engine.require_serving()
        engine._serve(fails())

        def noticed() -> bool:
            try:
                engine.require_serving()
            except EngineFailed as error:
                return "ZeroDivisionError" in error.what
            return False

        until(noticed)
