"""`Autoscaler` on Modal, which can be told how long idle containers stay but not to end one.

So a release sets the shortest window, waits until no container is left, and sets the former window again.
What that was is noted in the records first: a gateway that dies in between leaves the short window behind,
which costs cold starts but no GPU time, and the next release or window of any gateway puts it right.

`min_containers` is left alone: a container that an administrator keeps warm stays, and a release says `busy`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import modal.exception

from beacon_deployment.modal_app.unavailable import UNAVAILABLE, unavailable
from beacon_deployment.ports import CallsUnavailableError, Records, Released
from beacon_deployment.protocol import MIN_WINDOW_S

RELEASE_WINDOW_S = MIN_WINDOW_S
POLL_S = 1.0
RESTORE_TRIES = 3
RESTORE_PAUSE_S = 1.0


class Settings(Protocol):
    """The part of Modal's `FunctionAutoscalerSettings` that is used."""

    @property
    def scaledown_window(self) -> int | None: ...


class Stats(Protocol):
    """The part of `modal.functions.FunctionCurrentStats` that is used."""

    @property
    def backlog(self) -> int: ...
    @property
    def num_total_runners(self) -> int: ...
    @property
    def num_running_inputs(self) -> int: ...


class Update(Protocol):
    """`update_autoscaler.aio` of an instance of a GPU class; says what is in force afterwards."""

    def __call__(self, *, scaledown_window: int | None = None) -> Awaitable[Settings]: ...


@dataclass(frozen=True, slots=True)
class ScaledClass:
    """How to reach the autoscaler of one model's containers."""

    update: Update
    stats: Callable[[], Awaitable[Stats]]


class ModalAutoscaler:
    """`Autoscaler` for the models of one gateway."""

    def __init__(
        self,
        classes: Mapping[str, ScaledClass],
        records: Records,
        *,
        deployed_window_s: int,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._classes = classes
        self._records = records
        self._deployed_window_s = deployed_window_s
        self._sleep = sleep
        self._monotonic_s = monotonic_s
        self._locks = {model: asyncio.Lock() for model in classes}

    async def set_window(self, model: str, window_s: int) -> int:
        # While a release of another gateway runs, it is what that one shall restore.
        note = await self._records.get(_note_name(model))
        if note is not None and note["open"]:
            await self._note(model, window_s, is_open=True)
        async with self._locks[model]:
            await self._update(model, window_s)
            return (await self._stats(model)).num_total_runners

    async def release(self, model: str, timeout_s: float) -> Released:
        deadline_s = self._monotonic_s() + timeout_s
        async with self._locks[model]:
            stats = await self._stats(model)
            if _is_working(stats) or stats.num_total_runners == 0:
                return _outcome(stats)
            await self._note(model, await self._former_window_s(model), is_open=True)
            try:
                await self._update(model, RELEASE_WINDOW_S)
                while not (_is_working(stats) or stats.num_total_runners == 0):
                    left_s = deadline_s - self._monotonic_s()
                    if left_s <= 0:
                        break
                    await self._sleep(min(POLL_S, left_s))
                    stats = await self._stats(model)
                return _outcome(stats)
            finally:
                # Also when the caller hangs up, which cancels this.
                await asyncio.shield(self._restore(model))

    async def _former_window_s(self, model: str) -> int:
        current_s = (await self._update(model, None)).scaledown_window or self._deployed_window_s
        if current_s != RELEASE_WINDOW_S:
            return current_s
        note = await self._records.get(_note_name(model))
        return int(note["window_s"]) if note is not None and note["open"] else current_s

    async def _restore(self, model: str) -> None:
        for attempt in range(RESTORE_TRIES):
            try:
                note = await self._records.get(_note_name(model))
                window_s = self._deployed_window_s if note is None else int(note["window_s"])
                await self._update(model, window_s)
                await self._note(model, window_s, is_open=False)
            except CallsUnavailableError:
                if attempt == RESTORE_TRIES - 1:
                    raise
                await self._sleep(RESTORE_PAUSE_S)
            else:
                return

    async def _note(self, model: str, window_s: int, *, is_open: bool) -> None:
        await self._records.put(_note_name(model), {"window_s": float(window_s), "open": is_open})

    async def _update(self, model: str, window_s: int | None) -> Settings:
        """Without a window it only says what is in force."""
        try:
            return await self._classes[model].update(scaledown_window=window_s)
        except (*UNAVAILABLE, modal.exception.NotFoundError) as error:
            raise unavailable(error) from error

    async def _stats(self, model: str) -> Stats:
        try:
            return await self._classes[model].stats()
        except (*UNAVAILABLE, modal.exception.NotFoundError) as error:
            raise unavailable(error) from error


def _is_working(stats: Stats) -> bool:
    return stats.backlog > 0 or stats.num_running_inputs > 0


def _outcome(stats: Stats) -> Released:
    released = stats.num_total_runners == 0 and not _is_working(stats)
    return Released(released, stats.num_total_runners)


def _note_name(model: str) -> str:
    return f"release:{model}"
