"""A process that sees a snapshot and an outbox, and nothing else of this machine.

What `enter` leaves behind, in order; the parent calls `admit` in between:

    namespaces    user, mounts, network (no interface, not even loopback up), IPC, host name,
                  processes (the trainer is process 1 of its own)
    user          an unprivileged id of its own: TRAINER_UID when the parent is root, else the
                  parent's own id, seen as 65534 inside
    files         a new root: Python and its libraries, /proc/cpuinfo and the processors of
                  /sys (what numeric libraries choose their paths by) and the snapshot, all
                  read-only; the outbox, writable, without programs and devices. No /proc.
    rights        no capabilities, no_new_privs, a filter without sockets and new programs
    limits        no core files, 64 descriptors, and files no larger than was agreed

The interpreter is started afresh with three pipes and an environment of four variables, so
nothing is inherited but OPENBLAS_CORETYPE, if it is set (whoever chose a numeric path for
this machine chose it for the trainer too, and bits depend on it), and where a GPU's driver
lies and which GPUs are lent, LD_LIBRARY_PATH and CUDA_VISIBLE_DEVICES. Where the kernel
does not allow this, `unavailable` says why, and the site refuses to start unless its policy
says isolation = "none".

Linux 5.12 or newer. Source: namespaces(7), user_namespaces(7), pivot_root(2), seccomp(2).
"""

import os
import platform
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelward.site.isolation import kernel
from modelward.site.isolation.syscall_filter import FORBIDDEN, program

PACKAGES = Path(__file__).resolve().parents[3]
"""The folder that `modelward` is imported from; an isolated interpreter is told no other."""

TRAINER_UID = 64777
"""Owner of trainer processes when the gatekeeper runs as root; in nobody's range of names
(systemd's dynamic users are 61184 to 65519; this one is reserved by sysusers.d)."""

MAX_DESCRIPTORS = 64

INSIDE_UID = 65534
"""What that user is called inside."""

