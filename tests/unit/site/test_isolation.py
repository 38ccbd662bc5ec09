"""Inside the trainer's view there is a snapshot, an outbox, and nobody to talk to."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Timer
from time import monotonic

import pytest

from modelward.errors import DataError, IsolationUnavailable
from modelward.site.isolation.view import MAX_DESCRIPTORS, TRAINER_UID, unavailable
from modelward.site.rooms.isolated import SOCKETS, IsolatedTrainer, require
from tests.inside import begin, run_inside
from tests.sites import newton

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="namespaces are a facility of Linux"
)


def test_this_machine_can_isolate_and_the_attempt_leaves_nothing(tmp_path):
    assert unavailable(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_no_socket_of_any_kind_can_be_made(tmp_path):
    found = run_inside(
        tmp_path,
        """
import socket
for family in ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"):
    for kind in ("SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW"):
        found[family + kind] = tried(
            lambda: socket.socket(getattr(socket, family), getattr(socket, kind)))
found["pair"] = tried(socket.socketpair)
found["resolve"] = tried(lambda: socket.getaddrinfo("example.org", 443))
found["local"] = tried(lambda: socket.create_connection(("127.0.0.1", 80), 1))
""",
    )

    assert len(found) == 15
    for name, said in found.items():
        expected = "gaierror" if name == "resolve" else "PermissionError"
        assert said.startswith(expected), (name, said)


def test_without_the_filter_the_network_itself_is_not_there_either(tmp_path):
    """The second wall: the same attempts against listeners that do answer outside."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), 1):  # it does listen
            pass
        unix, hidden = tmp_path / "open.sock", f"modelward-test-{os.getpid()}"
        with (
            socket.socket(socket.AF_UNIX) as by_path,
            socket.socket(socket.AF_UNIX) as abstract,
        ):
            by_path.bind(str(unix))
            by_path.listen()
            abstract.bind(f"\0{hidden}")
            abstract.listen()
            found = run_inside(
                tmp_path,
                f"""
import socket
def to(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as s:
        s.settimeout(2)
        return s.connect(address) or s.send(b"x")
found["tcp"] = tried(lambda: to(socket.AF_INET, ("127.0.0.1", {port})))
found["outside"] = tried(lambda: to(socket.AF_INET, ("1.1.1.1", 53)))
found["udp"] = tried(lambda: to(socket.AF_INET, ("1.1.1.1", 53), socket.SOCK_DGRAM))
found["unix"] = tried(lambda: to(socket.AF_UNIX, {str(unix)!r}))
found["abstract"] = tried(lambda: to(socket.AF_UNIX, "\\0{hidden}"))
found["names"] = tried(lambda: [name for _, name in socket.if_nameindex()])
""",
                filtered=False,
            )

    assert "Network is unreachable" in found["tcp"]
    assert "Network is unreachable" in found["outside"]
    assert "Network is unreachable" in found["udp"]
    assert found["unix"].startswith("FileNotFoundError")
    assert found["abstract"].startswith("ConnectionRefusedError")
    assert found["names"] == "['lo']"


def test_nothing_but_the_snapshot_and_python_can_be_read(tmp_path):
    secret = tmp_path / "site.key"
    secret.write_text("secret")
    found = run_inside(
        tmp_path,
        f"""
found["root"] = sorted(os.listdir("/"))
found["snapshot"] = open("/snapshot/cohort").read()
for path in ({str(secret)!r}, "/etc/passwd", "/root", "/home", "/proc/1/environ",
             "/proc/self/fd", "/sys/class/net", "/var", "/tmp", "/usr/bin", "/dev/mem",
             "/dev/shm"):
    found[path] = tried(lambda: os.stat(path))
""",
    )

    places = {"dev", "etc", "outbox", "proc", "snapshot", "sys", "usr", "lib", "lib64"}
    assert places >= set(found.pop("root")) - {
        Path(path).parts[1] for path in (sys.base_prefix, *sys.path) if path.startswith("/")
    }
    assert found.pop("snapshot") == "patients"
    for path, said in found.items():
        if any(
            each.startswith(f"{path}/") for each in (sys.base_prefix, sys.prefix, *sys.path)
        ):
            continue  # Python or this checkout lives there on this machine
        assert said.startswith("FileNotFoundError"), (path, said)


def test_the_outbox_is_the_only_place_to_write(tmp_path):
    found = run_inside(
        tmp_path,
        """
import modelward
found["outbox"] = tried(lambda: open("/outbox/offer", "w").write("x"))
for path in ("/x", "/snapshot/x", "/snapshot/cohort", "/dev/x", "/usr/lib/x", "/proc/x",
             modelward.__path__[0] + "/x.py"):
    found[path] = tried(lambda: open(path, "a").write("x"))
found["remove"] = tried(lambda: os.unlink("/snapshot/cohort"))
found["mode"] = tried(lambda: os.chmod("/snapshot/cohort", 0o777))
""",
    )

    assert found.pop("outbox") == "1"
    assert (tmp_path / "outbox/offer").read_text() == "x"
    for path, said in found.items():
        assert said.startswith(("OSError: [Errno 30]", "PermissionError")), (path, said)


