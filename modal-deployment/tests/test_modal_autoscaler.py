"""The Modal adapter, with an autoscaler that behaves as the SDK says it does."""

import asyncio
from dataclasses import dataclass, field

import modal.exception
import pytest

from beacon_deployment.local.memory_records import MemoryRecords
from beacon_deployment.modal_app.modal_autoscaler import ModalAutoscaler, ScaledClass
from beacon_deployment.ports import CallsUnavailableError, Released
from tests.support import LLAMA, ManualClock

pytestmark = pytest.mark.anyio

DEPLOYED_S = 300


@dataclass
class FakeSettings:
    scaledown_window: int | None


@dataclass
class FakeStats:
    backlog: int = 0
    num_total_runners: int = 0
    num_running_inputs: int = 0


@dataclass
class FakePlatform:
    """One model's containers. Idle ones are gone `gone_after_s` after the window became the shortest."""

    clock: ManualClock = field(default_factory=ManualClock)
    records: MemoryRecords = field(default_factory=MemoryRecords)
    window_s: int | None = DEPLOYED_S
    runners: int = 1
    running: int = 0
    backlog: int = 0
    gone_after_s: float = 3.0
    windows: list[int] = field(default_factory=list)
    fails_at: dict[int, Exception] = field(default_factory=dict)
    short_since_s: float | None = None

    async def update(self, *, scaledown_window: int | None = None) -> FakeSettings:
        if scaledown_window is not None:
            error = self.fails_at.pop(len(self.windows), None)
            self.windows.append(scaledown_window)
            if error is not None:
                raise error
            self.window_s = scaledown_window
            self.short_since_s = self.clock.now_s if scaledown_window == 2 else None
        return FakeSettings(self.window_s)

    async def stats(self) -> FakeStats:
        if self.short_since_s is not None and self.clock.now_s - self.short_since_s >= self.gone_after_s:
            self.runners = self.running
        return FakeStats(self.backlog, self.runners, self.running)

    async def sleep(self, seconds: float) -> None:
        self.clock.now_s += seconds
        await asyncio.sleep(0)

    def autoscaler(self) -> ModalAutoscaler:
        return ModalAutoscaler(
            {LLAMA: ScaledClass(update=self.update, stats=self.stats)},
            self.records,
            deployed_window_s=DEPLOYED_S,
            sleep=self.sleep,
            monotonic_s=self.clock,
        )


async def test_a_window_is_set_and_the_containers_are_counted() -> None:
    platform = FakePlatform(runners=2)
    assert await platform.autoscaler().set_window(LLAMA, 600) == 2
    assert platform.windows == [600]


async def test_a_release_waits_until_none_is_left_and_restores_the_window() -> None:
    platform = FakePlatform(window_s=600)
    assert await platform.autoscaler().release(LLAMA, 20) == Released(released=True, containers=0)
    assert platform.windows == [2, 600]


async def test_where_there_is_no_container_nothing_is_changed() -> None:
    platform = FakePlatform(runners=0)
    assert await platform.autoscaler().release(LLAMA, 20) == Released(released=True, containers=0)
    assert platform.windows == []


@pytest.mark.parametrize("work", [{"running": 1}, {"backlog": 1}, {"backlog": 1, "runners": 0}])
async def test_where_work_runs_or_waits_nothing_is_changed(work: dict[str, int]) -> None:
    platform = FakePlatform(**work)  # type: ignore[arg-type]
    assert (await platform.autoscaler().release(LLAMA, 20)).released is False
    assert platform.windows == []


async def test_work_that_comes_meanwhile_ends_the_release() -> None:
    platform = FakePlatform(gone_after_s=10)

    async def sleep(seconds: float) -> None:
        platform.running = 1
        await FakePlatform.sleep(platform, seconds)

    platform.sleep = sleep  # type: ignore[method-assign]
    assert await platform.autoscaler().release(LLAMA, 20) == Released(released=False, containers=1)
    assert platform.windows == [2, DEPLOYED_S]
    assert platform.clock.now_s == ManualClock().now_s + 1


async def test_a_container_that_does_not_go_in_time_makes_it_busy() -> None:
    platform = FakePlatform(gone_after_s=60)
    assert await platform.autoscaler().release(LLAMA, 20) == Released(released=False, containers=1)
    assert platform.windows == [2, DEPLOYED_S]


async def test_a_caller_that_hangs_up_leaves_the_former_window() -> None:
    platform = FakePlatform(gone_after_s=60)
    asleep = asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.set()
        await asyncio.sleep(60)

    platform.sleep = sleep  # type: ignore[method-assign]
    release = asyncio.create_task(platform.autoscaler().release(LLAMA, 20))
    await asleep.wait()
    release.cancel()
    with pytest.raises(asyncio.CancelledError):
        await release
    assert platform.windows == [2, DEPLOYED_S]


async def test_a_gateway_that_died_in_the_middle_leaves_a_note_for_the_next() -> None:
    platform = FakePlatform(window_s=2)
    await platform.records.put(f"release:{LLAMA}", {"window_s": 600.0, "open": True})
    await platform.autoscaler().release(LLAMA, 20)
    assert platform.windows == [2, 600]
    # A window of two seconds that somebody wants is one.
    platform.window_s, platform.runners = 2, 1
    await platform.autoscaler().release(LLAMA, 20)
    assert platform.windows[2:] == [2, 2]


async def test_a_window_set_by_another_gateway_meanwhile_is_what_is_restored() -> None:
    platform = FakePlatform()

    async def sleep(seconds: float) -> None:
        if platform.windows == [2]:
            await platform.autoscaler().set_window(LLAMA, 900)
        await FakePlatform.sleep(platform, seconds)

    platform.sleep = sleep  # type: ignore[method-assign]
    await platform.autoscaler().release(LLAMA, 20)
    assert platform.windows == [2, 900, 900]


async def test_a_restore_that_fails_is_repeated() -> None:
    platform = FakePlatform(fails_at={1: modal.exception.ServiceError("unavailable")})
    assert (await platform.autoscaler().release(LLAMA, 20)).released
    assert platform.windows == [2, DEPLOYED_S, DEPLOYED_S]


async def test_a_platform_that_cannot_be_asked_is_said_to_be_that() -> None:
    platform = FakePlatform(fails_at={0: modal.exception.ConnectionError("offline")})
    with pytest.raises(CallsUnavailableError):
        await platform.autoscaler().set_window(LLAMA, 600)
