"""Work that ends when its caller hangs up."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

_T = TypeVar("_T")


class ClientDisconnectedError(Exception):
    """Nobody is left to answer."""


async def until_disconnect(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """Cancels `work`, and waits until it has stopped, when the client goes away or this task is cancelled.

    Servers differ: uvicorn only sends `http.disconnect`, Modal cancels the whole input. Both come to the
    same here. The body must have been read: what arrives next on the channel is the disconnection.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnectedError
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
