"""Refuses request bodies that are too large before they are read whole."""

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TOO_LARGE = 413


class BodyLimit:
    """ASGI middleware. Counts what arrives, since a request need not say its length, or say it truly."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        detail = f"the body is longer than {self._max_bytes} bytes"
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._max_bytes:
            refusal = JSONResponse({"detail": detail}, status_code=CONTENT_TOO_LARGE)
            await refusal(scope, receive, send)
            return
        received_bytes = 0

        async def counted() -> Message:
            nonlocal received_bytes
            message = await receive()
            if message["type"] == "http.request":
                received_bytes += len(message.get("body", b""))
                if received_bytes > self._max_bytes:
                    # FastAPI reads bodies itself, and lets exactly this kind of exception through.
                    raise HTTPException(CONTENT_TOO_LARGE, detail)
            return message

        await self._app(scope, counted, send)
