"""network.toml: how a site gets out of its hospital. Without the file it dials directly.

    hub = "wss://hub.example.org:443"                # another door of the same hub
    proxy = "http://proxy.hospital.example:3128"     # an HTTP proxy that allows CONNECT
    proxy_ca = "hospital-ca.pem"                     # for a proxy at https://

The variables of the environment (HTTPS_PROXY and others) are not read: what a site connects
to is written down in its own folder, and nowhere else. TLS to the hub goes through a proxy
unopened, so the hospital's own authority is asked about the proxy alone; who the hub is, is
settled by the membership.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelward.core import toml_text
from modelward.core.faults import Fault, from_validation, lines
from modelward.errors import NotAdmitted
from modelward.joining.signed_file import Address

Proxy = Annotated[
    str, Field(pattern=r"^https?://([^@/\s]+@)?[A-Za-z0-9.\[\]:-]+:[0-9]{1,5}/?$")
]


class Network(BaseModel):
    """A whole network file.

    Attributes:
        hub: Address to dial instead of the membership's; its certificate must name that host.
        proxy: HTTP proxy on the way.
        proxy_ca: Authority of the proxy's certificate, relative to this file.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    hub: Address | None = None
    proxy: Proxy | None = None
    proxy_ca: str | None = Field(default=None, min_length=1)


def read_network(path: Path) -> Network:
    """Return the file at `path`, or one without entries if there is none.

    Raises:
        NotAdmitted: With every fault found, if it cannot be used as written.
    """
    try:
        found = Network.model_validate_json(toml_text.read(path), strict=True)
    except FileNotFoundError:
        return Network()
    except OSError as error:
        raise _refuse(path, [Fault("", f"cannot be read: {error.strerror}")]) from error
    except toml_text.NotToml as error:
        raise _refuse(path, [Fault("", f"not TOML: {error}")]) from error
    except ValidationError as error:
        raise _refuse(path, from_validation(error, Network)) from error
    if found.proxy_ca is not None and not (found.proxy or "").startswith("https://"):
        raise _refuse(path, [Fault("proxy_ca", "is for a proxy at https://; there is none")])
    return found


def _refuse(path: Path, faults: list[Fault]) -> NotAdmitted:
    return NotAdmitted(
        lines(str(path), faults),
        why="a site that guesses its way out could dial somebody else",
        remedy="correct the keys above (docs/operations/network.md has examples)",
    )
