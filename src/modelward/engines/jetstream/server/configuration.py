"""The configuration of nats-server, written from who is a member. Pure: text out.

Each site has an account of its own, and JetStream lives in the account HUB alone. What a
site may reach is a private service that HUB exports to its account and that account
imports; the site's own allow-list comes on top. Allow-lists inside one shared account are
not a boundary: the server does not hold the *reply* subject of a request against them, so
a site could have had the server store, purge or delete on its behalf.

    fl.task.S               tasks for S            stream TASKS, consumer S
    fl.ans.S.<digest>       messages from S        stream ANS, consumer hub
    $O.hub.C.<sha256>       models, in pieces      bucket hub
    $O.up-S.C.<sha256>      artifacts of S         bucket up-S
    carried.>               the server's copies    stream CARRIED, consumer hub
    fl.ann.S, fl.ann.hub    signs of life          not stored
    fl.box.S.<number>       letters of S           stream BOX_S, read by every site
    $O.off-S.C.<sha256>     what S offers, sealed  bucket off-S, read by every site

docs/decisions/ has the attack this was tested against; tests/contract holds the matrix of
every subject and identity.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelward.engines.jetstream.server import leafs

MEBIBYTE = 1024 * 1024
MAX_PAYLOAD = MEBIBYTE
MAX_PENDING = 64 * MEBIBYTE

Block = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much disk the wire may take.

    Attributes:
        letters: Bytes of waiting messages, per direction.
        bucket: Bytes of artifacts in transit, per bucket.
        box: Bytes of letters in the data-model network, per site.
        store: Bytes that the server may hand out to streams; it cannot be changed by a
            reload, so it does not depend on who is a member.
    """

    letters: int = 256 * MEBIBYTE
    bucket: int = 4096 * MEBIBYTE
    box: int = 64 * MEBIBYTE
    store: int = 4 * 1024 * 1024 * MEBIBYTE

    def total(self, sites: int) -> int:
        """Return the bytes that the streams of `sites` sites may take."""
        return 3 * self.letters + (2 * sites + 1) * self.bucket + sites * self.box


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the server listens and keeps its files.

    Attributes:
        listen: Address and port, such as `127.0.0.1:4222`.
        websocket: Address and port for WebSocket, such as `0.0.0.0:443`; None without.
        folder: Its working folder: configuration, log, pid, streams.
        ca: The authority's certificate file.
        certificate: The server's certificate file.
        key: Its private key file.
        leaf: Address and port for leaf servers of sites; None without.
        leafs: Site -> folder name of the leaf server that its box is mirrored from.
    """

    listen: str
    folder: Path
    ca: Path
    certificate: Path
    key: Path
    websocket: str | None = None
    leaf: str | None = None
    leafs: Mapping[str, str] = field(default_factory=dict)


def configuration(
    server: Server, sites: Sequence[str], pins: Sequence[str], limits: Limits
) -> str:
    """Return the whole configuration file, for nats-server 2.12.7 or later.

    Args:
        server: Where it runs.
        sites: Names of the admitted sites; nobody else has an account.
        pins: SHA-256 of every TLS key that may connect, hex.
        limits: Bounds on its disk.
    """
    names = sorted(sites)
    folder = server.folder
    tls: Block = {
        "cert_file": str(server.certificate),
        "key_file": str(server.key),
        "ca_file": str(server.ca),
        "verify_and_map": True,
        "min_version": "1.3",
        "timeout": 10,
        "pinned_certs": list(pins),
    }
    top: Block = {
        "server_name": "modelward",
        "listen": server.listen,
        "pid_file": str(folder / "nats.pid"),
        "log_file": str(folder / "nats.log"),
        "logfile_size_limit": 16 * MEBIBYTE,
        "max_payload": MAX_PAYLOAD,
        "max_pending": MAX_PENDING,
        "write_deadline": "30s",
        "ping_interval": "10s",
        "ping_max": 2,
        "jetstream": {
            "store_dir": str(folder / "streams"),
            "sync_interval": "always",
            "max_file_store": limits.store,
            "max_memory_store": MEBIBYTE,
        },
        "tls": {**tls, "handshake_first": True},
        "accounts": {
            "HUB": _hub(names, limits, server.leafs),
            **{f"SITE_{name}": _site(name, names, server.leafs) for name in names},
            "SYS": {"users": []},
        },
        "system_account": "SYS",
    }
    if server.leaf is not None:
        handshake = {**tls, "handshake_first": True}
        listed = [name for name in names if name in server.leafs]
        top["leafnodes"] = leafs.listener(server.leaf, handshake, listed)
        top["jetstream"]["domain"] = leafs.HUB_DOMAIN
    if server.websocket is not None:
        top["websocket"] = {"listen": server.websocket, "tls": tls, "compression": False}
    return json.dumps(top, indent=1) + "\n"


def _hub(sites: Sequence[str], limits: Limits, leaf: Mapping[str, str]) -> Block:
    """Return the account that holds every stream."""
    exports: list[Block] = []
    for site in sites:
        own = {"accounts": [f"SITE_{site}"]}
        exports += [{"service": subject, **own} for subject in _posts(site)]
        exports += [
            {"service": subject, "response": "stream", **own} for subject in _reads(site)
        ]
    everybody = {"accounts": [f"SITE_{site}" for site in sites]}
    if sites:
        models = "$JS.API.DIRECT.GET.OBJ_hub"
        exports.append({"service": models, "response": "stream", **everybody})
        exports.append({"stream": "fl.ann.hub", **everybody})
        exports += [
            {"service": subject, "response": "stream", **everybody} for subject in _boxes(sites)
        ]
    return {
        "jetstream": {
            "max_file": limits.total(len(sites)) + MEBIBYTE,
            "max_memory": 0,
            "max_streams": 3 * len(sites) + 4,
            "max_consumers": len(sites) + 2,
            "max_bytes_required": True,
        },
        "users": [{"user": "hub-admin"}, {"user": "hub", "permissions": _hub_rights(sites)}],
        "exports": exports,
        "imports": [
            *(
                {"stream": {"account": f"SITE_{site}", "subject": f"fl.ann.{site}"}}
                for site in sites
            ),
            *(
                each
                for site in sites
                if site in leaf
                for each in leafs.imports(site, leaf[site])
            ),
        ],
    }


def _hub_rights(sites: Sequence[str]) -> Block:
    buckets = ["OBJ_hub", *(f"OBJ_up-{site}" for site in sites)]
    publish = [
        *(f"fl.task.{site}" for site in sites),
        "fl.ann.hub",
        "$O.hub.C.*",
        "$JS.API.CONSUMER.MSG.NEXT.ANS.hub",
        "$JS.ACK.ANS.hub.>",
        "$JS.API.CONSUMER.MSG.NEXT.CARRIED.hub",
        "$JS.API.CONSUMER.INFO.CARRIED.hub",
        "$JS.ACK.CARRIED.hub.>",
        *(f"$JS.API.DIRECT.GET.{bucket}" for bucket in buckets),
        *(f"$JS.API.STREAM.PURGE.{bucket}" for bucket in buckets),
        *(f"$JS.API.STREAM.INFO.{stream}" for stream in ("TASKS", "ANS", *buckets)),
        *(f"$JS.API.CONSUMER.INFO.TASKS.{site}" for site in sites),
        "$JS.API.STREAM.MSG.DELETE.TASKS",
    ]
    return _allow(publish, ["_INBOX_hub.>", *(f"fl.ann.{site}" for site in sites)])


def _site(site: str, sites: Sequence[str], leaf: Mapping[str, str]) -> Block:
    """Return the account of one site: no streams, and a few services of the hub."""
    read = [*_reads(site), "$JS.API.DIRECT.GET.OBJ_hub", *_boxes(sites)]
    services = [*_posts(site), *read]
    return {
        "limits": {
            "max_connections": 4,
            "max_subscriptions": 64,
            "max_payload": MAX_PAYLOAD,
            "max_leafnodes": 1 if site in leaf else 0,
        },
        "users": [{"user": site, "permissions": _site_rights(site, sites)}],
        "imports": [
            *({"service": {"account": "HUB", "subject": each}} for each in services),
            {"stream": {"account": "HUB", "subject": "fl.ann.hub"}},
        ],
        "exports": [
            {"stream": f"fl.ann.{site}", "accounts": ["HUB"]},
            *(leafs.exports(site, leaf[site]) if site in leaf else ()),
        ],
    }


def _site_rights(site: str, sites: Sequence[str]) -> Block:
    publish = [
        f"fl.ans.{site}.*",
        f"fl.ann.{site}",
        f"$JS.ACK.TASKS.{site}.>",
        f"$O.up-{site}.C.*",
        f"fl.box.{site}.*",
        f"$O.off-{site}.C.*",
        *_reads(site),
        "$JS.API.DIRECT.GET.OBJ_hub",
        *_boxes(sites),
    ]
    return _allow(publish, [f"_INBOX_{site}.>", "fl.ann.hub"])


def _posts(site: str) -> list[str]:
    """Return what a site sends to, with at most one reply each."""
    return [
        f"fl.ans.{site}.*",
        f"$JS.ACK.TASKS.{site}.>",
        f"$O.up-{site}.>",
        f"fl.box.{site}.*",
        f"$O.off-{site}.>",
    ]


def _reads(site: str) -> list[str]:
    """Return what a site asks of the streams, with several replies each."""
    return [
        f"$JS.API.CONSUMER.MSG.NEXT.TASKS.{site}",
        f"$JS.API.DIRECT.GET.OBJ_up-{site}",
    ]


def _boxes(sites: Sequence[str]) -> list[str]:
    """Return what every site may ask for: the letters and sealed artifacts of all."""
    streams = [stream for site in sites for stream in (f"BOX_{site}", f"OBJ_off-{site}")]
    return [f"$JS.API.DIRECT.GET.{stream}" for stream in streams]


def _allow(publish: list[str], subscribe: list[str]) -> Block:
    return {"publish": {"allow": publish}, "subscribe": {"allow": subscribe}}
