"""Plays Modal's proxy authentication, which stands before the application and is no part of it.

Only the local server has this middleware. On Modal, `requires_proxy_auth=True` does it at the edge, and a
request that it refuses starts no container.
"""

import hmac
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

UNAUTHORIZED = 401
MISSING = "modal-http: missing credentials for proxy authorization"
INVALID = "modal-http: invalid credentials for proxy authorization"


@dataclass(frozen=True, slots=True)
class ProxyToken:
    """A proxy token: `wk-…` and `ws-…`."""

    key: str
    secret: str = field(repr=False)


class ProxyAuth:
    """ASGI middleware. Every path and every method is guarded, `/health` and `OPTIONS` included."""

    def __init__(self, app: ASGIApp, token: ProxyToken) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse(refusal, status_code=UNAUTHORIZED)(scope, receive, send)

    def _refusal(self, headers: Headers) -> str | None:
        key, secret = headers.get("modal-key"), headers.get("modal-secret")
        bearer = headers.get("authorization", "")
        if (key is None or secret is None) and bearer.startswith("Bearer "):
            key, _, secret = bearer.removeprefix("Bearer ").partition(".")
        if not key or not secret:
            return MISSING
        given = f"{key}\n{secret}".encode()
        wanted = f"{self._token.key}\n{self._token.secret}".encode()
        return None if hmac.compare_digest(given, wanted) else INVALID
