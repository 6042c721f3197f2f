"""What the specs share: an engine that waits for the spec, and a gateway around it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI

from beacon_deployment.gateway import build_app
from beacon_deployment.local.calls import LocalCalls, LocalLimits
from beacon_deployment.local.memory_records import MemoryRecords
from beacon_deployment.places import Place
from beacon_deployment.ports import Notify
from beacon_deployment.protocol import GenerationRequest, Message
from beacon_deployment.worker import Cancellation, Generation, GenerationCancelledError

# Nothing is quick because of it: it ends what hangs, on a busy machine too.
DEADLINE_S = 60.0
LLAMA, QWEN = "llama3.2-1b", "qwen2.5-1.5b"
GATEWAY_PLACE = Place(region="EU", cloud_region="eu-west-1", container_id="ta-gateway")
WORKER_PLACE = Place(region="US", cloud_region="us-ashburn-1", container_id="ta-worker")


@dataclass
class GatedEngine:
    """Answers when it is released, or at once when it is not gated."""

    gated: bool = False
    fails_with: Exception | None = None
    load_fails_with: Exception | None = None
    requests: list[GenerationRequest] = field(default_factory=list)
    loads: int = 0
    cancelled: int = 0
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def model_revision(self) -> str:
        return "0" * 40

    @property
    def gpu(self) -> str:
        return "Tesla T4"

    def load(self) -> None:
        self.loads += 1
        if self.load_fails_with is not None:
            raise self.load_fails_with

    def start(self) -> None:
        pass

    def generate(self, request: GenerationRequest, cancellation: Cancellation) -> Generation:
        self.requests.append(request)
        while self.gated and not self.release.is_set():
            if cancellation.wait(0.005):
                self.cancelled += 1
                raise GenerationCancelledError
        if self.fails_with is not None:
            raise self.fails_with
        words = " ".join(message.content for message in request.messages)
        return Generation(text=f"You said: {words}", tokens_in=len(words.split()), tokens_generated=3)


class ManualClock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Gateway:
    app: FastAPI
    client: httpx.AsyncClient
    engine: GatedEngine
    calls: LocalCalls
    clock: ManualClock


@asynccontextmanager
async def a_gateway(
    engine: GatedEngine | None = None,
    *,
    limits: LocalLimits | None = None,
    notify: Notify | None = None,
    max_body_bytes: int = 100_000,
) -> AsyncIterator[Gateway]:
    engine = engine or GatedEngine()
    clock = ManualClock()
    calls = LocalCalls(
        {LLAMA: lambda: engine, QWEN: lambda: engine},
        place=lambda: WORKER_PLACE,
        limits=limits or LocalLimits(),
        notify=notify,
        monotonic_s=clock,
    )
    app = build_app(
        models=[LLAMA, QWEN],
        calls=calls,
        records=MemoryRecords(),
        autoscaler=calls,
        place=lambda: GATEWAY_PLACE,
        notify=notify,
        max_body_bytes=max_body_bytes,
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        try:
            yield Gateway(app, client, engine, calls, clock)
        finally:
            engine.release.set()
            await calls.close()


async def eventually(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never came true"
        await asyncio.sleep(0.002)


async def ended(gateway: Gateway, call_id: str) -> httpx.Response:
    """The answer to the first poll that is not pending."""
    deadline_s = time.monotonic() + DEADLINE_S
    while True:
        answer = await gateway.client.get(f"/jobs/{call_id}")
        if answer.status_code != httpx.codes.ACCEPTED:
            return answer
        assert time.monotonic() < deadline_s, "the job never ended"
        await asyncio.sleep(0.002)


def a_request(text: str = "What is 2+2?", **changes: object) -> GenerationRequest:
    fields: Mapping[str, object] = {
        "model": LLAMA,
        "messages": (Message(role="user", content=text),),
        "temperature": 0.0,
        "max_tokens": 16,
        **changes,
    }
    return GenerationRequest.model_validate(fields)
