"""A hub that runs: server, wire, and members kept in force; serving.py has the studies.

    hub.toml, members/ -> nats-server -> engine -> serving.py

Members and studies are looked at every second: who was admitted gets streams, whose
certificate is in its last third gets a new one over the wire.
"""

import asyncio
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.engines.jetstream import folders
from modelward.engines.jetstream.at_hub.hub_end import JetStream
from modelward.engines.jetstream.at_hub.recorder import Recorder
from modelward.engines.jetstream.at_hub.serving import Manner, Studies
from modelward.engines.jetstream.at_hub.witnessing import Witnessing
from modelward.engines.jetstream.journal import Journal
from modelward.engines.jetstream.lines.line import Line
from modelward.engines.jetstream.messages.streams import provision, withdraw
from modelward.engines.jetstream.server.configuration import Limits
from modelward.engines.jetstream.server.supervised import NatsServer
from modelward.errors import ModelwardError, StorageError
from modelward.hub.registry import Registry
from modelward.joining.hub_folder import HubFolder

LOCK = "serving.lock"
"""Held by the process that serves a folder."""

LOOK_S = 1.0
"""How often members and studies are looked at."""


class HubNode:
    """A running hub.

    Args:
        folder: Its files.
        journal: Is told what happens.
        manner: How studies are served.
        limits: Bounds on the server's disk.

    Attributes:
        keys: Who has access, and their signing keys.
    """

    def __init__(
        self,
        folder: HubFolder,
        journal: Journal,
        manner: Manner | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.folder, self.journal = folder, journal
        self.manner, self.limits = manner or Manner(), limits or Limits()
        self.keys: dict[str, Ed25519PublicKey] = {}
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End `serve`: the round in hand is asked again when the hub is started again."""
        self._stopped.set()

    def serve(self, now: Callable[[], datetime], *, until_done: bool = False) -> None:
        """Serve studies until stopped, or until every proposed study is finished.

        Raises:
            ModelwardError: If the hub cannot start, or, with `until_done`, if a study
                cannot go on.
        """
        with self.alone(), self._up(now) as studies:
            self.journal("serving", url=self.folder.url, sites=len(self.keys))
            pause_s = LOOK_S / 10 if until_done else LOOK_S
            while not self._stopped.wait(pause_s):
                studies.look()
                failed = studies.failed()
                if until_done and failed is not None:
                    raise failed
                if until_done and not studies.left():
                    studies.finish(pause_s)
                    return
        self.journal("stopped")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Serve this folder alone, for the length of a block.

        Raises:
            StorageError: If another process does; then nothing of it has been touched.
        """
        descriptor = os.open(
            self.folder.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            _lock(descriptor, self.folder.path)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _up(self, now: Callable[[], datetime]) -> Iterator[Studies]:
        """Start the server, make the streams, connect, and look after members meanwhile."""
        self.folder.renew_own(now())
        folders.apply(self.folder, self.limits)
        registry = Registry(self.folder.path)
        try:
            with self._server():
                self._provision([])
                engine = self._engine(registry)
                witnessing = Witnessing(
                    engine, self.folder.path, self.folder.key, self.keys, self.journal, now
                )
                studies = Studies(
                    engine, registry, self.folder, self.keys, self.journal, self.manner
                )
                studies.witnessed_by(witnessing)
                keeper = threading.Thread(
                    target=self._keep, args=(engine, now), name="members", daemon=True
                )
                identity = folders.hub_identity(self.folder)
                with Recorder(identity, self.folder.path, self.journal), engine:
                    keeper.start()
                    try:
                        yield studies
                    finally:
                        self._stopped.set()
                        studies.close()
                        keeper.join()
                        witnessing.close()
        finally:
            registry.close()

    def _server(self) -> AbstractContextManager[object]:
        """Return the server, which runs while it is open; nothing where others run it."""
        if self.folder.external:
            return nullcontext()
        return NatsServer(self.folder.path / "nats")

    def _engine(self, registry: Registry) -> JetStream:
        return JetStream(
            folders.hub_identity(self.folder),
            self.folder.key,
            self.keys,
            registry.store.folder,
            self.folder.path,
            self.journal,
        )

    def _keep(self, engine: JetStream, now: Callable[[], datetime]) -> None:
        """Look after members and certificates until stopped."""
        while not self._stopped.wait(LOOK_S):
            try:
                self._keep_once(engine, now())
            except ModelwardError as error:  # it may be better the next time: a full disk
                self.journal("members-not-in-force", said=error.what[:200])

    def _keep_once(self, engine: JetStream, now: datetime) -> None:
        here = {member.site for member in self.folder.members()}
        if here != set(self.keys):
            self._provision(sorted(set(self.keys) - here))
        for site in sorted(here):
            pem = self.folder.renew(site, now)
            if pem is not None:
                engine.give_certificate(site, pem)
                self.journal("certificate-given", site=site)
        if self.folder.renew_own(now):
            folders.apply(self.folder, self.limits)

    def _provision(self, gone: list[str]) -> None:
        """Make what the members need on the server, delete what removed ones had."""
        members = self.folder.members()

        async def work() -> None:
            admin = folders.hub_identity(self.folder, "hub-admin")
            line = await Line.dial(admin, self.journal, patience_s=30)
            try:
                await withdraw(line, gone)
                names = [member.site for member in members]
                await provision(line, names, self.limits, self.folder.leafs)
            finally:
                await line.close()

        asyncio.run(work())
        for site in gone:
            self.keys.pop(site, None)
        self.keys.update({member.site: member.signing for member in members})


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StorageError(
            f"the hub in {folder} is up already",
            why="a second one would take the first one's server away, and a site that is "
            "removed could not be shut out",
            remedy="see how it is: modelward hub status HUB; stop it before you start another",
        ) from error
