"""Streams, buckets and consumers, made by hub-admin; sites hold no such right.

    TASKS   fl.task.*      work queue, one durable consumer a site: a task waits until the
                           site has acknowledged it, for days if need be, or has expired
    ANS     fl.ans.*.*     work queue, one consumer `hub`; of two messages with one digest
                           the first stays
    OBJ_hub, OBJ_up-S      artifacts in transit, purged when they have arrived
    BOX_S                  letters of S in the data-model network; the first of a number stays,
                           nothing is ever taken out
    OBJ_off-S              what S offers there, sealed
    CARRIED                the server's copy of whatever sites store: whole messages, and the
                           headers of pieces; kept until recorder.py has written it down

Everything is bounded: a full stream refuses, it does not forget.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from modelward.core.canonical import Json, canonical_bytes
from modelward.engines.jetstream.lines.line import Line, Rejected
from modelward.engines.jetstream.messages.book import VALID
from modelward.engines.jetstream.server.configuration import Limits
from modelward.engines.jetstream.server.leafs import of_hub

ACK_S = 2.0
"""A task or answer that is neither acknowledged nor being worked on comes again after this."""

SAME_S = 30
"""How long the server remembers message ids."""

CARRIED = "CARRIED"
"""Stream of the server's copies; no site can publish there."""

_NS = 1_000_000_000
_GONE = {10059, 10014}


async def provision(
    line: Line, sites: Sequence[str], limits: Limits, leafs: Collection[str] = ()
) -> None:
    """Make what the admitted sites need; what is there already stays as it is.

    Args:
        line: A connection as hub-admin.
        sites: Their names.
        limits: Bounds on the disk.
        leafs: Those of them whose boxes are mirrors of a leaf server of their own.
    """
    letters: dict[str, Json] = {
        "max_bytes": limits.letters,
        "discard": "new",
        "retention": "workqueue",
    }
    # First of all: what is stored before there is a place for its copy is not copied.
    await _stream(line, CARRIED, ["carried.>"], **letters)
    await _consumer(line, CARRIED, "hub", "carried.>")
    # What nobody fetched until it expired would be refused; it must not fill the stream.
    oldest = int(VALID.total_seconds() * _NS)
    await _stream(line, "TASKS", ["fl.task.*"], **letters, max_age=oldest)
    await _stream(
        line,
        "ANS",
        ["fl.ans.*.*"],
        **letters,
        max_msgs_per_subject=1,
        discard_new_per_subject=True,
        republish={"src": "fl.ans.>", "dest": "carried.fl.ans.>"},
    )
    await _consumer(line, "ANS", "hub", "fl.ans.*.*")
    for bucket in ("hub", *(f"up-{site}" for site in sites)):
        copied: dict[str, Json] = {
            "src": f"$O.{bucket}.>",
            "dest": f"carried.$O.{bucket}.>",
            "headers_only": True,
        }
        await _stream(
            line,
            f"OBJ_{bucket}",
            [f"$O.{bucket}.C.>", f"$O.{bucket}.M.>"],
            max_bytes=limits.bucket,
            discard="new",
            allow_direct=True,
            **({} if bucket == "hub" else {"republish": copied}),
        )
    for site in sites:
        await _consumer(line, "TASKS", site, f"fl.task.{site}")
        await make_box(line, site, limits, of_hub(site) if site in leafs else None)


async def make_box(
    line: Line, site: str, limits: Limits, source: Mapping[str, Json] | None = None
) -> None:
    """Make what the data-model network needs of one site (boxes.py).

    Args:
        line: A connection that may make streams.
        site: Whose box it is.
        limits: Bounds on the disk.
        source: What the streams mirror; None where the site itself posts.
    """
    once: dict[str, Json] = {"max_msgs_per_subject": 1, "discard_new_per_subject": True}
    for name, subject, most in (
        (f"BOX_{site}", f"fl.box.{site}.*", limits.box),
        (f"OBJ_off-{site}", f"$O.off-{site}.C.>", limits.bucket),
    ):
        terms: dict[str, Json] = {"max_bytes": most, "discard": "new", "allow_direct": True}
        if source is not None:
            terms |= {"mirror": {"name": name, **source}}
        elif name.startswith("BOX"):
            terms |= once
        await _stream(line, name, [] if source is not None else [subject], **terms)


async def withdraw(line: Line, sites: Sequence[str]) -> None:
    """Delete the consumers, waiting tasks and buckets of sites that were removed."""
    for site in sites:
        for subject, body in (
            (f"$JS.API.CONSUMER.DELETE.TASKS.{site}", b""),
            ("$JS.API.STREAM.PURGE.TASKS", canonical_bytes({"filter": f"fl.task.{site}"})),
            (f"$JS.API.STREAM.DELETE.OBJ_up-{site}", b""),
            (f"$JS.API.STREAM.DELETE.OBJ_off-{site}", b""),
            (f"$JS.API.STREAM.DELETE.BOX_{site}", b""),
        ):
            with suppress(Rejected):  # it was not there
                await line.call(subject, body)


async def _stream(line: Line, name: str, subjects: list[str], **terms: Json) -> None:
    asked: dict[str, Json] = {
        "name": name,
        "storage": "file",
        "num_replicas": 1,
        **({"subjects": subjects, "duplicate_window": SAME_S * _NS} if subjects else {}),
        "max_msg_size": -1,
        **terms,
    }
    await _make(line, f"$JS.API.STREAM.INFO.{name}", f"$JS.API.STREAM.CREATE.{name}", asked)


async def _consumer(line: Line, stream: str, name: str, subject: str) -> None:
    asked: dict[str, Json] = {
        "stream_name": stream,
        "config": {
            "durable_name": name,
            "filter_subject": subject,
            "ack_policy": "explicit",
            "ack_wait": int(ACK_S * _NS),
            "max_deliver": -1,
            "deliver_policy": "all",
            "replay_policy": "instant",
        },
    }
    there = f"$JS.API.CONSUMER.INFO.{stream}.{name}"
    await _make(line, there, f"$JS.API.CONSUMER.CREATE.{stream}.{name}.{subject}", asked)


async def _make(line: Line, there: str, make: str, asked: dict[str, Json]) -> None:
    try:
        await line.call(there, b"")
    except Rejected as rejected:
        if rejected.code not in _GONE:
            raise
        await line.call(make, canonical_bytes(asked))