_NAMESPACES = (
    kernel.NEW_USERS | kernel.NEW_MOUNTS | kernel.NEW_NETWORK | kernel.NEW_IPC
    | kernel.NEW_HOSTNAME | kernel.NEW_PIDS
)  # fmt: skip
_SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64")
_PROCESSORS = ("/proc/cpuinfo", "/sys/devices/system/cpu")
_LINKER = "/etc/ld.so.cache"
_DEVICES = ("/dev/null", "/dev/urandom")
_FILES = kernel.NO_SUID | kernel.NO_DEVICES
INHERITED = ("OPENBLAS_CORETYPE", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
"""The numeric path, where a driver lies, and which GPUs a site lends."""
_READY, _GO = b"R", b"G"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What an isolated process sees.

    Attributes:
        root: An empty folder that the new root is mounted on.
        readable: Folder of this machine -> where it lies inside; read-only.
        outbox: The one writable folder; inside it is `/outbox`.
        largest_file: Bytes that one file may have.
    """

    root: Path
    readable: Sequence[tuple[Path, str]]
    outbox: Path
    largest_file: int


def enter(view: View) -> None:
    """Leave this machine for `view`. The caller goes on as process 1 of its own world.

    Called once, early, in a process that `start` made: with one thread, and with the parent
    at the other end of stdin and stdout, calling `admit`.

    Raises:
        OSError: If the kernel refuses a step; the process must end then.
    """
    kernel.die_with_parent(signal.SIGKILL)
    kernel.unshare(_NAMESPACES)
    os.write(1, _READY)
    if os.read(0, 1) != _GO:
        raise OSError("the parent did not admit this process")
    _become_first_process()
    _build(view)
    kernel.change_root(view.root)
    _drop_rights()
    _limit(view.largest_file)


def limit_only(largest_file: int) -> None:
    """Do what needs no namespaces: where systemd makes them, or the policy wants none."""
    kernel.die_with_parent(signal.SIGKILL)
    kernel.no_new_privileges()
    kernel.filter_calls(program(platform.machine()))
    _limit(largest_file)


def start(arguments: Sequence[str], log: int) -> subprocess.Popen[bytes]:
    """Start a fresh interpreter on `arguments`, with pipes on stdin and stdout only.

    Args:
        arguments: What follows `python`, such as `["-m", "modelward.site.rooms.trainer"]`.
        log: Descriptor that takes its stderr: a local file, never forwarded.
    """
    return subprocess.Popen(  # noqa: S603 - our interpreter, and arguments of our own
        [sys.executable, "-P", "-s", "-B", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={
            "PYTHONPATH": str(PACKAGES),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "LC_ALL": "C.UTF-8",
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
        },
        cwd="/",
        close_fds=True,
        bufsize=0,
    )


def admit(process: subprocess.Popen[bytes]) -> None:
    """Give the process that called `enter` its user, and let it go on.

    Raises:
        OSError: If it did not get that far, or the kernel refuses the mapping.
    """
    if process.stdin is None or process.stdout is None:
        raise OSError("the process was started without pipes")
    if process.stdout.read(1) != _READY:
        raise OSError("the kernel refused a step; the log has its words")
    _map_ids(process.pid)
    process.stdin.write(_GO)


def unavailable(scratch: Path) -> str | None:
    """Return why this machine cannot isolate, or None if it can, by trying.

    Args:
        scratch: A folder for the attempt; left empty.
    """
    if platform.system() != "Linux" or platform.machine() not in FORBIDDEN:
        return f"{platform.system()} on {platform.machine()} is not supported"
    root, outbox, log = scratch / "root", scratch / "outbox", scratch / "log"
    for folder in (root, outbox):
        folder.mkdir(parents=True, exist_ok=True)
    with log.open("w+b") as stream:
        process = start(
            ["-m", "modelward.site.isolation.view", str(root), str(outbox)], stream.fileno()
        )
        try:
            admit(process)
            said = process.communicate()[0]
        except OSError as error:
            process.kill()
            process.communicate()
            said = str(error).encode()
        stream.seek(0)
        last = stream.read().decode(errors="replace").strip().splitlines()[-1:]
    log.unlink()
    for folder in (root, outbox):
        folder.rmdir()
    if said == b"inside":
        return None
    return last[0] if last else said.decode(errors="replace")


def _map_ids(pid: int) -> None:
    """Give the namespace of `pid` its users: root's view for mounting, then the trainer's."""
    folder = Path(f"/proc/{pid}")
    own = os.geteuid()
    if own == 0:
        lines = f"0 0 1\n{INSIDE_UID} {TRAINER_UID} 1\n"
        (folder / "uid_map").write_text(lines)
        (folder / "gid_map").write_text(lines)
        return
    (folder / "setgroups").write_text("deny")
    (folder / "uid_map").write_text(f"{INSIDE_UID} {own} 1\n")
    (folder / "gid_map").write_text(f"{INSIDE_UID} {os.getegid()} 1\n")


def _become_first_process() -> None:
    """Fork into the new process namespace; this one only waits and ends as its child does."""
    child = os.fork()
    if child == 0:
        return
    kernel.die_with_parent(signal.SIGKILL)  # again: new credentials have cleared it
    for descriptor in (0, 1):
        os.close(descriptor)
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _build(view: View) -> None:
    """Mount the new root and everything in it."""
    kernel.mount("none", Path("/"), "none", kernel.PRIVATE | kernel.RECURSIVE)
    kernel.mount("none", view.root, "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES, "mode=0755")
    inside = [(Path(path), path) for path in _runtime()] + list(view.readable)
    for source, place in inside:
        _bind(source, view.root / place.lstrip("/"), _FILES | kernel.READ_ONLY)
    for path in _DEVICES:
        _bind(Path(path), view.root / path.lstrip("/"), kernel.READ_ONLY | kernel.NO_SUID)
    _bind(view.outbox, view.root / "outbox", _FILES | kernel.NO_EXEC)
    for link in ("/lib", "/lib64"):
        if Path(link).is_symlink():
            (view.root / link.lstrip("/")).symlink_to(Path(link).readlink())
    kernel.restrict(view.root, _FILES | kernel.READ_ONLY, below=False)


def _bind(source: Path, target: Path, flags: int) -> None:
    """Show `source` at `target`, with what is mounted below it, under `flags`."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    kernel.mount(str(source), target, "none", kernel.BIND | kernel.RECURSIVE)
    kernel.restrict(target, flags)


def _runtime() -> list[str]:
    """Return what Python and its libraries read; no folder twice, no folder in another."""
    folders = [path for path in _SYSTEM if not Path(path).is_symlink()]
    folders += [f"{sys.base_prefix}/lib", *sys.path]
    found: list[str] = []
    for path in folders:
        real = Path(path)
        if path and real.is_dir() and not any(real.is_relative_to(each) for each in found):
            found.append(path)
    return found + [path for path in (*_PROCESSORS, _LINKER) if Path(path).exists()]


def _drop_rights() -> None:
    """Become the trainer's user, without a capability, for good."""
    kernel.drop_bounding_set()
    with suppress(PermissionError):  # setgroups is denied where the parent is not root
        os.setgroups([])
    os.setresgid(INSIDE_UID, INSIDE_UID, INSIDE_UID)
    os.setresuid(INSIDE_UID, INSIDE_UID, INSIDE_UID)
    kernel.drop_capabilities()
    kernel.die_with_parent(signal.SIGKILL)
    kernel.no_new_privileges()
    kernel.filter_calls(program(platform.machine()))


def _limit(largest_file: int) -> None:
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, MAX_DESCRIPTORS),
        (resource.RLIMIT_FSIZE, largest_file),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":  # the attempt of `unavailable`
    enter(View(root=Path(sys.argv[1]), readable=(), outbox=Path(sys.argv[2]), largest_file=0))
    os.write(1, b"inside")
