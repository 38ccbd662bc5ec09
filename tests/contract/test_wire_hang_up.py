"""A line that is closed while its link is stalled lets go of its sockets."""

import asyncio
import gc
import warnings
from dataclasses import replace

import pytest

from modelward.engines.jetstream import folders
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.lines.line import Line
from modelward.joining.site_folder import SiteFolder
from tests.proxy import Proxy
from tests.wire import Federation

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(60)]


def test_bytes_that_a_stalled_link_does_not_take_keep_no_socket_open(tmp_path):
    made = Federation(tmp_path, ["north"])
    port = int(made.hub.url.rsplit(":", 1)[1])

    async def stalled(proxy: Proxy) -> None:
        own = folders.site_identity(SiteFolder(made.sites["north"]))
        identity = replace(own, url=f"tls://127.0.0.1:{proxy.port}")
        line = await Line.dial(identity, silent, patience_s=20)
        proxy.mode = "stall"
        for _ in range(16):  # more than sockets and buffers between take
            await line._client.publish("fl.ann.none", bytes(900_000))
        await line.close()

    with made.server(), Proxy(port) as proxy, warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(stalled(proxy))
        gc.collect()
