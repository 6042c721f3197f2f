import asyncio

import httpx
import pytest

from beacon_deployment.local.calls import LocalLimits
from beacon_deployment.ports import JobEnded
from beacon_deployment.worker import ModelError
from tests.support import LLAMA, GatedEngine, Gateway, a_gateway, ended, eventually

pytestmark = pytest.mark.anyio

QUESTION = {"model": LLAMA, "prompt": "What is 2+2?", "temperature": 0, "max_tokens": 64}


async def started(gateway: Gateway, key: str | None = "job-1:1") -> str:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = await gateway.client.post("/jobs", json=QUESTION, headers=headers)
    assert answer.status_code == 202
    assert answer.json()["status"] == "pending"
    return str(answer.json()["call_id"])


async def test_a_job_is_pending_until_it_answers_and_can_be_read_again() -> None:
    engine = GatedEngine(gated=True)
    async with a_gateway(engine) as gateway:
        call_id = await started(gateway)
        assert call_id.startswith("fc-")
        await eventually(lambda: len(engine.requests) == 1)
        pending = await gateway.client.get(f"/jobs/{call_id}")
        assert (pending.status_code, pending.json()) == (202, {"status": "pending", "call_id": call_id})
        engine.release.set()
        first, second = await ended(gateway, call_id), await ended(gateway, call_id)
    assert (first.status_code, first.json()["response"]) == (200, "You said: What is 2+2?")
    assert first.json() == second.json()


async def test_a_job_answers_the_very_document_of_a_synchronous_call() -> None:
    async with a_gateway() as gateway:
        synchronous = (await gateway.client.post(f"/{LLAMA}", json=QUESTION)).json()
        job = (await ended(gateway, await started(gateway))).json()
    measured = {"inference_time": 0, "cold_start": False}
    assert job | measured == synchronous | measured


async def test_the_same_key_starts_no_second_call() -> None:
    engine = GatedEngine(gated=True)
    async with a_gateway(engine) as gateway:
        ids = await asyncio.gather(*(started(gateway, "job-1:1") for _ in range(10)))
        engine.release.set()
        await ended(gateway, ids[0])
        again = await started(gateway, "job-1:1")
    assert {*ids, again} == {ids[0]}
    assert len(engine.requests) == 1


async def test_other_keys_and_no_key_start_calls_of_their_own() -> None:
    async with a_gateway() as gateway:
        ids = [await started(gateway, key) for key in ("job-1:1", "job-1:2", None, None)]
    assert len(set(ids)) == 4


async def test_cancelling_frees_the_slot_and_may_be_repeated() -> None:
    engine = GatedEngine(gated=True)
    async with a_gateway(engine) as gateway:
        call_id = await started(gateway)
        await eventually(lambda: len(engine.requests) == 1)
        answers = [await gateway.client.delete(f"/jobs/{call_id}") for _ in range(2)]
        assert [(answer.status_code, answer.json()) for answer in answers] == [
            (200, {"status": "cancelled", "call_id": call_id})
        ] * 2
        assert engine.cancelled == 1
        result = await gateway.client.get(f"/jobs/{call_id}")
        assert (result.status_code, result.json()["status"]) == (200, "error")
        assert result.json()["error_type"] == "cancelled"
        engine.release.set()
        other = await ended(gateway, await started(gateway, "job-2:1"))
    assert other.json()["status"] == "success"


async def test_a_job_that_still_waits_for_a_container_is_cancelled_without_running() -> None:
    engine = GatedEngine(gated=True)
    async with a_gateway(engine) as gateway:
        first = await started(gateway, "job-1:1")
        await eventually(lambda: len(engine.requests) == 1)
        waiting = await started(gateway, "job-2:1")
        answer = await gateway.client.delete(f"/jobs/{waiting}")
        assert answer.json()["status"] == "cancelled"
        engine.release.set()
        assert (await ended(gateway, first)).json()["status"] == "success"
    assert len(engine.requests) == 1


async def test_cancelling_a_finished_job_changes_nothing() -> None:
    async with a_gateway() as gateway:
        call_id = await started(gateway)
        before = await ended(gateway, call_id)
        answer = await gateway.client.delete(f"/jobs/{call_id}")
        after = await ended(gateway, call_id)
    assert (answer.status_code, answer.json()) == (200, {"status": "finished", "call_id": call_id})
    assert after.json() == before.json()


