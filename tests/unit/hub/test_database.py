"""The hub's file and the steps that its tables went through."""

from importlib.resources import files

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from modelward.errors import StorageError
from modelward.hub.database import HEAD, Database


def test_the_newest_step_is_the_one_that_a_file_is_held_against():
    config = Config()
    config.set_main_option("script_location", str(files("modelward.hub") / "migrations"))

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_file_that_is_behind_is_brought_up_to_date(tmp_path):
    made = Database(tmp_path)
    with made.writing() as connection:
        connection.exec_driver_sql("DROP TABLE combined")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")
    made.close()

    again = Database(tmp_path)
    with again.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM combined").scalar() == 0
        step = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    again.close()

    assert step == HEAD


def test_what_is_no_database_is_told(tmp_path):
    (tmp_path / "registry.sqlite").write_bytes(b"no database" * 1000)

    with pytest.raises(StorageError, match="cannot be used"):
        Database(tmp_path)
