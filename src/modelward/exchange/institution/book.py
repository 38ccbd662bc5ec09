"""What an institution has read and written, in one SQLite file: `exchange/book.sqlite`.

    letters    every letter of every box, as it was signed, with how far each box was read
    cards      what is on offer, unpacked for queries; made from the letters, and only from them
    bundles    which artifacts are here
    arrivals   when each card was read here, and the date of the letter before its offer

One writer, WAL, synchronous=FULL: a letter that was acknowledged is on disk. A letter and what
follows from it are one transaction, so after a crash the book is as before it or as after it.
The tables hold what peers said and nothing of patients.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from modelward.core.canonical import canonical_hash
from modelward.errors import StorageError
from modelward.exchange.documents import entry
from modelward.exchange.documents import letter as letters
from modelward.exchange.documents.card import OfferCard, to_json
from modelward.exchange.documents.entry import Entry
from modelward.exchange.documents.letter import Letter, Place

_TABLES = """
create table if not exists letters (
    box text not null, number integer not null, digest text not null, kind text not null,
    card text not null, issued text not null, raw blob not null, posted integer not null,
    primary key (box, number)) without rowid;
create index if not exists by_kind on letters (kind, card);
create index if not exists by_time on letters (box, issued);
create index if not exists unposted on letters (posted) where posted = 0;
create table if not exists cards (
    card text primary key, site text not null, series text not null, version integer not null,
    kind text not null, question text not null, family text not null, sha256 text not null,
    nbytes integer not null, expires text not null, revoked text not null,
    latest integer not null, json blob not null, sealed text not null,
    sealed_bytes integer not null) without rowid;
create index if not exists on_offer on cards (question, kind, latest, site);
create index if not exists by_series on cards (site, series, kind);
create table if not exists lineage (
    parent text not null, child text not null, primary key (parent, child)) without rowid;
create table if not exists wrapped (
    card text not null, name text not null, key text not null,
    primary key (card, name)) without rowid;
create table if not exists bundles (card text primary key, taken text not null) without rowid;
create table if not exists arrivals (
    card text primary key, read text not null, after text not null) without rowid;
