"""Tells the router that a job has ended, so that it polls at once instead of at its next turn.

A hint and no more: it carries neither prompt nor answer, it may be lost, and polling stays the truth. Where
it goes is part of the deployment, never of a request.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from beacon_deployment.ports import JobEnded, Notify

_log = logging.getLogger(__name__)

URL_SETTING = "CALLBACK_URL"
SECRET_SETTING = "CALLBACK_SECRET"  # noqa: S105 - a name, not a secret
MIN_SECRET_CHARACTERS = 16
"""The router takes no shorter `BEACON_WEBHOOK_SECRET`, so a shorter one here can only be wrong."""
TRIES = 3
BACKOFF_S = (1.0, 4.0)
TIMEOUT_S = 10.0
_RETRYABLE = frozenset({408, 425, 429})


class CallbackSettingsError(ValueError):
    """The callback is configured wrongly. Names settings, never values."""


@dataclass(frozen=True, slots=True)
class CallbackTarget:
    """Where callbacks go."""

    url: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
            msg = f"{URL_SETTING} must be https, or http to a loopback address: the secret goes with it"
            raise CallbackSettingsError(msg)
        if not self.secret:
            msg = f"{SECRET_SETTING} is required with {URL_SETTING}"
            raise CallbackSettingsError(msg)
        if len(self.secret) < MIN_SECRET_CHARACTERS:
            msg = (
                f"{SECRET_SETTING} must have at least {MIN_SECRET_CHARACTERS} characters: "
                "it is the router's BEACON_WEBHOOK_SECRET"
            )
            raise CallbackSettingsError(msg)


def callback_target(environment: Mapping[str, str]) -> CallbackTarget | None:
    """Reads both settings; `None` when there is to be no callback."""
    url = environment.get(URL_SETTING, "")
    secret = environment.get(SECRET_SETTING, "")
    if not url and not secret:
        return None
    return CallbackTarget(url, secret)


class CallbackSender:
    """Posts with three tries. Never raises: a job is no less done because nobody heard of it."""

    def __init__(
        self,
        target: CallbackTarget,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._target = target
        self._transport = transport
        self._sleep = sleep

    async def __call__(self, job: JobEnded) -> bool:
        """Returns whether the router took it."""
        body = {"call_id": job.call_id, "key": job.key, "status": job.status}
        # Redirects are not followed: they would take the secret elsewhere.
        async with httpx.AsyncClient(
            transport=self._transport, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False
        ) as client:
            for attempt in range(TRIES):
                try:
                    answer = await client.post(
                        self._target.url, json=body, headers={"X-Webhook-Secret": self._target.secret}
                    )
                except httpx.HTTPError as error:
                    _log.warning("callback for %s failed: %s", job.call_id, type(error).__name__)
                else:
                    if answer.is_success:
                        return True
                    _log.warning("callback for %s answered %d", job.call_id, answer.status_code)
                    if not (answer.is_server_error or answer.status_code in _RETRYABLE):
                        return False
                if attempt < len(BACKOFF_S):
                    await self._sleep(BACKOFF_S[attempt])
        return False


async def tell(notify: Notify, job: JobEnded) -> None:
    """Notifies, and only logs when that fails: nobody waits for it, and polling will find out."""
    try:
        await notify(job)
    except Exception as error:  # noqa: BLE001 - whatever it is, the job is no less done
        _log.warning("nobody was told that %s ended: %s", job.call_id, type(error).__name__)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
