"""A whole federation on one machine, really distributed: for demonstrations and tests.

A hub with its nats-server and every site are processes of their own, with certificates of
their own, and talk over mutual TLS on the loopback interface. They are forked after
everything was imported, die with this process, and are started again when they die alone:
what they had in hand comes again, and is answered with the same bytes. Nobody is asked whether
to take part (assent.py), and unless `isolated` is said each site trains in its own process.
"""

import json
import multiprocessing as mp
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path

from pydantic import TypeAdapter

from modelward import errors
from modelward.core.clock import now
from modelward.core.study import Study
from modelward.engines.jetstream.assent import agree
from modelward.engines.jetstream.at_hub.hub_node import HubNode
from modelward.engines.jetstream.at_hub.serving import Manner
from modelward.engines.jetstream.at_site.site_node import SiteNode
from modelward.engines.jetstream.journal import to_stream
from modelward.engines.workers import die_with
from modelward.errors import EngineFailed, ModelwardError
from modelward.hub.run import Progress
from modelward.joining import certificates
from modelward.joining.hub_folder import HubFolder
from modelward.joining.site_folder import SiteFolder
from modelward.recipes.catalogue import load
from modelward.site.rooms.direct import DirectTrainer

_PROGRESS = TypeAdapter(Progress)

RESTARTS = 20
"""How often processes are started again before the run is given up."""

GRACE_S = 5.0

Seen = Callable[[str, Progress], None]
"""Is shown a study's hash and its progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFigures:
    """What the wire carried for some studies.

    Attributes:
        round_ms: Milliseconds of each round, from the question to the commit.
        bytes_up: Payload from sites to the hub.
        bytes_down: Payload from the hub to sites.
    """

    round_ms: tuple[float, ...]
    bytes_up: int
    bytes_down: int


def federate(
    hub: Path,
    sites: Mapping[str, Path],
    studies: list[Study],
    seen: Seen = lambda *_: None,
    *,
    isolated: bool = False,
) -> WireFigures:
    """Run `studies` over separate processes to their end, going on where they stand.

    Args:
        hub: Folder of the hub; its registry ends up there.
        sites: Name -> folder with `dataset.toml`.
        studies: Served one after another.
        seen: Is shown progress.
        isolated: Train in processes of their own, kept apart as each site's policy says.

    Raises:
        ModelwardError: What stopped the hub.
        EngineFailed: If processes keep dying.
    """
    folder = _ready(hub, sites, studies)
    for study in studies:
        load(study.recipe)
    _Processes(folder, sites, seen, isolated=isolated).run()
    figures = [_figures(hub, study) for study in studies]
    return WireFigures(
        round_ms=tuple(ms for each in figures for ms in each.round_ms),
        bytes_up=sum(each.bytes_up for each in figures),
        bytes_down=sum(each.bytes_down for each in figures),
    )


def _figures(hub: Path, study: Study) -> WireFigures:
    """Return what was noted of a finished study; nothing, if the hub died before it could."""
    try:
        noted = json.loads((hub / "studies" / f"{study.sha256}.wire").read_bytes())
    except FileNotFoundError:
        return WireFigures(round_ms=(), bytes_up=0, bytes_down=0)
    return WireFigures(
        round_ms=tuple(noted["round_ms"]),
        bytes_up=noted["bytes_up"],
        bytes_down=noted["bytes_down"],
    )


def free_port() -> int:
    """Return a loopback port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ready(hub: Path, sites: Mapping[str, Path], studies: list[Study]) -> HubFolder:
    """Have every party joined, on a port of this machine, and the studies in place."""
    if (hub / "hub.toml").exists():
        folder = HubFolder.open(hub)
    else:
        address = f"127.0.0.1:{free_port()}"
        folder = HubFolder.create(hub, url=f"tls://{address}", listen=address, now=now())
    for name, path in sites.items():
        site = SiteFolder(path)
        joined = (path / "membership.json").exists()
        if not joined or certificates.due(site.certificate, now()):
            site.join(folder.admit(site.ask(name, folder.url, now()), now()), now())
    agree(folder, sites, studies, now())
    return folder


