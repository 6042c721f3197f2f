"""The Modal adapter, with function calls that behave as the SDK says they do."""

from typing import Any

import modal.exception
import pytest

from beacon_deployment.modal_app.modal_calls import GpuClass, ModalCalls
from beacon_deployment.ports import (
    Answered,
    CallFailedError,
    CallState,
    CallsUnavailableError,
    ErrorType,
    Expired,
    Failed,
    Pending,
    Unknown,
)
from beacon_deployment.worker import ContainerBrokenError
from tests.support import LLAMA, a_request

pytestmark = pytest.mark.anyio

DOCUMENT = {"status": "success", "response": "4"}


class Aio:
    """A method of the SDK that is reached by `.aio`."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    async def aio(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((args, kwargs))
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


class FakeFunctionCall:
    def __init__(self, outcome: Any = DOCUMENT, cancelling: Any = None) -> None:
        self.object_id = "fc-1"
        self.get = Aio(outcome)
        self.cancel = Aio(cancelling)


def calls_with(
    *, remote: Any = DOCUMENT, call: FakeFunctionCall | None = None, spawning: Any = None
) -> tuple[ModalCalls, Aio, Aio]:
    call = call or FakeFunctionCall()
    remote_method, spawn_method = Aio(remote), Aio(spawning or call)
    classes = {LLAMA: GpuClass(remote=remote_method.aio, spawn=spawn_method.aio)}
    return ModalCalls(classes, find=lambda _: call), remote_method, spawn_method


async def test_a_synchronous_call_hands_over_a_plain_document() -> None:
    calls, remote, _ = calls_with()
    assert await calls.generate(a_request("Hi")) == DOCUMENT
    ((document,), _kwargs) = remote.calls[0]
    assert document == {
        "model": LLAMA,
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.0,
        "max_tokens": 16,
        "seed": None,
    }


async def test_a_job_is_spawned_with_its_key() -> None:
    calls, _, spawn = calls_with()
    assert await calls.spawn(a_request("Hi"), "job-1:1") == "fc-1"
    document = spawn.calls[0][0][0]
    assert (document["messages"][0]["content"], spawn.calls[0][0][1]) == ("Hi", "job-1:1")


async def test_polling_does_not_wait() -> None:
    call = FakeFunctionCall()
    calls, _, _ = calls_with(call=call)
    assert await calls.poll("fc-1") == Answered(DOCUMENT)
    assert call.get.calls == [((), {"timeout": 0})]


@pytest.mark.parametrize(
    ("raised", "state"),
    [
        # The order matters: the second and third are timeouts too.
        (TimeoutError(), Pending()),
        (modal.exception.TimeoutError("pending"), Pending()),
        (modal.exception.OutputExpiredError(), Expired()),
        (
            modal.exception.FunctionTimeoutError("Task's current input hit its timeout"),
            Failed(ErrorType.TIMED_OUT, "function execution timed out"),
        ),
        (modal.exception.NotFoundError("no such call"), Unknown()),
        (
            modal.exception.RemoteError("Function call was cancelled by user through an API call."),
            Failed(ErrorType.CANCELLED, "the call was cancelled"),
        ),
        (
            modal.exception.RemoteError("function was terminated by signal SIGKILL"),
            Failed(ErrorType.CRASHED, "the container crashed: RemoteError"),
        ),
        (
            modal.exception.RemoteError("Server has lost track of input"),
            Failed(ErrorType.LOST, "the input was lost"),
        ),
        (modal.exception.InternalFailure("internal"), Failed(ErrorType.LOST, "the input was lost")),
        (
            RuntimeError("raised by the container"),
            Failed(ErrorType.CRASHED, "the container crashed: RuntimeError"),
        ),
    ],
)
async def test_what_the_sdk_raises_becomes_a_state(raised: Exception, state: CallState) -> None:
    calls, _, _ = calls_with(call=FakeFunctionCall(raised))
    assert await calls.poll("fc-1") == state


@pytest.mark.parametrize(
    ("raised", "error_type"),
    [
        (modal.exception.FunctionTimeoutError("hit its timeout"), ErrorType.TIMED_OUT),
        (modal.exception.RemoteError("terminated by signal"), ErrorType.CRASHED),
        (modal.exception.RemoteError("Server has lost track of input"), ErrorType.LOST),
        (modal.exception.RemoteError("Function call was cancelled by user"), ErrorType.CANCELLED),
        (modal.exception.InternalFailure("internal"), ErrorType.LOST),
        (ContainerBrokenError("RuntimeError"), ErrorType.CRASHED),
    ],
)
async def test_a_synchronous_call_fails_as_a_job_does(raised: Exception, error_type: ErrorType) -> None:
    calls, _, _ = calls_with(remote=raised)
    with pytest.raises(CallFailedError) as failed:
        await calls.generate(a_request())
    assert failed.value.error_type is error_type


@pytest.mark.parametrize(
    "raised",
    [
        modal.exception.ConnectionError("offline"),
        modal.exception.ServiceError("unavailable"),
        modal.exception.ClientClosed("closed"),
        modal.exception.ResourceExhaustedError("reached pending input queue limit"),
        modal.exception.InternalError("internal"),
    ],
    ids=lambda raised: type(raised).__name__,
)
async def test_a_platform_that_cannot_be_asked_says_nothing_about_the_call(raised: Exception) -> None:
    calls, _, _ = calls_with(remote=raised, call=FakeFunctionCall(raised, raised), spawning=raised)
    for asked in (
        calls.generate(a_request()),
        calls.spawn(a_request(), "k"),
        calls.poll("fc-1"),
        calls.cancel("fc-1"),
    ):
        with pytest.raises(CallsUnavailableError):
            await asked


async def test_cancelling_leaves_the_container_alive() -> None:
    call = FakeFunctionCall()
    calls, _, _ = calls_with(call=call)
    await calls.cancel("fc-1")
    assert call.cancel.calls == [((), {})]
