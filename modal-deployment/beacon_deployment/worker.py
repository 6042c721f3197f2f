"""What happens inside one container: one input at a time goes in, one attested document comes out."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from beacon_deployment.places import Place
from beacon_deployment.ports import ErrorType
from beacon_deployment.protocol import Document, GenerationRequest, error_document

_log = logging.getLogger(__name__)


class Cancellation(Protocol):
    """Set by whoever wants the work to stop. `threading.Event` is one."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None) -> bool: ...


class GenerationCancelledError(Exception):
    """The engine stopped because it was told to."""


class ModelError(Exception):
    """The model could not work on this input. The message goes to the caller."""


class ContainerBrokenError(Exception):
    """The engine raised what no input explains: a device that failed, a library that lost its footing.

    Names the kind of the error only, because its text may quote the prompt.
    """


@dataclass(frozen=True, slots=True)
class Generation:
    """What a model made of a request."""

    text: str
    tokens_in: int
    tokens_generated: int


class Engine(Protocol):
    """A model that can be loaded and asked. Blocking; used by one thread at a time."""

    @property
    def model_revision(self) -> str:
        """The commit whose weights are loaded."""
        ...

    @property
    def gpu(self) -> str:
        """The device's own name."""
        ...

    def load(self) -> None:
        """Reads the weights into memory. Must not touch a GPU: a memory snapshot is taken after it."""
        ...

    def start(self) -> None:
        """Moves the model to its device."""
        ...

    def generate(self, request: GenerationRequest, cancellation: Cancellation) -> Generation:
        """Raises `ModelError` or `GenerationCancelledError`; anything else ends the container."""
        ...


class Worker:
    """A started engine at a place. Make it when the engine has started, not before a snapshot."""

    def __init__(
        self,
        model: str,
        engine: Engine,
        place: Place,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._engine = engine
        self._place = place
        self._monotonic_s = monotonic_s
        self._inputs = 0
        self._broken = False

    @property
    def place(self) -> Place:
        return self._place

    @property
    def broken(self) -> bool:
        """Whether no further input may be given to it."""
        return self._broken

    def answer(self, document: Document, cancellation: Cancellation) -> Document:
        """Answers for what the model could not do with this input.

        Raises:
            ContainerBrokenError: anything else. A device that failed once fails every next input within
                milliseconds, so whoever holds the container must end it; the call counts as crashed, which
                is tried again elsewhere, and not as an answer, which is final.
        """
        cold_start = self._inputs == 0
        self._inputs += 1
        started_s = self._monotonic_s()
        try:
            generation = self._engine.generate(GenerationRequest.model_validate(document), cancellation)
        except GenerationCancelledError:
            return error_document("the call was cancelled", ErrorType.CANCELLED)
        except ModelError as error:
            return self._failed(str(error))
        except Exception as error:  # noqa: BLE001 - any kind of it may mean a broken device
            kind = type(error).__name__
        else:
            return self._succeeded(generation, cold_start=cold_start, started_s=started_s)
        # Raised out here so that nothing leads back to the original, whose text may quote the prompt.
        self._broken = True
        _log.error("broken model=%s: %s", self._model, kind)
        raise ContainerBrokenError(kind)

    def _succeeded(self, generation: Generation, *, cold_start: bool, started_s: float) -> Document:
        inference_time_s = self._monotonic_s() - started_s
        _log.info(
            "answered model=%s tokens_in=%d tokens_generated=%d inference_time_s=%.3f cold_start=%s",
            self._model,
            generation.tokens_in,
            generation.tokens_generated,
            inference_time_s,
            cold_start,
        )
        return {
            "status": "success",
            "response": generation.text,
            "model": self._model,
            "inference_time": round(inference_time_s, 3),
            "tokens_in": generation.tokens_in,
            "tokens_generated": generation.tokens_generated,
            "cold_start": cold_start,
            **self._attestation(),
        }

    def _failed(self, message: str) -> Document:
        _log.warning("no answer model=%s: %s", self._model, message)
        return {**error_document(message), "model": self._model, **self._attestation()}

    def _attestation(self) -> Document:
        return {
            "region": self._place.region,
            "cloud_region": self._place.cloud_region,
            "container_id": self._place.container_id,
            "gpu": self._engine.gpu,
            "model_revision": self._engine.model_revision,
        }