class _Processes:
    """The hub's process and the sites', kept running until the hub is done."""

    def __init__(
        self, hub: HubFolder, sites: Mapping[str, Path], seen: Seen, *, isolated: bool
    ) -> None:
        self._hub, self._sites, self._seen = hub, sites, seen
        self._isolated = isolated
        self._fork = mp.get_context("fork")
        self._running: dict[str, ForkProcess] = {}
        self._restarts = 0

    def run(self) -> None:
        """Return when the hub has finished every study."""
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            for name in self._sites:
                self._start(name, None)
            while not self._until_hub_ends():
                self._count("the hub")
        finally:
            self._end()

    def _until_hub_ends(self) -> bool:
        """Run the hub; return whether it finished, rather than died."""
        ours, theirs = self._fork.Pipe(duplex=False)
        self._start("", theirs)
        theirs.close()
        with ours:
            while True:
                sentinels = {self._running[name].sentinel: name for name in self._sites}
                for ready in wait([ours, *sentinels]):
                    if ready is ours:
                        told = _receive(ours)
                        if told is None or told.get("done"):
                            return told is not None
                        self._show(told)
                    else:
                        name = sentinels[ready]  # type: ignore[index]  # an int, not ours
                        self._count(name)
                        self._start(name, None)

    def _show(self, told: Mapping[str, object]) -> None:
        if "error" in told:
            kind, what, why, remedy = map(str, told["error"])  # type: ignore[call-overload]
            error: type[ModelwardError] = getattr(errors, kind, ModelwardError)
            raise error(what, why=why, remedy=remedy)
        self._seen(str(told["study"]), _PROGRESS.validate_python(told["progress"]))

    def _start(self, name: str, pipe: Connection | None) -> None:
        arguments: tuple[object, ...]
        if pipe is not None:
            arguments = (_hub_process, self._hub.path, pipe)
        else:
            arguments = (_site_process, self._sites[name], self._isolated)
        process = self._fork.Process(target=_child, args=(os.getpid(), *arguments))
        process.start()
        self._running[name] = process

    def _count(self, name: str) -> None:
        self._restarts += 1
        if self._restarts > RESTARTS:
            raise EngineFailed(
                f"{name} keeps dying",
                why=f"it was started again {RESTARTS} times",
                remedy=f"see {self._hub.path / 'node.log'} and node.log of the site",
            )

    def _end(self) -> None:
        for process in self._running.values():
            if process.is_alive():
                process.terminate()
        end = time.monotonic() + GRACE_S
        for process in self._running.values():
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def _receive(pipe: Connection) -> dict[str, object] | None:
    try:
        told: dict[str, object] = json.loads(pipe.recv_bytes())
    except EOFError:
        return None
    return told


def _child(parent: int, serve: Callable[..., None], *arguments: object) -> None:
    """Become a process that ends with its parent, and leaves Ctrl-C to it."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(*arguments)


def _site_process(path: Path, isolated: bool) -> None:  # noqa: FBT001 - called by _child
    with (path / "node.log").open("a") as log:
        trainer = None if isolated else DirectTrainer(path, SiteFolder(path).name)
        node = SiteNode(path, to_stream(now, log), now, trainer=trainer)
        signal.signal(signal.SIGTERM, lambda *_: node.stop())
        node.serve()


def _hub_process(path: Path, pipe: Connection) -> None:
    def told(study: Study, progress: Progress) -> None:
        fields = asdict(progress)
        pipe.send_bytes(json.dumps({"study": study.sha256, "progress": fields}).encode())

    with (path / "node.log").open("a") as log:
        manner = Manner(watch=told, at_once=1, unasked=True)
        node = HubNode(HubFolder.open(path), to_stream(now, log), manner)
        signal.signal(signal.SIGTERM, lambda *_: node.stop())
        try:
            node.serve(now, until_done=True)
        except ModelwardError as error:
            said = (type(error).__name__, error.what, error.why, error.remedy)
            pipe.send_bytes(json.dumps({"error": said}).encode())
            return
    pipe.send_bytes(json.dumps({"done": True}).encode())
