"""Keys and claims: what happens when gateways race, die or stall."""

import asyncio

import pytest

from beacon_deployment.jobs import CLAIM_LEASE_S, CancelOutcome, Jobs
from beacon_deployment.memory_records import MemoryRecords
from beacon_deployment.ports import (
    Answered,
    CallState,
    CallsUnavailableError,
    ErrorType,
    Expired,
    Failed,
    Pending,
    Unknown,
)
from beacon_deployment.protocol import Document, GenerationRequest
from tests.support import ManualClock, a_request

pytestmark = pytest.mark.anyio


class FakeCalls:
    """Calls that take as long as the spec wants."""

    def __init__(self) -> None:
        self.spawned: list[str] = []
        self.cancelled: list[str] = []
        self.states: dict[str, CallState] = {}
        self.state_after_cancel: CallState = Pending()
        self.spawn_fails = False
        self.spawning = asyncio.Event()
        self.may_spawn = asyncio.Event()
        self.may_spawn.set()

    async def generate(self, request: GenerationRequest) -> Document:
        raise NotImplementedError

    async def spawn(self, request: GenerationRequest, key: str | None) -> str:
        if self.spawn_fails:
            raise CallsUnavailableError("busy")
        call_id = f"fc-{len(self.spawned)}"
        self.spawned.append(call_id)
        self.states[call_id] = Pending()
        # The platform has taken the call; its answer is on the way.
        self.spawning.set()
        await self.may_spawn.wait()
        return call_id

    async def poll(self, call_id: str) -> CallState:
        return self.states.get(call_id, Unknown())

    async def cancel(self, call_id: str) -> None:
        self.cancelled.append(call_id)
        self.states[call_id] = self.state_after_cancel


class Region:
    """Two gateways that share their records, and a clock that only sleeping moves."""

    def __init__(self) -> None:
        self.calls = FakeCalls()
        self.records = MemoryRecords()
        self.clock = ManualClock()
        self.first = self._gateway()
        self.second = self._gateway()
        self.gateways = (self.first, self.second)

    def _gateway(self) -> Jobs:
        return Jobs(self.calls, self.records, now_s=self.clock, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.clock.now_s += seconds
        await asyncio.sleep(0)


async def test_two_gateways_that_get_a_key_at_once_start_one_call() -> None:
    region = Region()
    ids = [*await asyncio.gather(*(gateway.submit(a_request(), "k") for gateway in region.gateways))]
    assert ids == ["fc-0", "fc-0"]
    assert region.calls.spawned == ["fc-0"]


async def test_a_key_waits_for_the_gateway_that_claimed_it() -> None:
    region = Region()
    region.calls.may_spawn.clear()
    winner = asyncio.create_task(region.first.submit(a_request(), "k"))
    await region.calls.spawning.wait()
    waiter = asyncio.create_task(region.second.submit(a_request(), "k"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiter.done()
    region.calls.may_spawn.set()
    assert await winner == await waiter == "fc-0"


async def test_the_claim_of_a_gateway_that_died_is_taken_over_by_one_of_those_who_wait() -> None:
    region = Region()
    await region.records.put_if_absent("key:k#0", {"claimed_at_s": region.clock.now_s, "owner": "dead"})
    before_s = region.clock.now_s
    ids = [*await asyncio.gather(*(gateway.submit(a_request(), "k") for gateway in region.gateways))]
    assert ids == ["fc-0", "fc-0"]
    assert region.calls.spawned == ["fc-0"]
    assert region.clock.now_s - before_s > CLAIM_LEASE_S


async def test_a_start_that_failed_gives_the_key_back_at_once() -> None:
    region = Region()
    region.calls.spawn_fails = True
    before_s = region.clock.now_s
    with pytest.raises(CallsUnavailableError):
        await region.first.submit(a_request(), "k")
    region.calls.spawn_fails = False
    assert await region.second.submit(a_request(), "k") == "fc-0"
    assert region.clock.now_s == before_s


async def test_a_caller_that_hangs_up_while_a_call_starts_does_not_lose_its_id() -> None:
    region = Region()
    region.calls.may_spawn.clear()
    submitting = asyncio.create_task(region.first.submit(a_request(), "k"))
    await region.calls.spawning.wait()
    submitting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await submitting
    region.calls.may_spawn.set()
    assert await region.second.submit(a_request(), "k") == "fc-0"
    assert region.calls.spawned == ["fc-0"]
    assert await region.second.state("fc-0") == Pending()


@pytest.mark.parametrize("gone", [Expired(), Unknown()])
async def test_a_key_whose_call_is_gone_may_be_used_again(gone: CallState) -> None:
    region = Region()
    assert await region.first.submit(a_request(), "k") == "fc-0"
    region.calls.states["fc-0"] = gone
    assert await region.first.submit(a_request(), "k") == "fc-1"
    assert await region.second.submit(a_request(), "k") == "fc-1"


async def test_a_call_that_no_gateway_started_is_unknown_even_if_the_platform_knows_it() -> None:
    region = Region()
    region.calls.states["fc-of-another-app"] = Answered({"status": "success"})
    assert await region.first.state("fc-of-another-app") == Unknown()


async def test_a_call_that_ends_while_it_is_cancelled_keeps_its_result() -> None:
    region = Region()
    call_id = await region.first.submit(a_request(), "k")
    region.calls.state_after_cancel = Answered({"status": "success"})
    assert await region.first.cancel(call_id) is CancelOutcome.FINISHED
    assert await region.second.state(call_id) == Answered({"status": "success"})


@pytest.mark.parametrize("after", [Pending(), Failed(ErrorType.CANCELLED, "cancelled by user")])
async def test_a_cancelled_call_is_cancelled_for_every_gateway_whatever_the_platform_calls_it(
    after: CallState,
) -> None:
    region = Region()
    call_id = await region.first.submit(a_request(), "k")
    region.calls.state_after_cancel = after
    assert await region.first.cancel(call_id) is CancelOutcome.CANCELLED
    region.calls.states[call_id] = Failed(ErrorType.CRASHED, "another text")
    assert await region.second.state(call_id) == Failed(ErrorType.CANCELLED, "the call was cancelled")
    assert await region.second.cancel(call_id) is CancelOutcome.CANCELLED
    assert region.calls.cancelled == [call_id]
