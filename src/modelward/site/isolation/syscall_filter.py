"""Which system calls the trainer may not make: a seccomp filter as BPF instructions. Pure.

The namespaces already leave it without network, other processes and other files. The filter
takes away the calls themselves, so that a mistake in one layer is not the end: no sockets,
no new programs, no debugging of processes, no namespaces or mounts, no kernel facilities
that have been ways out of sandboxes before. What is refused fails with EPERM.

Numbers: asm/unistd_64.h (x86-64) and asm-generic/unistd.h (arm64). Layout of seccomp_data
and the instructions: seccomp(2), linux/filter.h.
"""

import struct
from errno import EPERM

FORBIDDEN: dict[str, dict[str, int]] = {
    "x86_64": {
        "socket": 41, "connect": 42, "accept": 43, "sendto": 44, "bind": 49, "listen": 50,
        "socketpair": 53, "accept4": 288, "sendmsg": 46, "sendmmsg": 307,
        "execve": 59, "execveat": 322,
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
        "pidfd_open": 434, "pidfd_getfd": 438,
        "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272,
        "setns": 308, "open_tree": 428, "move_mount": 429, "fsopen": 430, "mount_setattr": 442,
        "keyctl": 250, "add_key": 248, "request_key": 249, "bpf": 321, "perf_event_open": 298,
        "userfaultfd": 323, "io_uring_setup": 425, "open_by_handle_at": 304,
        "init_module": 175, "finit_module": 313, "kexec_load": 246,
    },
    "aarch64": {
        "socket": 198, "connect": 203, "accept": 202, "sendto": 206, "bind": 200, "listen": 201,
        "socketpair": 199, "accept4": 242, "sendmsg": 211, "sendmmsg": 269,
        "execve": 221, "execveat": 281,
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
        "pidfd_open": 434, "pidfd_getfd": 438,
        "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97,
        "setns": 268, "open_tree": 428, "move_mount": 429, "fsopen": 430, "mount_setattr": 442,
        "keyctl": 219, "add_key": 217, "request_key": 218, "bpf": 280, "perf_event_open": 241,
        "userfaultfd": 282, "io_uring_setup": 425, "open_by_handle_at": 265,
        "init_module": 105, "finit_module": 273, "kexec_load": 104,
    },
}  # fmt: skip
"""Machine -> call -> number."""

_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE = 0, 4


def program(machine: str) -> bytes:
    """Return the filter for `machine`, 8 bytes an instruction.

    A process that calls by the table of another architecture is killed; so is x32 on
    x86-64, whose numbers would pass by the list.

    Raises:
        KeyError: For a machine that is not in `FORBIDDEN`.
    """
    numbers = sorted(FORBIDDEN[machine].values())
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, _AUDIT[machine], yes=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _X32, no=1),
        _step(_RETURN, _KILL),
    ]
    for place, number in enumerate(numbers):
        steps.append(_step(_EQUAL, number, yes=len(numbers) - place))
    steps += [_step(_RETURN, _ALLOW), _step(_RETURN, _ERROR | EPERM)]
    return b"".join(steps)


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """Return one instruction; `yes` and `no` are how many follow-ups a comparison skips."""
    return struct.pack("HBBI", code, yes, no, value)
