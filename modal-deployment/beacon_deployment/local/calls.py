"""Containers of one process: they start cold, take one input at a time, and go when they have been idle."""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from beacon_deployment.callback import tell
from beacon_deployment.places import Place
from beacon_deployment.ports import (
    Answered,
    CallFailedError,
    CallState,
    ErrorType,
    Expired,
    Failed,
    JobEnded,
    Notify,
    Pending,
    Released,
    Unknown,
)
from beacon_deployment.protocol import Document, GenerationRequest
from beacon_deployment.worker import ContainerBrokenError, Engine, Worker

_T = TypeVar("_T")

RESULT_TTL_S = 7 * 24 * 3600.0
EngineFactory = Callable[[], Engine]


@dataclass(frozen=True, slots=True)
class LocalLimits:
    """As in a deployment."""

    max_containers: int = 1
    scaledown_window_s: float = 300.0
    timeout_s: float = 600.0
    """From the start of the work; neither queueing nor loading counts."""
    result_ttl_s: float = RESULT_TTL_S


@dataclass(slots=True)
class _Idle:
    worker: Worker
    since_s: float


class _Pool:
    """The containers of one model."""

    def __init__(
        self,
        *,
        model: str,
        engine: EngineFactory,
        place: Callable[[], Place],
        limits: LocalLimits,
        threads: ThreadPoolExecutor,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._model = model
        self._engine = engine
        self._place = place
        self._limits = limits
        self._threads = threads
        self._monotonic_s = monotonic_s
        self._slots = asyncio.Semaphore(limits.max_containers)
        self._idle: list[_Idle] = []
        self._inputs = 0
        self._window_s = limits.scaledown_window_s

    async def run(self, document: Document) -> Document:
        """Cancelling it stops the work and waits until it has stopped, so that the slot is really free."""
        self._inputs += 1
        try:
            return await self._run(document)
        finally:
            self._inputs -= 1

    @property
    def containers(self) -> int:
        self._forget_expired()
        return len(self._idle) + min(self._inputs, self._limits.max_containers)

    def set_window(self, window_s: float) -> None:
        self._forget_expired()
        self._window_s = window_s

    def release(self) -> bool:
        """Nothing to wait for: an idle container of this process is gone when nobody refers to it."""
        if self._inputs > 0:
            return False
        self._idle.clear()
        return True

    async def _run(self, document: Document) -> Document:
        async with self._slots:
            worker = self._warm() or await self._booted()
            try:
                async with asyncio.timeout(self._limits.timeout_s):
                    return await self._answered(worker, document)
            except TimeoutError:
                raise CallFailedError(ErrorType.TIMED_OUT, "function execution timed out") from None
            except ContainerBrokenError as error:
                raise CallFailedError(ErrorType.CRASHED, f"the container crashed: {error}") from None
            finally:
                # A broken one is dropped, and the next input boots another.
                if not worker.broken:
                    self._idle.append(_Idle(worker, self._monotonic_s()))

    def _forget_expired(self) -> None:
        now_s = self._monotonic_s()
        self._idle = [idle for idle in self._idle if now_s - idle.since_s <= self._window_s]

    def _warm(self) -> Worker | None:
        self._forget_expired()
        return self._idle.pop().worker if self._idle else None

    def _boot(self) -> Worker:
        try:
            engine = self._engine()
            engine.load()
            engine.start()
        except Exception as error:
            message = f"the container did not start: {type(error).__name__}"
            raise CallFailedError(ErrorType.CRASHED, message) from error
        return Worker(self._model, engine, self._place())

    def _in_thread(self, work: Callable[[], _T]) -> "asyncio.Future[_T]":
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _booted(self) -> Worker:
        booting = self._in_thread(self._boot)
        try:
            return await asyncio.shield(booting)
        except asyncio.CancelledError:
            await asyncio.wait({booting})
            if booting.exception() is None:
                # The call is gone; the container that booted for it is there for the next one.
                self._idle.append(_Idle(booting.result(), self._monotonic_s()))
            raise

    async def _answered(self, worker: Worker, document: Document) -> Document:
        """Threads cannot be interrupted: on cancellation tell the work to stop, and wait until it has."""
        cancellation = threading.Event()
        working = self._in_thread(lambda: worker.answer(document, cancellation))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            cancellation.set()
            await asyncio.gather(working, return_exceptions=True)
            raise


@dataclass(slots=True)
class _Job:
    task: "asyncio.Task[Document]"
    ended_at_s: float | None = field(default=None)


class LocalCalls:
    """`Calls` and `Autoscaler` in this process. Make it inside a running event loop; close it at the end."""

    def __init__(
        self,
        engines: Mapping[str, EngineFactory],
        *,
        place: Callable[[], Place],
        limits: LocalLimits,
        notify: Notify | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threads = ThreadPoolExecutor(
            max_workers=max(1, len(engines) * limits.max_containers), thread_name_prefix="container"
        )
        self._limits = limits
        self._notify = notify
        self._monotonic_s = monotonic_s
        self._pools = {
            model: _Pool(
                model=model,
                engine=engine,
                place=place,
                limits=limits,
                threads=self._threads,
                monotonic_s=monotonic_s,
            )
            for model, engine in engines.items()
        }
        self._jobs: dict[str, _Job] = {}
        self._background: set[asyncio.Task[object]] = set()

    async def generate(self, request: GenerationRequest) -> Document:
        return await self._pools[request.model].run(request.model_dump(mode="json"))

    async def spawn(self, request: GenerationRequest, key: str | None) -> str:
        call_id = f"fc-{secrets.token_hex(12)}"
        job = _Job(asyncio.create_task(self.generate(request)))
        job.task.add_done_callback(lambda task: self._ended(call_id, key or "", task))
        self._jobs[call_id] = job
        return call_id

    async def poll(self, call_id: str) -> CallState:
        job = self._jobs.get(call_id)
        if job is None:
            return Unknown()
        if not job.task.done():
            return Pending()
        if job.ended_at_s is not None and self._monotonic_s() - job.ended_at_s > self._limits.result_ttl_s:
            return Expired()
        if job.task.cancelled():
            return Failed(ErrorType.CANCELLED, "the call was cancelled")
        match job.task.exception():
            case None:
                return Answered(job.task.result())
            case CallFailedError(error_type=error_type, message=message):
                return Failed(error_type, message)
            case error:
                return Failed(ErrorType.CRASHED, f"the container crashed: {type(error).__name__}")

    async def cancel(self, call_id: str) -> None:
        job = self._jobs.get(call_id)
        if job is not None and job.task.cancel():
            await asyncio.wait({job.task})

    async def set_window(self, model: str, window_s: int) -> int:
        """As `Autoscaler` has it; until the process ends."""
        pool = self._pools[model]
        pool.set_window(window_s)
        return pool.containers

    async def release(self, model: str, timeout_s: float) -> Released:  # noqa: ARG002 - at once, or not at all
        pool = self._pools[model]
        return Released(pool.release(), pool.containers)

    async def close(self) -> None:
        tasks = [job.task for job in self._jobs.values()]
        for task in (*tasks, *self._background):
            task.cancel()
        await asyncio.gather(*tasks, *self._background, return_exceptions=True)
        self._threads.shutdown(wait=True)

    def _ended(self, call_id: str, key: str, task: "asyncio.Task[Document]") -> None:
        self._jobs[call_id].ended_at_s = self._monotonic_s()
        # Whoever cancels a job says so itself.
        if self._notify is None or task.cancelled():
            return
        answered = task.exception() is None and task.result()["status"] == "success"
        self._run(tell(self._notify, JobEnded(call_id, key, "completed" if answered else "failed")))

    def _run(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
