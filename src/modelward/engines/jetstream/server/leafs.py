"""What the hub's server has for sites that publish through a leaf server of their own.

A leaf connection of site S ends in the account SITE_S, as S's own connections do: accounts
are the boundary, and what HUB exports to that account is all that the leaf can reach. On top,
for mirrors of S's own box and no other, HUB may ask of SITE_S

    $JS.<domain>.API.CONSUMER.CREATE.BOX_S     makes the mirror's consumer at the leaf
    deliver.S.>                                what it delivers
    $JS.FC.BOX_S.>                             its flow control

and the same of OBJ_off-S. The allow-list of a user does not hold for leaf connections
(nats-server binds them to an account only); tests/contract/test_exchange_leaf.py has what a
leaf tries in vain. Pure: blocks of configuration.py.
"""

from collections.abc import Sequence
from typing import Any

Block = dict[str, Any]

HUB_DOMAIN = "hub"
"""JetStream domain of the hub's server, where it has leafs."""


def domain(site: str, place: str) -> str:
    """Return the JetStream domain of the leaf of `site` in the folder `place`."""
    return f"leaf-{site}-{place}"


def listener(address: str, tls: Block, sites: Sequence[str]) -> Block:
    """Return the block that lets leafs of `sites` in; each ends in its site's account."""
    users = [{"user": site, "account": f"SITE_{site}"} for site in sites]
    return {
        "listen": address,
        "no_advertise": True,
        "tls": tls,
        "authorization": {"users": users},
    }


def exports(site: str, place: str) -> list[Block]:
    """Return what the account of a site with a leaf gives to HUB."""
    only: Block = {"accounts": ["HUB"]}
    found: list[Block] = [{"stream": f"deliver.{site}.>", **only}]
    for create in _creates(site):
        subject = f"$JS.{domain(site, place)}.API.{create}"
        found.append({"service": subject, "response": "stream", **only})
    return found + [{"service": f"$JS.FC.{name}.>", **only} for name in streams(site)]


def imports(site: str, place: str) -> list[Block]:
    """Return what HUB takes of it."""
    account = f"SITE_{site}"
    found: list[Block] = [{"stream": {"account": account, "subject": f"deliver.{site}.>"}}]
    for create in _creates(site):
        subject = f"$JS.{domain(site, place)}.API.{create}"
        service = {"account": account, "subject": subject}
        found.append({"service": service, "to": f"leaf.{site}.{create}"})
    return found + [
        {"service": {"account": account, "subject": f"$JS.FC.{name}.>"}}
        for name in streams(site)
    ]


def _creates(site: str) -> list[str]:
    """Return the requests that make a mirror's consumer; servers use the one or the other."""
    return [f"CONSUMER.CREATE.{name}{rest}" for name in streams(site) for rest in ("", ".>")]


def streams(site: str) -> tuple[str, str]:
    """Return the streams of a site that are mirrored."""
    return f"BOX_{site}", f"OBJ_off-{site}"


def mirror(api: str, deliver: str = "") -> Block:
    """Return where a mirror finds what it mirrors; `name` is that of the stream itself."""
    return {"external": {"api": api, "deliver": deliver}}


def of_hub(site: str) -> Block:
    """Return where the hub's server finds the streams of a site with a leaf."""
    return mirror(f"leaf.{site}", f"deliver.{site}")
