"""One suite over every carrier: boxes of letters and objects that nobody can rewrite."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from modelward.core.ports import Carrier
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.boxes import Boxes
from modelward.engines.shared_folder import SharedFolder
from modelward.errors import BadArtifact, MessageRefused
from modelward.joining.site_folder import SiteFolder
from tests.wire import Federation

PAIRS = 8
TAKEN = iter(range(PAIRS))


@pytest.fixture
def opened() -> Iterator[list[Carrier]]:
    """Whatever a test opens, closed after it."""
    found: list[Carrier] = []
    yield found
    for each in found:
        each.close()


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """A real server with more institutions than tests: each test takes a fresh pair."""
    names = [f"{way}{n}" for n in range(PAIRS) for way in ("north", "south")]
    made = Federation(tmp_path_factory.mktemp("wire"), names)
    with made.server():
        yield made


@pytest.fixture(params=["shared folder", pytest.param("jetstream", marks=pytest.mark.engine)])
def carriers(
    request: pytest.FixtureRequest, tmp_path: Path, opened: list[Carrier]
) -> tuple[Carrier, Carrier, str, str]:
    """Return the carriers of two institutions, and their names."""
    if request.param == "shared folder":
        names = ("north", "south")
        opened += [SharedFolder(tmp_path / "carrier", name) for name in names]
    else:
        made: Federation = request.getfixturevalue("federation")
        number = next(TAKEN)
        names = (f"north{number}", f"south{number}")
        opened += [Boxes(folders.site_identity(SiteFolder(made.sites[name]))) for name in names]
    return opened[0], opened[1], *names


def file(path: Path, content: bytes) -> tuple[str, Path]:
    """Write a file; return its hash and where it lies."""
    path.write_bytes(content)
    return sha256(content).hexdigest(), path


def test_letters_are_read_by_others_in_order_from_where_they_stopped(carriers):
    north, south, name, other = carriers
    for number in (1, 2, 3):
        north.post(number, f"letter {number}".encode())

    assert list(south.read(name, 0)) == [(n, f"letter {n}".encode()) for n in (1, 2, 3)]
    assert list(south.read(name, 2)) == [(3, b"letter 3")]
    assert list(south.read(other, 0)) == []


def test_the_same_letter_again_changes_nothing_and_another_one_is_refused(carriers):
    north, _, name, _ = carriers
    north.post(1, b"first")

    north.post(1, b"first")
    with pytest.raises(MessageRefused):
        north.post(1, b"other")
    with pytest.raises(MessageRefused):
        north.post(3, b"after a gap")

    assert list(north.read(name, 0)) == [(1, b"first")]


def test_an_object_arrives_whole_and_once(carriers, tmp_path):
    north, south, name, _ = carriers
    digest, path = file(tmp_path / "made", bytes(range(256)) * 9000)

    north.put(digest, path)
    north.put(digest, path)
    south.fetch(name, digest, tmp_path / "got", most=3_000_000)

    assert (tmp_path / "got").read_bytes() == path.read_bytes()


def test_what_is_not_there_or_too_large_is_refused(carriers, tmp_path):
    north, south, name, _ = carriers
    digest, path = file(tmp_path / "made", bytes(5000))
    north.put(digest, path)

    with pytest.raises(BadArtifact, match="not there"):
        south.fetch(name, "00" * 32, tmp_path / "got", most=10**6)
    with pytest.raises(BadArtifact, match=r"larger|at most"):
        south.fetch(name, digest, tmp_path / "got", most=4999)

    assert not (tmp_path / "got").exists()


def test_a_fetch_that_was_cut_off_goes_on(carriers, tmp_path):
    north, south, name, _ = carriers
    digest, path = file(tmp_path / "made", bytes(range(256)) * 9000)
    north.put(digest, path)
    (tmp_path / "got.part").write_bytes(path.read_bytes()[: 1024 * 1024])

    south.fetch(name, digest, tmp_path / "got", most=3_000_000)

    assert (tmp_path / "got").read_bytes() == path.read_bytes()
