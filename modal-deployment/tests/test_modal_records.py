"""Records in a `modal.Dict`, with a Dict that behaves as the SDK says it does."""

from typing import Any, cast

import httpx
import modal
import modal.exception
import pytest

from beacon_deployment.gateway import build_app
from beacon_deployment.modal_app.modal_autoscaler import ModalAutoscaler
from beacon_deployment.modal_app.modal_calls import ModalCalls
from beacon_deployment.modal_app.modal_records import ModalRecords
from beacon_deployment.ports import CallsUnavailableError
from tests.support import GATEWAY_PLACE, LLAMA

pytestmark = pytest.mark.anyio


class Method:
    """Reached by `.aio`."""

    def __init__(self, aio: Any) -> None:
        self.aio = aio


class FakeDict:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.entries: dict[str, Any] = {}
        self.put = Method(self._put)
        self.get = Method(self._get)

    async def _put(self, name: str, value: Any, *, skip_if_exists: bool = False) -> bool:
        if self.error is not None:
            raise self.error
        if skip_if_exists and name in self.entries:
            return False
        self.entries[name] = value
        return True

    async def _get(self, name: str) -> Any:
        if self.error is not None:
            raise self.error
        return self.entries.get(name)


def records(error: Exception | None = None) -> ModalRecords:
    return ModalRecords(cast("modal.Dict", FakeDict(error)))


async def test_puts_only_where_there_is_nothing_and_says_whether_it_did() -> None:
    shared = records()
    assert await shared.put_if_absent("key:k#0", {"owner": "a"})
    assert not await shared.put_if_absent("key:k#0", {"owner": "b"})
    assert await shared.get("key:k#0") == {"owner": "a"}
    await shared.put("key:k#0", {"owner": "c"})
    assert await shared.get("key:k#0") == {"owner": "c"}
    assert await shared.get("key:other#0") is None


@pytest.mark.parametrize(
    "raised",
    [
        modal.exception.ServiceError("unavailable"),
        modal.exception.NotFoundError("the Dict was deleted"),
        modal.exception.AuthError("no"),
        TimeoutError(),
        ConnectionResetError(),
    ],
    ids=lambda raised: type(raised).__name__,
)
async def test_a_store_that_does_not_answer_says_nothing_about_any_job(raised: Exception) -> None:
    shared = records(raised)
    for asked in (shared.get("n"), shared.put("n", {}), shared.put_if_absent("n", {})):
        with pytest.raises(CallsUnavailableError, match=type(raised).__name__):
            await asked


async def test_the_gateway_then_answers_503_on_every_route_that_needs_it() -> None:
    away = records(modal.exception.ServiceError("unavailable"))
    app = build_app(
        models=[LLAMA],
        calls=ModalCalls({}),
        records=away,
        autoscaler=ModalAutoscaler({}, away, deployed_window_s=300),
        place=lambda: GATEWAY_PLACE,
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        answers = [
            await client.post(
                "/jobs", json={"model": LLAMA, "prompt": "x"}, headers={"Idempotency-Key": "job-1:1"}
            ),
            await client.get("/jobs/fc-1"),
            await client.delete("/jobs/fc-1"),
            await client.put(f"/autoscaler/{LLAMA}", json={"scaledown_window_s": 600}),
        ]
    assert [answer.status_code for answer in answers] == [503] * 4
    assert {answer.json()["detail"] for answer in answers} == {"the platform did not answer: ServiceError"}
