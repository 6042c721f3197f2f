"""What the gateway needs from the world, so that Modal is one adapter and a single process another."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from beacon_deployment.protocol import Document, GenerationRequest


class ErrorType(StrEnum):
    """Why a call has no answer. On the wire: `error_type`."""

    MODEL_ERROR = "model_error"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    LOST = "lost"
    EXPIRED = "expired"


class CallFailedError(Exception):
    """A call ended without a document of its own."""

    def __init__(self, error_type: ErrorType, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message


class CallsUnavailableError(Exception):
    """The platform could not be asked just now; asking again may help."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Queued or running."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The container's own document, which may say `error`."""

    document: Document


@dataclass(frozen=True, slots=True)
class Failed:
    """The container never got to answer."""

    error_type: ErrorType
    message: str


@dataclass(frozen=True, slots=True)
class Expired:
    """It ended, and its result is kept no longer."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no such call."""


CallState = Pending | Answered | Failed | Expired | Unknown


class Calls(Protocol):
    """Work on GPU containers."""

    async def generate(self, request: GenerationRequest) -> Document:
        """Answers, or raises `CallFailedError` or `CallsUnavailableError`.

        Cancelling this coroutine cancels the work.
        """
        ...

    async def spawn(self, request: GenerationRequest, key: str | None) -> str:
        """Starts work that outlives the request. Returns its call id; raises `CallsUnavailableError`."""
        ...

    async def poll(self, call_id: str) -> CallState:
        """Never waits for the work."""
        ...

    async def cancel(self, call_id: str) -> None:
        """Frees the slot. Harmless when the call has ended."""
        ...


Record = dict[str, str | float | bool]


class Records(Protocol):
    """A small shared map. Every gateway of a region must see the same one.

    Every method may raise `CallsUnavailableError`.
    """

    async def put_if_absent(self, name: str, record: Record) -> bool:
        """Atomic. Returns whether this call put it there."""
        ...

    async def get(self, name: str) -> Record | None: ...

    async def put(self, name: str, record: Record) -> None: ...


@dataclass(frozen=True, slots=True)
class Released:
    """What became of a request to give up idle containers."""

    released: bool
    """The platform says that none is left. Otherwise work runs or waits, or they were not gone in time."""
    containers: int


class Autoscaler(Protocol):
    """Decides how long idle containers stay. Both methods may raise `CallsUnavailableError`."""

    async def set_window(self, model: str, window_s: int) -> int:
        """In force until the next deployment. Returns how many containers there are."""
        ...

    async def release(self, model: str, timeout_s: float) -> Released:
        """Gives up idle containers. Never stops work; the window is afterwards what it was."""
        ...


@dataclass(frozen=True, slots=True)
class JobEnded:
    """What a completion callback says: enough to know what to poll, nothing of what was said."""

    call_id: str
    key: str
    status: Literal["completed", "failed", "cancelled"]


Notify = Callable[[JobEnded], Coroutine[Any, Any, object]]
