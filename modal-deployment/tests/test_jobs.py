"""Keys and claims: what happens when gateways race, die or stall."""

import asyncio
from collections.abc import Callable

import pytest

from beacon_deployment.jobs import CLAIM_LEASE_S, CancelOutcome, ExpiredCallError, Jobs, UnknownCallError
from beacon_deployment.local.memory_records import MemoryRecords
from beacon_deployment.ports import (
    Answered,
    CallState,
    CallsUnavailableError,
    ErrorType,
    Expired,
    Failed,
    JobEnded,
    Notify,
    Pending,
    Record,
    Unknown,
)
from beacon_deployment.protocol import Document, GenerationRequest
from tests.support import ManualClock, a_request, eventually

pytestmark = pytest.mark.anyio


class FakeCalls:
    """Calls that take as long as the spec wants."""

    def __init__(self) -> None:
        self.spawned: list[str] = []
        self.cancelled: list[str] = []
        self.states: dict[str, CallState] = {}
        self.state_after_cancel: CallState = Pending()
        self.spawn_fails = False
        self.cancel_fails = False
        self.polls_after_cancel_fail = False
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
        if self.polls_after_cancel_fail and call_id in self.cancelled:
            raise CallsUnavailableError("busy")
        return self.states.get(call_id, Unknown())

    async def cancel(self, call_id: str) -> None:
        if self.cancel_fails:
            raise CallsUnavailableError("busy")
        self.cancelled.append(call_id)
        self.states[call_id] = self.state_after_cancel


def is_anything(name: str, record: Record) -> bool:
    return True


def is_call(name: str, record: Record) -> bool:
    return name.startswith("call:")


def is_claim(name: str, record: Record) -> bool:
    return name.startswith("key:") and "call_id" in record


class FailingRecords(MemoryRecords):
    """Refuses to put what the spec names, as often as it says."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses: Callable[[str, Record], bool] = is_anything
        self.times = 0

    async def put(self, name: str, record: Record) -> None:
        if self.times > 0 and self.refuses(name, record):
            self.times -= 1
            msg = f"the store is away: {name}"
            raise CallsUnavailableError(msg)
        await super().put(name, record)


class Region:
    """Two gateways that share their records, and a clock that only sleeping moves."""

    def __init__(self, notify: Notify | None = None) -> None:
        self.notify = notify
        self.calls = FakeCalls()
        self.records = FailingRecords()
        self.clock = ManualClock()
        self.first = self._gateway()
        self.second = self._gateway()
        self.gateways = (self.first, self.second)

    def _gateway(self) -> Jobs:
        return Jobs(self.calls, self.records, notify=self.notify, now_s=self.clock, sleep=self._sleep)

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


@pytest.mark.parametrize("note", [is_call, is_claim])
async def test_a_call_whose_id_cannot_be_noted_is_cancelled_and_its_key_given_back(
    note: Callable[[str, Record], bool],
) -> None:
    region = Region()
    region.records.refuses, region.records.times = note, 1
    before_s = region.clock.now_s
    with pytest.raises(CallsUnavailableError):
        await region.first.submit(a_request(), "k")
    assert region.calls.cancelled == ["fc-0"]
    assert await region.second.submit(a_request(), "k") == "fc-1"
    assert await region.second.submit(a_request(), "k") == "fc-1"
    assert region.calls.cancelled == ["fc-0"]
    assert region.clock.now_s == before_s


async def test_a_call_without_a_key_that_cannot_be_noted_is_cancelled() -> None:
    region = Region()
    region.records.refuses, region.records.times = is_call, 1
    with pytest.raises(CallsUnavailableError):
        await region.first.submit(a_request(), None)
    assert region.calls.cancelled == region.calls.spawned == ["fc-0"]


async def test_the_trouble_of_the_store_is_what_the_caller_hears_even_if_nothing_can_be_cancelled() -> None:
    region = Region()
    # Neither the call nor the release of its claim.
    region.records.refuses, region.records.times = is_anything, 2
    region.calls.cancel_fails = True
    before_s = region.clock.now_s
    with pytest.raises(CallsUnavailableError, match="call:fc-0"):
        await region.first.submit(a_request(), "k")
    assert await region.second.submit(a_request(), "k") == "fc-1"
    assert region.clock.now_s - before_s > CLAIM_LEASE_S


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


@pytest.mark.parametrize(
    "after",
    [
        Pending(),
        Failed(ErrorType.CANCELLED, "cancelled by user"),
        Failed(ErrorType.CRASHED, "a text that nobody has seen yet"),
        Failed(ErrorType.LOST, "the input was lost"),
        Unknown(),
    ],
)
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


async def test_a_cancellation_that_the_platform_took_counts_even_if_it_cannot_be_asked_afterwards() -> None:
    region = Region()
    call_id = await region.first.submit(a_request(), "k")
    region.calls.polls_after_cancel_fail = True
    assert await region.first.cancel(call_id) is CancelOutcome.CANCELLED
    assert await region.second.state(call_id) == Failed(ErrorType.CANCELLED, "the call was cancelled")


async def test_a_cancellation_that_could_not_be_noted_is_noted_when_it_is_repeated() -> None:
    region = Region()
    call_id = await region.first.submit(a_request(), "k")
    region.calls.state_after_cancel = Failed(ErrorType.CANCELLED, "cancelled by user")
    region.records.refuses, region.records.times = is_call, 1
    with pytest.raises(CallsUnavailableError):
        await region.first.cancel(call_id)
    assert await region.second.cancel(call_id) is CancelOutcome.CANCELLED
    region.calls.states[call_id] = Failed(ErrorType.CRASHED, "another text")
    assert await region.first.state(call_id) == Failed(ErrorType.CANCELLED, "the call was cancelled")
    assert region.calls.cancelled == [call_id]


@pytest.mark.parametrize(("state", "raised"), [(Expired(), ExpiredCallError), (Unknown(), UnknownCallError)])
async def test_what_is_gone_cannot_be_cancelled(state: CallState, raised: type[Exception]) -> None:
    region = Region()
    call_id = await region.first.submit(a_request(), "k")
    region.calls.states[call_id] = state
    with pytest.raises(raised):
        await region.first.cancel(call_id)
    assert region.calls.cancelled == []


async def test_a_job_is_cancelled_even_if_nobody_can_be_told(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[JobEnded] = []

    async def notify(job: JobEnded) -> None:
        asked.append(job)
        raise RuntimeError("spawn failed")

    region = Region(notify)
    call_id = await region.first.submit(a_request(), "k")
    assert await region.first.cancel(call_id) is CancelOutcome.CANCELLED
    await eventually(lambda: "nobody was told that fc-0 ended: RuntimeError" in caplog.text)
    assert asked == [JobEnded(call_id, "k", "cancelled")]
