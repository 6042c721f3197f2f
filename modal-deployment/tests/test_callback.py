import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from beacon_deployment.callback import (
    MIN_SECRET_CHARACTERS,
    CallbackSender,
    CallbackSettingsError,
    CallbackTarget,
    callback_target,
)
from beacon_deployment.ports import JobEnded

pytestmark = pytest.mark.anyio

REPOSITORY = Path(__file__).resolve().parents[2]
SECRET = "hush-hush-hush-h"
URL = "https://beacon.example/api/webhooks/modal/task-complete"
JOB = JobEnded("fc-1", "job-1:1", "completed")
Answer = Callable[[httpx.Request], httpx.Response]


class Router:
    """Answers callbacks with the given statuses, one after another."""

    def __init__(self, *statuses: int | Exception) -> None:
        self._statuses = list(statuses)
        self.requests: list[httpx.Request] = []
        self.slept_s: list[float] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status = self._statuses.pop(0)
        if isinstance(status, Exception):
            raise status
        return httpx.Response(status, headers={"Location": "https://elsewhere.example/"})

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)

    def sender(self) -> CallbackSender:
        return CallbackSender(
            CallbackTarget(URL, SECRET), transport=httpx.MockTransport(self.answer), sleep=self.sleep
        )


async def test_says_which_call_ended_and_how_and_nothing_more() -> None:
    router = Router(200)
    assert await router.sender()(JOB)
    (request,) = router.requests
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["X-Webhook-Secret"] == SECRET
    assert json.loads(request.content) == {"call_id": "fc-1", "key": "job-1:1", "status": "completed"}


@pytest.mark.parametrize(
    "first", [500, 503, 429, 408, httpx.ConnectError("refused"), httpx.ReadTimeout("slow")]
)
async def test_tries_again_what_may_pass(first: int | Exception) -> None:
    router = Router(first, 204)
    assert await router.sender()(JOB)
    assert len(router.requests) == 2


async def test_gives_up_after_three_tries_with_growing_pauses() -> None:
    router = Router(500, httpx.ConnectError("refused"), 502, 200)
    assert not await router.sender()(JOB)
    assert len(router.requests) == 3
    assert router.slept_s == [1.0, 4.0]


@pytest.mark.parametrize("status", [400, 401, 404])
async def test_does_not_repeat_what_was_refused(status: int) -> None:
    router = Router(status, 200)
    assert not await router.sender()(JOB)
    assert len(router.requests) == 1


@pytest.mark.parametrize("status", [302, 307])
async def test_takes_the_secret_nowhere_else(status: int) -> None:
    router = Router(status, 200)
    assert not await router.sender()(JOB)
    assert [request.url.host for request in router.requests] == ["beacon.example"]


@pytest.mark.parametrize(
    "url",
    ["https://beacon.example/x", "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:8080/x"],
)
async def test_takes_https_and_loopback(url: str) -> None:
    assert callback_target({"CALLBACK_URL": url, "CALLBACK_SECRET": SECRET}) is not None


@pytest.mark.parametrize(
    "environment",
    [
        {"CALLBACK_URL": "http://beacon.example/x", "CALLBACK_SECRET": SECRET},
        {"CALLBACK_URL": "http://127.0.0.1.evil.example/x", "CALLBACK_SECRET": SECRET},
        {"CALLBACK_URL": "ftp://127.0.0.1/x", "CALLBACK_SECRET": SECRET},
        {"CALLBACK_URL": "https://beacon.example/x"},
        {"CALLBACK_SECRET": SECRET},
        {"CALLBACK_URL": URL, "CALLBACK_SECRET": SECRET[:-1]},
    ],
)
async def test_refuses_wrong_settings_without_repeating_the_secret(environment: dict[str, str]) -> None:
    with pytest.raises(CallbackSettingsError) as refused:
        callback_target(environment)
    assert "hush" not in str(refused.value)


async def test_says_that_a_short_secret_cannot_be_the_router_s() -> None:
    with pytest.raises(CallbackSettingsError, match=r"at least 16 characters.*BEACON_WEBHOOK_SECRET"):
        CallbackTarget(URL, SECRET[:-1])
    router = (REPOSITORY / "libs/config/settings.ts").read_text(encoding="utf-8")
    assert f"BEACON_WEBHOOK_SECRET: z.string().min({MIN_SECRET_CHARACTERS})" in router


async def test_is_off_by_default() -> None:
    assert callback_target({}) is None


async def test_never_shows_the_secret() -> None:
    assert "hush" not in repr(CallbackTarget(URL, SECRET))