async def test_the_key_of_a_cancelled_job_still_names_that_job() -> None:
    async with a_gateway(GatedEngine(gated=True)) as gateway:
        call_id = await started(gateway)
        await gateway.client.delete(f"/jobs/{call_id}")
        assert await started(gateway) == call_id


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_unknown_call_is_not_found(method: str) -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.request(method, "/jobs/fc-unknown")
    assert answer.status_code == 404
    assert isinstance(answer.json()["detail"], str)


async def test_a_result_is_kept_seven_days_and_then_its_key_may_be_used_again() -> None:
    week_s = 7 * 24 * 3600
    async with a_gateway() as gateway:
        call_id = await started(gateway)
        await ended(gateway, call_id)
        gateway.clock.now_s += week_s - 1
        assert (await gateway.client.get(f"/jobs/{call_id}")).status_code == 200
        assert await started(gateway) == call_id
        gateway.clock.now_s += 2
        gone = await gateway.client.get(f"/jobs/{call_id}")
        assert (gone.status_code, gone.json()["status"]) == (410, "error")
        assert gone.json()["error_type"] == "expired"
        too_late = await gateway.client.delete(f"/jobs/{call_id}")
        assert (too_late.status_code, too_late.json()) == (410, gone.json())
        assert await started(gateway) != call_id


async def test_a_model_that_is_not_served_here_starts_nothing() -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.post("/jobs", json=QUESTION | {"model": "mistral-7b"})
    assert (answer.status_code, answer.json()["status"]) == (200, "error")


async def test_a_job_must_name_its_model() -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.post("/jobs", json={"prompt": "x"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "model"]


async def test_a_job_that_takes_too_long_times_out() -> None:
    async with a_gateway(GatedEngine(gated=True), limits=LocalLimits(timeout_s=0.02)) as gateway:
        result = await ended(gateway, await started(gateway))
    assert (result.status_code, result.json()["error_type"]) == (200, "timed_out")


async def test_a_job_whose_container_does_not_start_has_crashed() -> None:
    async with a_gateway(GatedEngine(load_fails_with=OSError("disk"))) as gateway:
        result = await ended(gateway, await started(gateway))
    assert (result.status_code, result.json()["error_type"]) == (200, "crashed")


@pytest.mark.parametrize(
    ("engine", "status"),
    [
        (GatedEngine(), "completed"),
        (GatedEngine(fails_with=ModelError("no")), "failed"),
        (GatedEngine(load_fails_with=OSError("disk")), "failed"),
    ],
)
async def test_tells_once_how_a_job_ended(engine: GatedEngine, status: str) -> None:
    told: list[JobEnded] = []

    async def notify(job: JobEnded) -> None:
        told.append(job)

    async with a_gateway(engine, notify=notify) as gateway:
        call_id = await started(gateway, "job-1:1")
        await ended(gateway, call_id)
        await eventually(lambda: len(told) == 1)
    assert [(job.call_id, job.key, job.status) for job in told] == [(call_id, "job-1:1", status)]


async def test_a_job_keeps_its_answer_when_nobody_can_be_told(caplog: pytest.LogCaptureFixture) -> None:
    async def notify(job: JobEnded) -> None:
        raise RuntimeError("no way")

    async with a_gateway(notify=notify) as gateway:
        call_id = await started(gateway)
        assert (await ended(gateway, call_id)).json()["status"] == "success"
        await eventually(lambda: f"nobody was told that {call_id} ended" in caplog.text)


async def test_tells_once_that_a_job_was_cancelled() -> None:
    told: list[JobEnded] = []

    async def notify(job: JobEnded) -> None:
        told.append(job)

    async with a_gateway(GatedEngine(gated=True), notify=notify) as gateway:
        call_id = await started(gateway)
        await gateway.client.delete(f"/jobs/{call_id}")
        await gateway.client.delete(f"/jobs/{call_id}")
        await eventually(lambda: len(told) > 0)
    assert told == [JobEnded(call_id, "job-1:1", "cancelled")]


async def test_a_synchronous_call_is_no_job() -> None:
    told: list[JobEnded] = []

    async def notify(job: JobEnded) -> None:
        told.append(job)

    async with a_gateway(notify=notify) as gateway:
        await gateway.client.post(f"/{LLAMA}", json=QUESTION)
        await ended(gateway, await started(gateway))
        await eventually(lambda: len(told) == 1)
    assert len(told) == 1


async def test_a_key_that_is_too_long_is_refused() -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.post("/jobs", json=QUESTION, headers={"Idempotency-Key": "k" * 600})
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
