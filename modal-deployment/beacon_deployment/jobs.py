"""Jobs: work that holds no request open, started at most once per key while everybody lives.

Two gateways may receive the same key at the same moment, and a gateway may die between starting a call and
noting its id. So a key is first *claimed*: its record is put where there is none, which the store does
atomically. Whoever loses waits for the winner's call id. A claim that stays without one longer than
`CLAIM_LEASE_S` belongs to a gateway that died; the next generation of the claim is then taken, again
atomically, so that only one of those who wait takes it.

A call whose id cannot be noted is cancelled, because nobody could ask for it or cancel it later.

What remains: a gateway that died after the platform took its call, and before the id was noted, leaves a call
that nobody will ask for; so does one that stalls longer than the lease, or that can reach neither the store
nor the platform when it is to cancel. The work is then done twice, which the router expects (delivery is at
least once), and one result is never read.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum
from typing import Any, TypeVar

from beacon_deployment.callback import tell
from beacon_deployment.ports import (
    Answered,
    Calls,
    CallState,
    CallsUnavailableError,
    ErrorType,
    Expired,
    Failed,
    JobEnded,
    Notify,
    Pending,
    Record,
    Records,
    Unknown,
)
from beacon_deployment.protocol import GenerationRequest

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

CLAIM_LEASE_S = 30.0
CLAIM_POLL_S = 0.1
MAX_GENERATIONS = 1000


class CancelOutcome(StrEnum):
    """What a cancellation came to. On the wire: `status`."""

    CANCELLED = "cancelled"
    FINISHED = "finished"


class UnknownCallError(Exception):
    """No job of this gateway has that call id."""


class ExpiredCallError(Exception):
    """It ended so long ago that its result is kept no longer."""


class Jobs:
    """Serves only calls that were started here: an id of some other function in the workspace is unknown."""

    def __init__(
        self,
        calls: Calls,
        records: Records,
        *,
        notify: Notify | None = None,
        now_s: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._calls = calls
        self._records = records
        self._notify = notify
        self._now_s = now_s
        self._sleep = sleep
        self._background: set[asyncio.Task[object]] = set()

    async def submit(self, request: GenerationRequest, key: str | None) -> str:
        """Returns the call id: a new one, or that of the call which the key already has."""
        # A caller that hangs up must not leave a call without a note of its id.
        return await asyncio.shield(self._keep(self._submit(request, key)))

    async def state(self, call_id: str) -> CallState:
        record = await self._records.get(_call_name(call_id))
        if record is None:
            return Unknown()
        if record.get("cancelled"):
            return Failed(ErrorType.CANCELLED, "the call was cancelled")
        return await self._calls.poll(call_id)

    async def cancel(self, call_id: str) -> CancelOutcome:
        """Cancels what has not ended, and notes that, so that `state` says so ever after.

        The note is what counts: what the platform says of a cancelled call is a text that may change. Only
        an answer that came first outweighs it.

        Raises:
            UnknownCallError: no such job.
            ExpiredCallError: it ended, and its result is kept no longer.
            CallsUnavailableError: nothing is known; may be repeated.
        """
        record = await self._records.get(_call_name(call_id))
        if record is None:
            raise UnknownCallError
        if record.get("cancelled"):
            return CancelOutcome.CANCELLED
        match await self._calls.poll(call_id):
            case Pending():
                await self._calls.cancel(call_id)
                if await self._answered(call_id):
                    # It ended between the two: the result exists, and stays.
                    return CancelOutcome.FINISHED
            case Failed(ErrorType.CANCELLED):
                # By an earlier try that could not note it.
                pass
            case Expired():
                raise ExpiredCallError
            case Unknown():
                raise UnknownCallError
            case _:
                return CancelOutcome.FINISHED
        await self._records.put(_call_name(call_id), {**record, "cancelled": True})
        if self._notify is not None:
            self._keep(tell(self._notify, JobEnded(call_id, str(record.get("key", "")), "cancelled")))
        return CancelOutcome.CANCELLED

    async def _answered(self, call_id: str) -> bool:
        try:
            return isinstance(await self._calls.poll(call_id), Answered)
        except CallsUnavailableError:
            # The platform took the cancellation; that is what the caller asked for.
            return False

    async def _submit(self, request: GenerationRequest, key: str | None) -> str:
        if key is None:
            return await self._start(request, key, None)
        for generation in range(MAX_GENERATIONS):
            name = _claim_name(key, generation)
            claim: Record = {"claimed_at_s": self._now_s(), "owner": secrets.token_hex(8)}
            if await self._records.put_if_absent(name, claim):
                return await self._start_claimed(request, key, name, claim)
            call_id = await self._call_of_claim(name)
            if call_id is not None:
                return call_id
        msg = "the key has been used too often"
        raise CallsUnavailableError(msg)

    async def _start_claimed(self, request: GenerationRequest, key: str, name: str, claim: Record) -> str:
        try:
            return await self._start(request, key, (name, claim))
        except BaseException:
            # Nothing runs, as far as anybody knows: let the next one try at once. Where not even this can be
            # noted, the lease ends the claim.
            with contextlib.suppress(CallsUnavailableError):
                await self._records.put(name, {**claim, "released": True})
            raise

    async def _call_of_claim(self, name: str) -> str | None:
        """Waits for a claim's call. `None`: the key may be used again, with the next generation."""
        while True:
            claim = await self._records.get(name)
            if claim is None or claim.get("released"):
                return None
            call_id = claim.get("call_id")
            if isinstance(call_id, str):
                gone = isinstance(await self._calls.poll(call_id), Expired | Unknown)
                return None if gone else call_id
            if self._now_s() - float(claim["claimed_at_s"]) > CLAIM_LEASE_S:
                return None
            await self._sleep(CLAIM_POLL_S)

    async def _start(
        self, request: GenerationRequest, key: str | None, claimed: tuple[str, Record] | None
    ) -> str:
        """Spawns, and notes the call id: with the call, then in its claim."""
        call_id = await self._calls.spawn(request, key)
        try:
            await self._records.put(_call_name(call_id), {"key": key or "", "model": request.model})
            if claimed is not None:
                name, claim = claimed
                await self._records.put(name, {**claim, "call_id": call_id})
        except BaseException:
            await self._abandon(call_id)
            raise
        return call_id

    async def _abandon(self, call_id: str) -> None:
        try:
            await self._calls.cancel(call_id)
        except Exception as error:  # noqa: BLE001 - why it could not be noted is what the caller must hear
            _log.warning("%s runs and nobody will ask for it: %s", call_id, type(error).__name__)

    def _keep(self, work: Coroutine[Any, Any, _T]) -> "asyncio.Task[_T]":
        """Holds a task that nobody awaits: the event loop itself keeps only weak references."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


def _call_name(call_id: str) -> str:
    return f"call:{call_id}"


def _claim_name(key: str, generation: int) -> str:
    return f"key:{key}#{generation}"
