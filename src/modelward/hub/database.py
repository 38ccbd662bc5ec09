"""The hub's SQLite file: who may write when, and what survives a crash.

WAL with synchronous=FULL: a transaction that has returned is on disk. Threads of a process
take turns, and so do processes, by a lock on `registry.lock`; readers see what was committed.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from modelward import durable
from modelward.errors import StorageError

HEAD = "0003"
"""The newest step in migrations/versions: a file that is there needs none of them."""


class Database:
    """Transactions on one file, with its tables brought up to date.

    Args:
        folder: Holds `registry.sqlite`; created if it is missing.

    Raises:
        StorageError: If the file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        durable.make_folder(folder)
        self.folder = folder
        self._engine = _connect(folder / "registry.sqlite")
        self._turn = threading.RLock()
        with self.writing() as connection:
            if _step(connection) != HEAD:
                _migrate(connection)

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give one transaction: committed at the end of the block, or not at all."""
        try:
            with self._turn, _alone(self.folder), self._engine.begin() as connection:
                yield connection
        except sa.exc.DatabaseError as error:
            raise _storage(self.folder, error) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that only reads."""
        try:
            with self._turn, self._engine.connect() as connection:
                yield connection
        except sa.exc.DatabaseError as error:
            raise _storage(self.folder, error) from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from writing; SQLite's own busy handling gives up after seconds."""
    descriptor = os.open(folder / "registry.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _connect(path: Path) -> Engine:
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.pool.StaticPool)

    @sa.event.listens_for(engine, "connect")
    def durable_settings(connection: Any, _: Any) -> None:  # noqa: ANN401 - sqlite3's own
        connection.isolation_level = None  # or sqlite3 leaves DDL outside of transactions
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @sa.event.listens_for(engine, "begin")
    def one_transaction(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _step(connection: Connection) -> str | None:
    """Return the last migration that the file went through; None if it is new."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def _migrate(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - a tenth of a second, for a new file alone
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "modelward.hub:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _storage(folder: Path, error: sa.exc.DatabaseError) -> StorageError:
    return StorageError(
        f"the registry in {folder} cannot be used: {error.orig}",
        why="a round counts only when it is on disk",
        remedy="free space or restore the folder, then run the same command again",
    )
