import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from beacon_deployment.local.calls import LocalLimits
from beacon_deployment.protocol import MAX_MESSAGES, MAX_TEXT_BYTES
from beacon_deployment.worker import ModelError
from tests.support import LLAMA, QWEN, GatedEngine, a_gateway, eventually

pytestmark = pytest.mark.anyio

REPOSITORY = Path(__file__).resolve().parents[2]
QUESTION = {"model": LLAMA, "prompt": "What is 2+2?", "temperature": 0, "max_tokens": 64}


async def test_answers_a_prompt_with_everything_that_is_attested() -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
    assert answer.status_code == 200
    document = answer.json()
    assert document.pop("inference_time") >= 0
    assert document == {
        "status": "success",
        "response": "You said: What is 2+2?",
        "model": LLAMA,
        "tokens_in": 3,
        "tokens_generated": 3,
        "region": "US",
        "cloud_region": "us-ashburn-1",
        "container_id": "ta-worker",
        "gpu": "Tesla T4",
        "model_revision": "0" * 40,
        "cold_start": True,
    }


async def test_attests_the_region_of_the_container_and_for_health_that_of_the_gateway() -> None:
    async with a_gateway() as gateway:
        health = await gateway.client.get("/health")
        answer = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
    assert health.json()["region"] == "EU"
    assert answer.json()["region"] == "US"


async def test_health_wakes_nothing() -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.get("/health")
        assert answer.status_code == 200
        assert answer.json() | {"version": ""} == {
            "status": "healthy",
            "models_available": [LLAMA, QWEN],
            "region": "EU",
            "cloud_region": "eu-west-1",
            "version": "",
        }
        assert gateway.engine.loads == 0


async def test_only_the_first_answer_of_a_container_is_a_cold_start() -> None:
    async with a_gateway(limits=LocalLimits(scaledown_window_s=300)) as gateway:
        first = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
        second = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
        gateway.clock.now_s += 301
        third = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
    assert [answer.json()["cold_start"] for answer in (first, second, third)] == [True, False, True]


async def test_takes_messages_a_system_prompt_and_fields_it_does_not_know() -> None:
    body = {
        "messages": [{"role": "user", "content": "Hi", "name": "ann"}],
        "system": "Be brief.",
        "top_p": 1,
        "stream": False,
    }
    async with a_gateway() as gateway:
        answer = await gateway.client.post(f"/{LLAMA}", json=body)
        asked = gateway.engine.requests[0]
    assert answer.json()["status"] == "success"
    assert [(message.role, message.content) for message in asked.messages] == [
        ("system", "Be brief."),
        ("user", "Hi"),
    ]
    assert (asked.temperature, asked.max_tokens, asked.seed) == (0.1, 512, None)


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, ["body"]),
        ({"messages": []}, ["body", "messages"]),
        ({"messages": [{"role": "wizard", "content": "x"}]}, ["body", "messages", 0, "role"]),
        ({"messages": [{"role": "user"}]}, ["body", "messages", 0, "content"]),
        ({"prompt": "x", "temperature": -0.1}, ["body", "temperature"]),
        ({"prompt": "x", "temperature": 99}, ["body", "temperature"]),
        ({"prompt": "x", "temperature": "warm"}, ["body", "temperature"]),
        ({"prompt": "x", "max_tokens": 0}, ["body", "max_tokens"]),
        ({"prompt": "x", "max_tokens": 40_000}, ["body", "max_tokens"]),
        ({"prompt": "x", "seed": -1}, ["body", "seed"]),
        ({"prompt": ["x"]}, ["body", "prompt"]),
        ([], ["body"]),
    ],
)
@pytest.mark.parametrize("path", [f"/{LLAMA}", "/jobs"])
async def test_refuses_a_bad_body_as_fastapi_does(path: str, body: Any, loc: list[str | int]) -> None:
    async with a_gateway() as gateway:
        sent = body | {"model": LLAMA} if isinstance(body, dict) else body
        answer = await gateway.client.post(path, json=sent)
    assert answer.status_code == 422
    assert loc in [issue["loc"] for issue in answer.json()["detail"]]
    assert gateway.engine.requests == []


