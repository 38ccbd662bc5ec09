"""The machine a node runs on: versions, disk, clock, proxies. Reads, and changes nothing."""

import ctypes
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from modelward.doctor.check import Check, ok
from modelward.engines.jetstream.server.supervised import find_server

NEEDS = ("numpy", "pydantic", "duckdb", "sqlalchemy", "cryptography", "nats-py")
"""Packages whose version is told when somebody asks for help."""

LEAST_BYTES, FEW_BYTES = 2**30, 10 * 2**30
"""Free bytes below which a node cannot work, and below which it will soon not."""

FEW_INODES = 20_000

PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")

_NOT_SYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)


def versions() -> Iterator[Check]:
    """Say what is installed."""
    found = {name: _version(name) for name in NEEDS}
    absent = [name for name, version in found.items() if version is None]
    here = f"Python {platform.python_version()}, {platform.system()} {platform.release()}"
    if absent:
        yield Check(
            "versions",
            "failed",
            f"not installed: {', '.join(absent)}",
            "modelward needs them",
            "install modelward again, with its dependencies",
        )
    listed = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    yield ok("versions", f"modelward {_version('modelward') or 'unknown'}, {here}, {listed}")


def torch() -> Iterator[Check]:
    """Say whether torch is there and how it was built; it is not imported."""
    version, spec = _version("torch"), find_spec("torch")
    if version is None or spec is None or not spec.submodule_search_locations:
        yield ok("torch", "not installed: the recipe 'logistic' does without it")
        return
    told = Path(spec.submodule_search_locations[0]) / "version.py"
    cuda = re.search(r"^cuda\b.*=\s*'([\d.]+)'", told.read_text("utf-8"), re.M)
    yield ok("torch", f"{version}, {f'for CUDA {cuda[1]}' if cuda else 'for processors only'}")
    if find_spec("torchvision") is not None:
        yield Check(
            "torch",
            "warning",
            "torchvision is installed beside it",
            "its builds often do not load beside a torch for processors, nor does what uses it",
            "pip uninstall torchvision; nothing here needs it",
        )


def nats_server() -> Iterator[Check]:
    """Say which nats-server a hub would start.

    Raises:
        MissingExtra: If there is none, or an old one.
    """
    yield ok("nats-server", f"{find_server()}, new enough")


def disk(folder: Path) -> Iterator[Check]:
    """Say how much room there is where `folder` lies."""
    free = shutil.disk_usage(folder).free
    state = os.statvfs(folder)
    said = f"{free / 2**30:.1f} GiB free at {folder}"
    why = "what cannot be recorded is not released, and a round then waits"
    if free < FEW_BYTES:
        yield Check(
            "disk",
            "failed" if free < LEAST_BYTES else "warning",
            said,
            why,
            "make room: models, snapshots and artifacts of a study take several GiB",
        )
    else:
        yield ok("disk", said)
    if state.f_files and state.f_favail < FEW_INODES:
        yield Check(
            "inodes",
            "failed" if not state.f_favail else "warning",
            f"room for {state.f_favail:,} more files at {folder}",
            why,
            "remove many small files there, or use another file system",
        )


def clock() -> Iterator[Check]:
    """Say whether the system keeps its clock set by others'."""
    buffer = ctypes.create_string_buffer(512)  # struct timex with modes = 0: only asks
    state = getattr(ctypes.CDLL(None), "adjtimex", lambda _: -1)(buffer)
    if state == _NOT_SYNCHRONISED:
        yield Check(
            "clock",
            "warning",
            "the system's clock is not being set by a time server",
            "certificates and messages are refused when clocks differ by five minutes",
            "turn on chrony or systemd-timesyncd; in a container, on its host",
        )
    elif state >= 0:
        yield ok("clock", "set by a time server")


def proxies(environment: Mapping[str, str], written: str | None) -> Iterator[Check]:
    """Say whether the environment names a proxy that will not be used.

    Args:
        environment: Variables, as `os.environ`.
        written: The proxy in network.toml, if any.
    """
    named = [name for name in PROXIES if environment.get(name)]
    if named and written is None:
        yield Check(
            "proxy",
            "warning",
            f"{', '.join(named)} is set, and network.toml names no proxy",
            "a site connects only as its own folder says; the environment is not read",
            'if the hub is reached through it, add to network.toml: proxy = "http://HOST:PORT"',
        )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