def test_a_file_larger_than_agreed_cannot_be_written(tmp_path):
    found = run_inside(
        tmp_path,
        """
found["fits"] = tried(lambda: open("/outbox/a", "wb", 0).write(bytes(100_000)))
found["large"] = tried(lambda: open("/outbox/b", "ab", 0).write(bytes(100_001)))
found["more"] = tried(lambda: open("/outbox/b", "ab", 0).write(bytes(1)))
""",
    )

    assert found["fits"] == "100000"
    assert found["large"] == "100000"
    assert "File too large" in found["more"]


def test_programs_cannot_be_started_nor_other_processes_seen(tmp_path):
    outside = os.getpid()
    found = run_inside(
        tmp_path,
        f"""
import subprocess
found["pid"] = os.getpid()
found["parent"] = os.getppid()
found["kill"] = tried(lambda: os.kill({outside}, 0))
found["shell"] = tried(lambda: os.system("true"))
found["program"] = tried(lambda: subprocess.run(["/bin/true"]))
open("/outbox/tool", "w").write("#!/bin/sh")
os.chmod("/outbox/tool", 0o755)
found["own"] = tried(lambda: os.execv("/outbox/tool", ["tool"]))
found["fork"] = tried(lambda: os.waitpid(os.fork() or os._exit(7), 0)[1] >> 8)
""",
    )

    assert (found["pid"], found["parent"]) == (1, 0)
    assert found["kill"].startswith("ProcessLookupError")
    assert found["shell"] not in {"0"}
    assert found["program"].startswith(("PermissionError", "FileNotFoundError"))
    assert found["own"].startswith("PermissionError")
    assert found["fork"] == "7"  # threads and children stay possible; they are inside too


def test_it_has_no_rights_and_cannot_get_any(tmp_path):
    found = run_inside(
        tmp_path,
        """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
found["ids"] = [os.getuid(), os.geteuid(), os.getgid(), os.getegid()]
found["groups"] = os.getgroups()
found["root"] = tried(lambda: os.setuid(0))
def call(name, *a):
    return [getattr(libc, name)(*a), ctypes.get_errno()]
found["unshare"] = call("unshare", 0x10000000)
found["mount"] = call("mount", b"none", b"/outbox", b"tmpfs", 0, None)
found["umount"] = call("umount2", b"/snapshot", 2)
found["chroot"] = call("chroot", b"/outbox")
found["ptrace"] = call("ptrace", 16, 1, 0, 0)
found["new privileges"] = libc.prctl(39, 0, 0, 0, 0)
found["seccomp"] = libc.prctl(21, 0, 0, 0, 0)
found["bounding"] = [libc.prctl(23, n, 0, 0, 0) for n in range(41)]
found["name"] = tried(lambda: os.uname().nodename)
found["rename"] = call("sethostname", b"x", 1)
""",
    )

    assert found["ids"] == [65534] * 4
    assert found["groups"] in ([], [65534])
    assert found["root"].startswith("PermissionError")
    for name in ("unshare", "mount", "umount", "chroot", "ptrace", "rename"):
        assert found[name] == [-1, 1], name
    assert found["new privileges"] == 1
    assert found["seccomp"] == 2
    assert set(found["bounding"]) == {0}


def test_only_three_descriptors_and_known_variables_are_inherited(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELWARD_SECRET", "passphrase")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/driver")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(descriptor, True)  # noqa: FBT003 - its own signature
    try:
        found = run_inside(
            tmp_path,
            """
import resource
found["descriptors"] = [n for n in range(256)
                        if not tried(lambda: os.fstat(n)).startswith("OSError")]
found["variables"] = sorted(os.environ)
found["limits"] = [resource.getrlimit(what) for what in
                   (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)]
""",
        )
    finally:
        os.close(descriptor)

    assert found["descriptors"] == [0, 1, 2]
    assert found["variables"] == [
        "CUDA_VISIBLE_DEVICES",
        "LC_ALL",
        "LD_LIBRARY_PATH",
        "OMP_NUM_THREADS",
        "OPENBLAS_CORETYPE",
        "OPENBLAS_NUM_THREADS",
        "PYTHONPATH",
    ]
    assert found["limits"] == [[0, 0], [MAX_DESCRIPTORS] * 2, [100_000] * 2]


def test_files_it_writes_belong_to_a_user_of_its_own(tmp_path):
    run_inside(tmp_path, 'open("/outbox/offer", "w").close()')

    expected = TRAINER_UID if os.geteuid() == 0 else os.geteuid()
    assert (tmp_path / "outbox/offer").stat().st_uid == expected