@pytest.mark.parametrize(("messages", "status"), [(1024, 200), (1025, 422)])
async def test_takes_as_many_messages_as_the_router(messages: int, status: int) -> None:
    router = (REPOSITORY / "libs/contracts/http/inference.ts").read_text(encoding="utf-8")
    assert f"MESSAGES_MAX = {MAX_MESSAGES};" in router
    async with a_gateway() as gateway:
        body = {"messages": [{"role": "user", "content": "x"}] * messages}
        answer = await gateway.client.post(f"/{LLAMA}", json=body)
    assert answer.status_code == status


async def test_takes_as_long_a_prompt_as_the_router_can_be_told_to() -> None:
    router = (REPOSITORY / "libs/config/configuration.ts").read_text(encoding="utf-8")
    assert f"prompt_bytes: z.int().min(1).max({MAX_TEXT_BYTES:_})" in router
    async with a_gateway(max_body_bytes=2_000_000) as gateway:
        answer = await gateway.client.post(f"/{LLAMA}", json={"prompt": "x" * MAX_TEXT_BYTES})
    assert answer.status_code == 200


async def test_refuses_text_that_is_too_long() -> None:
    async with a_gateway(max_body_bytes=2_000_000) as gateway:
        answer = await gateway.client.post(f"/{LLAMA}", json={"prompt": "é" * 300_000})
    assert answer.status_code == 422


async def test_a_refusal_never_repeats_the_prompt() -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.post(f"/{LLAMA}", json={"prompt": "my secret", "max_tokens": 0})
    assert answer.status_code == 422
    assert "my secret" not in answer.text


async def test_refuses_json_that_is_none() -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.post(
            f"/{LLAMA}", content=b"{", headers={"content-type": "application/json"}
        )
    assert answer.status_code == 422


async def test_refuses_a_long_body_whether_or_not_it_says_its_length() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 1000

    async with a_gateway(max_body_bytes=10_000) as gateway:
        declared = await gateway.client.post(f"/{LLAMA}", content=b"x" * 20_000)
        chunked = await gateway.client.post(
            f"/{LLAMA}", content=chunks(), headers={"content-type": "application/json"}
        )
    assert [declared.status_code, chunked.status_code] == [413, 413]


async def test_a_path_of_no_model_is_not_found() -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.post("/mistral-7b", json=QUESTION | {"model": "mistral-7b"})
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize("model", ["mistral-7b", QWEN])
async def test_a_body_that_asks_another_model_than_the_path_is_answered_with_an_error(model: str) -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.post(f"/{LLAMA}", json=QUESTION | {"model": model})
    assert answer.status_code == 200
    assert answer.json()["status"] == "error"
    assert model in answer.json()["error"]
    assert gateway.engine.requests == []


async def test_get_on_a_model_is_not_allowed() -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.get(f"/{LLAMA}")
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})


async def test_a_model_that_cannot_work_on_an_input_says_why() -> None:
    engine = GatedEngine(fails_with=ModelError("the prompt is 9000 tokens long; the model takes 8192"))
    async with a_gateway(engine) as gateway:
        answer = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
    assert answer.status_code == 200
    assert answer.json()["status"] == "error"
    assert answer.json()["error_type"] == "model_error"
    assert "9000 tokens" in answer.json()["error"]


async def test_what_a_library_raises_is_named_but_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    engine = GatedEngine(fails_with=RuntimeError("bad token in 'What is 2+2?'"))
    async with a_gateway(engine) as gateway:
        answer = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
    assert answer.json()["error"] == "the container crashed: RuntimeError"
    assert "2+2" not in caplog.text


