"""A hub that runs: server, wire, members kept in force, and the studies that it serves.

    hub.toml, members/, studies/ -> nats-server -> engine -> hub/run.py, one study after another

Studies lie in `studies/` as canonical JSON; one that is put there is served, one that is
finished stays finished. Members are looked at every second: who was admitted gets streams,
whose certificate is in its last third gets a new one over the wire.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward import durable
from modelward.core.canonical import canonical_bytes
from modelward.core.study import Study
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.configuration import Limits
from modelward.engines.jetstream.hub_end import JetStream
from modelward.engines.jetstream.journal import Journal
from modelward.engines.jetstream.line import Line
from modelward.engines.jetstream.recorder import Recorder
from modelward.engines.jetstream.server import NatsServer
from modelward.engines.jetstream.streams import provision, withdraw
from modelward.errors import EngineFailed, ModelwardError
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Progress
from modelward.joining.hub_folder import HubFolder
from modelward.study.read import from_json

LOOK_S = 1.0
"""How often members and studies are looked at."""

Watch = Callable[[Study, Progress], None]


@dataclass(slots=True)
class Clockwork:
    """How long rounds took, from the first question to the commit.

    Attributes:
        round_ms: Milliseconds of each finished round, in order.
    """

    round_ms: list[float] = field(default_factory=list)
    _began: dict[tuple[str, int], float] = field(default_factory=dict)

    def see(self, study: Study, progress: Progress) -> None:
        """Take in what the hub is doing."""
        here = (study.sha256, progress.round_no)
        if progress.finished is None:
            self._began.setdefault(here, time.perf_counter())
        elif here in self._began:
            self.round_ms.append((time.perf_counter() - self._began.pop(here)) * 1000)


class HubNode:
    """A running hub.

    Args:
        folder: Its files.
        journal: Is told what happens.
        watch: Is shown the progress of each study.
        limits: Bounds on the server's disk.
    """

    def __init__(
        self,
        folder: HubFolder,
        journal: Journal,
        watch: Watch = lambda *_: None,
        limits: Limits | None = None,
    ) -> None:
        self.folder, self.journal, self.watch = folder, journal, watch
        self.limits = limits or Limits()
        self.keys: dict[str, Ed25519PublicKey] = {}
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End `serve`: the round in hand is asked again when the hub is started again."""
        self._stopped.set()

    def serve(self, now: Callable[[], datetime], *, until_done: bool = False) -> None:
        """Serve studies until stopped, or until all that are there are finished.

        Raises:
            ModelwardError: If the hub cannot start, or, with `until_done`, if a study
                cannot go on.
        """
        with self._up(now) as (engine, registry):
            self.journal("serving", url=self.folder.url, sites=len(self.keys))
            keeper = threading.Thread(
                target=self._keep, args=(engine, now), name="members", daemon=True
            )
            keeper.start()
            try:
                while not self._stopped.is_set():
                    self._studies(engine, registry, raising=until_done)
                    if until_done:
                        return
                    self._stopped.wait(LOOK_S)
            finally:
                self._stopped.set()
                keeper.join()

    @contextmanager
    def _up(self, now: Callable[[], datetime]) -> Iterator[tuple[JetStream, Registry]]:
        """Start the server, make the streams, and connect."""
        self.folder.renew_own(now())
        folders.apply(self.folder, self.limits)
        registry = Registry(self.folder.path)
        try:
            with NatsServer(self.folder.path / "nats"):
                self._provision([])
                identity = folders.hub_identity(self.folder)
                with (
                    Recorder(identity, self.folder.path, self.journal),
                    JetStream(
                        identity,
                        self.folder.key,
                        self.keys,
                        registry.store.folder,
                        self.folder.path,
                        self.journal,
                    ) as engine,
                ):
                    yield engine, registry
        finally:
            registry.close()

    def _studies(self, engine: JetStream, registry: Registry, *, raising: bool) -> None:
        """Run every study that is not finished."""
        for path in sorted((self.folder.path / "studies").glob("*.json")):
            study = from_json(path.read_bytes())
            registry.register(study, list(self.keys))
            if registry.finished(study) is not None or self._stopped.is_set():
                continue
            clockwork = Clockwork()

            def seen(
                progress: Progress, study: Study = study, c: Clockwork = clockwork
            ) -> None:
                c.see(study, progress)
                self.watch(study, progress)

            before = engine.traffic
            self.journal("study", study=study.sha256, id=study.id)
            try:
                outcome = Hub(engine, registry, dict(self.keys), watch=seen).run(study)
            except ModelwardError as error:
                self.journal("study-stopped", study=study.sha256, error=type(error).__name__)
                if raising:
                    raise
                continue
            self.journal("study-finished", study=study.sha256, model=outcome.sha256)
            traffic = engine.traffic
            self._note(study, clockwork, traffic.up - before.up, traffic.down - before.down)

    def _note(self, study: Study, clockwork: Clockwork, up: int, down: int) -> None:
        """Keep the figures of the wire beside the study."""
        figures = {"round_ms": clockwork.round_ms, "bytes_up": up, "bytes_down": down}
        path = self.folder.path / "studies" / f"{study.sha256}.wire"
        durable.write_whole(path, json.dumps(figures).encode())

    def _keep(self, engine: JetStream, now: Callable[[], datetime]) -> None:
        """Look after members and certificates until stopped."""
        while not self._stopped.wait(LOOK_S):
            with suppress(EngineFailed):
                here = {member.site for member in self.folder.members()}
                if here != set(self.keys):
                    self._provision(sorted(set(self.keys) - here))
                for site in sorted(here):
                    pem = self.folder.renew(site, now())
                    if pem is not None:
                        engine.give_certificate(site, pem)
                        self.journal("certificate-given", site=site)
                if self.folder.renew_own(now()):
                    folders.apply(self.folder, self.limits)

    def _provision(self, gone: list[str]) -> None:
        """Make what the members need on the server, delete what removed ones had."""
        members = self.folder.members()

        async def work() -> None:
            admin = folders.hub_identity(self.folder, "hub-admin")
            line = await Line.dial(admin, self.journal, patience_s=30)
            try:
                await withdraw(line, gone)
                await provision(line, [member.site for member in members], self.limits)
            finally:
                await line.close()

        asyncio.run(work())
        for site in gone:
            self.keys.pop(site, None)
        self.keys.update({member.site: member.signing for member in members})


def put_study(folder: HubFolder, study: Study) -> Path:
    """Have the hub serve `study`."""
    path = folder.path / "studies" / f"{study.sha256}.json"
    durable.write_whole(path, canonical_bytes(study.model_dump(mode="json")))
    return path