def test_a_process_that_is_not_root_is_isolated_as_well(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("every other test here shows it")
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:3]:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    script = (
        "import os; os.setgroups([]); os.setresgid(1000, 1000, 1000);"
        "os.setresuid(1000, 1000, 1000);"
        "from pathlib import Path; from modelward.site.isolation.view import unavailable;"
        f"print(unavailable(Path({str(tmp_path / 'attempt')!r})))"
    )
    system = "/usr/bin/python3"  # where this user can read it
    if not Path(system).exists() or not os.access(Path(__file__).parents[3], os.R_OK):
        pytest.skip("there is no interpreter that another user can start")
    source = str(Path(__file__).parents[3] / "src")
    said = subprocess.run(
        [system, "-c", script], env={"PYTHONPATH": source}, capture_output=True, check=False
    )

    assert said.stdout.strip() == b"None", said.stderr


def test_it_dies_with_the_process_that_started_it(tmp_path):
    """kill -9 of the gatekeeper leaves no trainer behind, whatever that is doing."""
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[3])!r})\n"
        "from pathlib import Path\n"
        "from tests.inside import begin\n"
        f'process = begin(Path({str(tmp_path)!r}), \'open("/outbox/up", "w").close()\\n'
        "while True: pass')\n"
        "print(process.pid, flush=True)\n"
        "process.wait()\n"
    )
    gatekeeper = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert gatekeeper.stdout is not None
    waiting = int(gatekeeper.stdout.readline())
    _until((tmp_path / "outbox/up").exists)
    inner = [int(pid) for pid in _children(waiting)]
    assert inner

    gatekeeper.send_signal(signal.SIGKILL)
    gatekeeper.communicate()

    _until(lambda: not any(_alive(pid) for pid in [waiting, *inner]))


@pytest.mark.slow
def test_a_machine_without_namespaces_is_refused_unless_the_policy_says_none(tmp_path):
    script = (
        "import os, sys\n"
        "uid, gid = os.geteuid(), os.getegid()\n"
        "from pathlib import Path\n"
        "from modelward.errors import IsolationUnavailable\n"
        "from modelward.site.rooms.isolated import require\n"
        "from modelward.site.isolation import kernel\n"
        "kernel.unshare(kernel.NEW_USERS)\n"  # a world in which user namespaces run out
        "for name, text in (('setgroups', 'deny'), ('uid_map', f'0 {uid} 1'),\n"
        "                   ('gid_map', f'0 {gid} 1')):\n"
        "    Path('/proc/self', name).write_text(text)\n"
        "Path('/proc/sys/user/max_user_namespaces').write_text('0')\n"
        "folder = Path(sys.argv[1])\n"
        "require(folder, 'none')\n"
        "try:\n"
        "    require(folder, 'namespaces')\n"
        "except IsolationUnavailable as error:\n"
        "    print(error.explain())\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # unshare wants one thread
        capture_output=True,
        check=False,
    )
    said = told.stdout.decode()

    assert "cannot keep the trainer apart: OSError: [Errno 28] unshare" in said, told.stderr
    assert 'isolation = "none"' in said


def test_a_trainer_unit_that_nobody_listens_for_is_refused(tmp_path):
    with pytest.raises(
        IsolationUnavailable, match=r"listens at trainer.sock and inspector.sock"
    ):
        require(tmp_path, "systemd")
    with pytest.raises(IsolationUnavailable) as refused:
        IsolatedTrainer(tmp_path, "cleveland", "systemd")
    assert "systemctl start" in refused.value.remedy


def test_a_site_that_waits_for_its_extractors_unit_can_be_stopped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the address of a socket is short
    with ExitStack() as stack:
        for name in SOCKETS:
            stack.enter_context(socket.socket(socket.AF_UNIX)).bind(name)
        trainer = IsolatedTrainer(tmp_path, "cleveland", "systemd")
        stopping = Timer(0.3, trainer.stop)
        stopping.start()
        begun = monotonic()

        with pytest.raises(DataError) as refused:
            trainer.prepare(newton())

    stopping.join()
    assert monotonic() - begun < 30  # it waits for ten minutes otherwise
    assert "journalctl" in refused.value.remedy
    assert len(list((tmp_path / "wanted").glob("*.json"))) == 1  # and is answered another time


def test_two_views_do_not_see_each_other(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first = begin(tmp_path / "one", "open('/outbox/a', 'w').close()\nos.read(0, 1)")
    found = run_inside(tmp_path / "two", 'found["outbox"] = os.listdir("/outbox")')
    first.communicate(b"x")

    assert found["outbox"] == []


def _unix() -> socket.socket:
    return socket.socket(socket.AF_UNIX)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _until(true: Callable[[], bool], limit_s: float = 20.0) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
