"""The few Linux calls that keep the trainer apart and that Python 3.11 does not have.

unshare(2), mount(2), mount_setattr(2), pivot_root(2), capset(2), prctl(2), by number
through libc's `syscall`. Thin on purpose: each function is one call and raises OSError with
its errno. What they are combined into is isolation.py's business.

Linux 5.12 or newer (mount_setattr), x86-64 or arm64.
"""

import ctypes
import os
import platform
import struct
from pathlib import Path

NEW_MOUNTS, NEW_HOSTNAME, NEW_IPC = 0x00020000, 0x04000000, 0x08000000
NEW_USERS, NEW_PIDS, NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000
"""Namespaces, as unshare(2) names them CLONE_NEW..."""

BIND, RECURSIVE, PRIVATE = 0x1000, 0x4000, 0x40000
READ_ONLY, NO_SUID, NO_DEVICES, NO_EXEC = 0x1, 0x2, 0x4, 0x8
"""Flags of mount(2), the last four with the same values as attributes of mount_setattr(2)."""

_AT_FDCWD, _AT_RECURSIVE, _DETACH = -100, 0x8000, 2
_DEATH_SIGNAL, _SECCOMP, _DROP_BOUND, _NO_NEW_PRIVILEGES, _SECCOMP_FILTER = 1, 22, 24, 38, 2
_CAPABILITY_VERSION, _LAST_CAPABILITY = 0x20080522, 63

_SYSCALLS = {
    "x86_64": {"pivot_root": 155, "mount_setattr": 442, "capset": 126},
    "aarch64": {"pivot_root": 41, "mount_setattr": 442, "capset": 91},
}

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave the namespaces of `flags` for new ones; NEW_PIDS takes effect for children."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: Path, kind: str, flags: int, data: str = "") -> None:
    """Mount `source` on `target`."""
    _checked(
        _libc.mount(
            source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags),
            data.encode(),
        ),
        f"mount on {target}",
    )  # fmt: skip


def restrict(target: Path, flags: int, *, below: bool = True) -> None:
    """Add READ_ONLY, NO_SUID, NO_DEVICES, NO_EXEC to the mount at `target`, and those below."""
    wanted = flags & (READ_ONLY | NO_SUID | NO_DEVICES | NO_EXEC)
    attributes = struct.pack("QQQQ", wanted, 0, 0, 0)
    depth = ctypes.c_uint(_AT_RECURSIVE if below else 0)
    _checked(
        _libc.syscall(
            _number("mount_setattr"), _AT_FDCWD, os.fsencode(target),
            depth, attributes, ctypes.c_size_t(len(attributes)),
        ),
        f"mount_setattr on {target}",
    )  # fmt: skip


def change_root(new: Path) -> None:
    """Make the mount at `new` the root, and let go of the old one with all below it."""
    os.chdir(new)
    _checked(_libc.syscall(_number("pivot_root"), b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", _DETACH), "umount of the old root")
    os.chdir("/")


def drop_bounding_set() -> None:
    """Let no exec bring a capability back."""
    for capability in range(_LAST_CAPABILITY + 1):
        _libc.prctl(_DROP_BOUND, capability, 0, 0, 0)  # EINVAL beyond the kernel's last one


def drop_capabilities() -> None:
    """Give up every capability that this process has."""
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    _checked(_libc.syscall(_number("capset"), header, bytes(24)), "capset")


def no_new_privileges() -> None:
    """Let no exec give this process or its children more than it has."""
    _checked(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no_new_privs")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send `signal_number` to this process when its parent thread ends."""
    _checked(_libc.prctl(_DEATH_SIGNAL, signal_number, 0, 0, 0), "parent-death signal")


def filter_calls(program: bytes) -> None:
    """Install a seccomp filter: `program` is 8 bytes a classic BPF instruction."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

    prepared = Program(len(program) // 8, program)
    _checked(
        _libc.prctl(_SECCOMP, _SECCOMP_FILTER, ctypes.byref(prepared), 0, 0), "seccomp filter"
    )


def _number(name: str) -> int:
    try:
        return _SYSCALLS[platform.machine()][name]
    except KeyError as error:
        raise OSError(f"{name} is not known on {platform.machine()}") from error


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