async def test_a_container_whose_device_failed_is_gone_and_the_next_input_boots_another() -> None:
    engine = GatedEngine(fails_with=RuntimeError("CUDA error: an illegal memory access was encountered"))
    async with a_gateway(engine) as gateway:
        crashed = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
        engine.fails_with = None
        answered = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
    assert (crashed.status_code, crashed.json()["error_type"]) == (200, "crashed")
    assert (answered.json()["status"], answered.json()["cold_start"]) == ("success", True)
    assert engine.loads == 2


async def test_a_container_that_could_not_work_on_one_input_works_on_the_next() -> None:
    engine = GatedEngine(fails_with=ModelError("too long"))
    async with a_gateway(engine) as gateway:
        await gateway.client.post(f"/{LLAMA}", json=QUESTION)
        engine.fails_with = None
        answered = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
    assert (answered.json()["status"], answered.json()["cold_start"]) == ("success", False)
    assert engine.loads == 1


async def test_logs_hold_neither_prompt_nor_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with a_gateway() as gateway:
        await gateway.client.post(f"/{LLAMA}", json=QUESTION | {"prompt": "a private matter"})
    assert "answered model=llama3.2-1b" in caplog.text
    assert "private" not in caplog.text


async def test_an_execution_that_takes_too_long_is_stopped_and_says_so() -> None:
    engine = GatedEngine(gated=True)
    async with a_gateway(engine, limits=LocalLimits(timeout_s=0.02)) as gateway:
        answer = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
    assert (answer.status_code, answer.json()["error_type"]) == (200, "timed_out")
    assert engine.cancelled == 1


async def test_a_container_that_does_not_start_is_a_crash_and_not_the_last() -> None:
    engine = GatedEngine(load_fails_with=OSError("disk"))
    async with a_gateway(engine) as gateway:
        crashed = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
        engine.load_fails_with = None
        answered = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
    assert crashed.json()["error_type"] == "crashed"
    assert answered.json()["status"] == "success"


async def test_one_container_works_on_one_input_at_a_time() -> None:
    engine = GatedEngine(gated=True)
    async with a_gateway(engine) as gateway, asyncio.TaskGroup() as callers:
        answers = [callers.create_task(gateway.client.post(f"/{LLAMA}", json=QUESTION)) for _ in range(3)]
        await eventually(lambda: len(engine.requests) == 1)
        # The other model has a container of its own.
        other = callers.create_task(gateway.client.post(f"/{QWEN}", json=QUESTION | {"model": QWEN}))
        await eventually(lambda: len(engine.requests) == 2)
        assert sum(request.model == LLAMA for request in engine.requests) == 1
        engine.release.set()
    assert [answer.result().json()["status"] for answer in (*answers, other)] == ["success"] * 4


async def test_a_caller_that_hangs_up_stops_the_work_and_frees_the_container() -> None:
    engine = GatedEngine(gated=True)
    async with a_gateway(engine) as gateway:
        hang_up = asyncio.Event()
        sent: list[MutableMapping[str, Any]] = []
        exchange = asyncio.create_task(_exchange(gateway.app, QUESTION, hang_up, sent))
        await eventually(lambda: len(engine.requests) == 1)
        assert engine.cancelled == 0
        hang_up.set()
        await exchange
        assert engine.cancelled == 1
        engine.release.set()
        answer = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
    assert answer.json()["status"] == "success"
    assert engine.loads == 1


async def test_an_input_that_the_platform_cancels_stops_the_work() -> None:
    engine = GatedEngine(gated=True)
    async with a_gateway(engine) as gateway:
        exchange = asyncio.create_task(_exchange(gateway.app, QUESTION, asyncio.Event(), []))
        await eventually(lambda: len(engine.requests) == 1)
        exchange.cancel()
        with pytest.raises(asyncio.CancelledError):
            await exchange
        assert engine.cancelled == 1


async def _exchange(
    app: Any, body: object, hang_up: asyncio.Event, sent: list[MutableMapping[str, Any]]
) -> None:
    """One request as an ASGI server passes it on, with a caller who may hang up."""
    messages = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        if messages:
            return messages.pop()
        await hang_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": f"/{LLAMA}",
        "raw_path": f"/{LLAMA}".encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    await app(scope, receive, send)
