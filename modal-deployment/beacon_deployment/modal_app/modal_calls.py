"""`Calls` on Modal's function calls."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import modal
import modal.exception

from beacon_deployment.modal_app.unavailable import UNAVAILABLE, unavailable
from beacon_deployment.ports import (
    Answered,
    CallFailedError,
    CallState,
    ErrorType,
    Expired,
    Failed,
    Pending,
    Unknown,
)
from beacon_deployment.protocol import Document, GenerationRequest


class SpawnedCall(Protocol):
    """The part of `modal.FunctionCall` that is used; its methods are reached by `.aio`."""

    @property
    def object_id(self) -> str: ...

    get: Any
    cancel: Any


@dataclass(frozen=True, slots=True)
class GpuClass:
    """How to reach the containers of one model. Asynchronous throughout: a blocking `.remote` in a handler
    occupies the gateway for as long as the GPU works."""

    remote: Callable[[Document], Awaitable[Document]]
    spawn: Callable[[Document, str | None], Awaitable[SpawnedCall]]


class ModalCalls:
    """`Calls` for the models of one gateway."""

    def __init__(
        self,
        classes: Mapping[str, GpuClass],
        *,
        find: Callable[[str], SpawnedCall] = modal.FunctionCall.from_id,
    ) -> None:
        self._classes = classes
        self._find = find

    async def generate(self, request: GenerationRequest) -> Document:
        # When the caller hangs up, Modal cancels this input, and with it the one that it waits for.
        try:
            return await self._classes[request.model].remote(request.model_dump(mode="json"))
        except UNAVAILABLE as error:
            raise unavailable(error) from error
        except Exception as error:
            failed = failure_of(error)
            raise CallFailedError(failed.error_type, failed.message) from error

    async def spawn(self, request: GenerationRequest, key: str | None) -> str:
        try:
            call = await self._classes[request.model].spawn(request.model_dump(mode="json"), key)
        except UNAVAILABLE as error:
            raise unavailable(error) from error
        return call.object_id

    async def poll(self, call_id: str) -> CallState:
        try:
            return Answered(await self._find(call_id).get.aio(timeout=0))
        except modal.exception.OutputExpiredError:
            return Expired()
        except modal.exception.FunctionTimeoutError as error:
            return failure_of(error)
        except (TimeoutError, modal.exception.TimeoutError):
            # Both of the above are timeouts too, so this comes after them.
            return Pending()
        except modal.exception.NotFoundError:
            return Unknown()
        except UNAVAILABLE as error:
            raise unavailable(error) from error
        except Exception as error:  # noqa: BLE001 - `get` raises whatever the container raised
            return failure_of(error)

    async def cancel(self, call_id: str) -> None:
        # Containers stay: with one input each, they are free as soon as the input has stopped.
        try:
            await self._find(call_id).cancel.aio()
        except UNAVAILABLE as error:
            raise unavailable(error) from error


def failure_of(error: Exception) -> Failed:
    """Why a call has no document. Modal tells cancellation, crash and loss apart by text only.

    The texts are those that others have logged; an unknown one counts as a crash. `Jobs` goes by its own note
    of a cancellation, so a changed text makes no cancelled job a crashed one.
    """
    if isinstance(error, modal.exception.FunctionTimeoutError):
        return Failed(ErrorType.TIMED_OUT, "function execution timed out")
    text = str(error).lower()
    if isinstance(error, modal.exception.InternalFailure) or "lost track" in text:
        return Failed(ErrorType.LOST, "the input was lost")
    if isinstance(error, modal.exception.RemoteError) and "cancel" in text:
        return Failed(ErrorType.CANCELLED, "the call was cancelled")
    return Failed(ErrorType.CRASHED, f"the container crashed: {type(error).__name__}")
