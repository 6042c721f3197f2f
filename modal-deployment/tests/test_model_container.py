"""What Modal runs in a GPU container, without Modal around it and without a model."""

import os
from typing import Literal

import modal.exception
import modal.experimental
import pytest

from beacon_deployment.modal_app.modal_calls import failure_of
from beacon_deployment.modal_app.model_container import EXIT_BROKEN, ModelContainer
from beacon_deployment.ports import ErrorType
from beacon_deployment.worker import ContainerBrokenError, ModelError, Worker
from tests.support import LLAMA, WORKER_PLACE, GatedEngine, a_request

DOCUMENT = a_request("a private matter").model_dump(mode="json")
CUDA = RuntimeError("CUDA error: an illegal memory access was encountered in 'a private matter'")


class Container(ModelContainer):
    """Gets its engine from the test."""

    MODEL = LLAMA

    def __init__(self, engine: GatedEngine, *, telling_fails: bool = False) -> None:
        self.worker = Worker(LLAMA, engine, WORKER_PLACE)
        self.told: list[tuple[str, str]] = []
        self._telling_fails = telling_fails

    def job_ended(self, key: str, status: Literal["completed", "failed"]) -> None:
        if self._telling_fails:
            raise modal.exception.ServiceError("spawn failed")
        self.told.append((key, status))


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    stopped: list[str] = []
    monkeypatch.setattr(modal.experimental, "stop_fetching_inputs", lambda: stopped.append("fetching"))
    monkeypatch.setattr(os, "_exit", lambda code: stopped.append(f"exit {code}"))
    return stopped


@pytest.mark.parametrize("method", ["generate", "run_job"])
def test_a_device_that_failed_ends_the_container_and_the_call_is_a_crash(
    method: str, stopped: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    container = Container(GatedEngine(fails_with=CUDA))
    with pytest.raises(ContainerBrokenError) as raised:
        _called(container, method)
    assert stopped == ["fetching"]
    # What Modal hands to the gateway, and prints.
    assert failure_of(raised.value).error_type is ErrorType.CRASHED
    assert str(raised.value) == "RuntimeError"
    assert raised.value.__context__ is None
    assert "private" not in caplog.text
    assert container.worker.broken


@pytest.mark.parametrize("method", ["generate", "run_job"])
def test_an_input_that_the_model_cannot_work_on_is_answered_and_the_container_lives(
    method: str, stopped: list[str]
) -> None:
    engine = GatedEngine(fails_with=ModelError("too long"))
    container = Container(engine)
    answer = _called(container, method)
    engine.fails_with = None
    assert (answer["status"], answer["error_type"]) == ("error", "model_error")
    assert _called(container, method)["status"] == "success"
    assert stopped == []


def test_a_container_that_modal_does_not_stop_ends_itself(
    stopped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable() -> None:
        raise modal.exception.ConnectionError("offline")

    monkeypatch.setattr(modal.experimental, "stop_fetching_inputs", unreachable)
    with pytest.raises(ContainerBrokenError):
        _called(Container(GatedEngine(fails_with=CUDA)), "generate")
    assert stopped == [f"exit {EXIT_BROKEN}"]


@pytest.mark.parametrize(
    ("engine", "status"),
    [(GatedEngine(), "completed"), (GatedEngine(fails_with=ModelError("no")), "failed")],
)
def test_tells_how_a_job_ended_but_not_how_a_held_call_did(engine: GatedEngine, status: str) -> None:
    container = Container(engine)
    _called(container, "generate")
    assert container.told == []
    _called(container, "run_job")
    assert container.told == [("job-1:1", status)]


def test_an_answer_survives_when_nobody_can_be_told(caplog: pytest.LogCaptureFixture) -> None:
    answer = _called(Container(GatedEngine(), telling_fails=True), "run_job")
    assert answer["status"] == "success"
    assert "nobody was told" in caplog.text


def _called(container: Container, method: str) -> dict[str, str]:
    """Modal's descriptors give the plain methods to whoever is no Modal object."""
    given = (DOCUMENT, "job-1:1") if method == "run_job" else (DOCUMENT,)
    answer: dict[str, str] = getattr(container, method)(*given)
    return answer