"""


class Book:
    """The open file; close it, or use it in a `with` block.

    Args:
        path: The file; made if it is missing.

    Raises:
        StorageError: If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            for pragma in ("journal_mode=wal", "synchronous=full", "cache_size=-16000"):
                self._db.execute(f"pragma {pragma}")
            self._db.executescript(_TABLES)
        except sqlite3.Error as error:
            raise StorageError(
                f"{path} cannot be opened: {error}",
                why="what was read and written is remembered there",
                remedy="restore the file from a backup; letters of others are read again",
            ) from error

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make everything in the block happen, or nothing of it; blocks may be nested."""
        inner = self._db.in_transaction
        self._db.execute("savepoint inner_block" if inner else "begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback to inner_block" if inner else "rollback")
            raise
        self._db.execute("release inner_block" if inner else "commit")

    def place(self, box: str) -> Place:
        """Return how far a box has been read, or written if it is our own."""
        row = self._db.execute(
            "select number, digest from letters where box = ? order by number desc limit 1",
            (box,),
        ).fetchone()
        return Place(*row) if row else Place()

    def keep(self, letter: Letter, raw: bytes, *, posted: bool) -> None:
        """Remember a letter."""
        about = letter.body.get("card")
        self._db.execute(
            "insert into letters values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                letter.sender,
                letter.number,
                letters.digest(raw),
                letter.kind,
                about if isinstance(about, str) else "",
                letter.issued,
                raw,
                int(posted),
            ),
        )

    def unposted(self, box: str) -> list[tuple[int, bytes]]:
        """Return own letters that the carrier has not confirmed, in order."""
        rows = self._db.execute(
            "select number, raw from letters where posted = 0 and box = ? order by number",
            (box,),
        )
        return list(rows)

    def mark_posted(self, box: str, number: int) -> None:
        """Note that the carrier has a letter."""
        self._db.execute(
            "update letters set posted = 1 where box = ? and number = ?", (box, number)
        )

    def letters(self, *kinds: str, card: str | None = None) -> Iterator[Letter]:
        """Yield the letters of these kinds, of all boxes, oldest first."""
        marks = ", ".join("?" for _ in kinds)
        about, extra = ("", ()) if card is None else (" and card = ?", (card,))
        rows = self._db.execute(
            f"select raw from letters where kind in ({marks}){about}"  # noqa: S608 - only marks
            " order by issued, box, number",
            (*kinds, *extra),
        )
        for (raw,) in rows:
            yield Letter.model_validate_json(raw, strict=True)

    def add_offer(
        self,
        card: OfferCard,
        sealed: tuple[str, int],
        keys: Mapping[str, str],
        own: str,
        read: str,
    ) -> None:
        """Put a card on the list; the latest version of a series stands for it.

        Args:
            card: The card.
            sealed: SHA-256 and length of the sealed bytes.
            keys: Recipient -> wrapped key.
            own: Who we are.
            read: When it was read here.
        """
        mine = (card.site, card.series, card.kind)
        self._db.execute(
            "update cards set latest = 0 where site = ? and series = ? and kind = ?", mine
        )
        self._db.execute(
            "insert or ignore into cards values"
            " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                card.sha, card.site, card.series, card.version, card.kind, card.question,
                card.made.family, card.sha256, card.nbytes, card.terms.expires, "", 1,
                to_json(card), *sealed,
            ),
        )  # fmt: skip
        self._db.execute(
            "insert or ignore into arrivals values"
            " (?, ?, (select coalesce(max(issued), '') from letters where box = ?))",
            (card.sha, read, card.site),
        )
        self._db.executemany(
            "insert or ignore into lineage values (?, ?)",
            [(parent, card.sha) for parent in card.lineage],
        )
        if own in keys:
            self.add_key(card.sha, own, keys[own])

    def add_key(self, card: str, name: str, key: str) -> None:
        """Keep a wrapped key that is for us."""
        self._db.execute("insert or replace into wrapped values (?, ?, ?)", (card, name, key))

    def key(self, card: str, name: str) -> str | None:
        """Return the wrapped key of a card, if there is one for `name`."""
        row = self._db.execute(
            "select key from wrapped where card = ? and name = ?", (card, name)
        ).fetchone()
        return None if row is None else str(row[0])

    def version(self, site: str, series: str, kind: str) -> int:
        """Return the highest version that was ever on offer; 0 if none was."""
        row = self._db.execute(
            "select max(version) from cards where site = ? and series = ? and kind = ?",
            (site, series, kind),
        ).fetchone()
        return int(row[0] or 0)

    def revoke(self, card: str, reason: str) -> list[str]:
        """Mark a card and every descendant as not to be used; return all that were marked."""
        marked, queue, met = [], [(card, reason)], {card}
        while queue:
            each, why = queue.pop()
            changed = self._db.execute(
                "update cards set revoked = ? where card = ? and revoked = ''", (why, each)
            )
            if changed.rowcount:
                marked.append(each)
            rows = self._db.execute("select child from lineage where parent = ?", (each,))
            new = [child for (child,) in rows if child not in met]
            met.update(new)  # many ways may lead to one descendant: each is gone to once
            queue += [(child, f"made from {each[:12]}…: {reason}") for child in new]
        return marked

    def offered(self, box: str, card: str) -> bool:
        """Return whether a letter of `box` offered this card, under whatever question."""
        rows = self._db.execute(
            "select raw from letters where kind = 'offer' and box = ?", (box,)
        )
        return any(canonical_hash(json.loads(raw)["body"]["card"]) == card for (raw,) in rows)

    def catalogue(
        self,
        question: str,
        *,
        kinds: Sequence[str] = (),
        site: str | None = None,
        every: bool = False,
        limit: int = -1,
    ) -> list[Entry]:
        """Return what is on offer, by site and series.

        Args:
            question: Hash of the question.
            kinds: Only these; all if empty.
            site: Only what this institution offers.
            every: Also what is revoked or superseded.
            limit: At most so many; all if negative.
        """
        clauses, values = ["question = ?"], [question]
        if kinds:
            clauses.append(f"kind in ({', '.join('?' for _ in kinds)})")
            values += kinds
        if site is not None:
            clauses.append("site = ?")
            values.append(site)
        if not every:
            clauses.append("latest = 1 and revoked = ''")
        rows = self._db.execute(
            f"{entry.SELECT} where {' and '.join(clauses)}"
            " order by site, series, kind, version limit ?",
            (*values, limit),
        )
        return [entry.of_row(row) for row in rows]

    def entry(self, card: str) -> Entry | None:
        """Return one artifact by the hash of its card, or the start of it."""
        rows = self._db.execute(
            f"{entry.SELECT} where cards.card between ? and ? limit 2", (card, card + "g")
        ).fetchall()
        return entry.of_row(rows[0]) if len(rows) == 1 else None

    def taken(self, card: str, moment: str) -> None:
        """Note that an artifact is here."""
        self._db.execute("insert or replace into bundles values (?, ?)", (card, moment))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> "Book":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
