"""The autoscaler routes, against containers of this process."""

import asyncio

import pytest

from beacon_deployment.local.calls import LocalLimits
from tests.support import LLAMA, QWEN, GatedEngine, Gateway, a_gateway, eventually

pytestmark = pytest.mark.anyio

QUESTION = {"model": LLAMA, "prompt": "What is 2+2?"}


async def _answered_cold(gateway: Gateway) -> bool:
    answer = await gateway.client.post(f"/{LLAMA}", json=QUESTION)
    cold: bool = answer.json()["cold_start"]
    return cold


async def test_idle_containers_stay_for_the_window_that_was_set() -> None:
    async with a_gateway(limits=LocalLimits(scaledown_window_s=60)) as gateway:
        assert await _answered_cold(gateway)
        told = await gateway.client.put(f"/autoscaler/{LLAMA}", json={"scaledown_window_s": 600})
        assert (told.status_code, told.json()) == (
            200,
            {"status": "ok", "scaledown_window_s": 600, "containers": 1},
        )
        gateway.clock.now_s += 599
        assert not await _answered_cold(gateway)
        gateway.clock.now_s += 601
        assert await _answered_cold(gateway)


async def test_a_shorter_window_holds_for_containers_that_are_idle_already() -> None:
    async with a_gateway() as gateway:
        await _answered_cold(gateway)
        gateway.clock.now_s += 30
        await gateway.client.put(f"/autoscaler/{LLAMA}", json={"scaledown_window_s": 20})
        assert await _answered_cold(gateway)


async def test_a_release_gives_up_an_idle_container_and_leaves_the_window_alone() -> None:
    async with a_gateway() as gateway:
        await _answered_cold(gateway)
        for _time in ("first", "second"):
            released = await gateway.client.post(f"/autoscaler/{LLAMA}/release", json={"timeout_s": 20})
            assert (released.status_code, released.json()) == (200, {"status": "released", "containers": 0})
        assert await _answered_cold(gateway)
        gateway.clock.now_s += 299
        assert not await _answered_cold(gateway)


async def test_a_release_stops_no_call() -> None:
    engine = GatedEngine(gated=True)
    async with a_gateway(engine) as gateway:
        call = asyncio.create_task(gateway.client.post(f"/{LLAMA}", json=QUESTION))
        await eventually(lambda: len(engine.requests) == 1)
        busy = await gateway.client.post(f"/autoscaler/{LLAMA}/release")
        assert busy.json() == {"status": "busy", "containers": 1}
        # What another model does is its own business.
        other = await gateway.client.post(f"/autoscaler/{QWEN}/release")
        assert other.json() == {"status": "released", "containers": 0}
        engine.release.set()
        assert (await call).json()["status"] == "success"


@pytest.mark.parametrize("window_s", [None, "long", 1, 1201, 2.5])
async def test_a_window_that_modal_would_not_take_is_refused(window_s: object) -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.put(f"/autoscaler/{LLAMA}", json={"scaledown_window_s": window_s})
    assert answer.status_code == 422


@pytest.mark.parametrize("timeout_s", [0, 61, "soon"])
async def test_a_release_takes_neither_no_time_nor_any(timeout_s: object) -> None:
    async with a_gateway() as gateway:
        answer = await gateway.client.post(f"/autoscaler/{LLAMA}/release", json={"timeout_s": timeout_s})
    assert answer.status_code == 422


async def test_a_model_that_is_not_served_has_no_autoscaler() -> None:
    async with a_gateway() as gateway:
        told = await gateway.client.put("/autoscaler/other", json={"scaledown_window_s": 600})
        released = await gateway.client.post("/autoscaler/other/release")
    assert (told.status_code, released.status_code) == (404, 404)
