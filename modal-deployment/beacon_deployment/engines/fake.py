"""A model that is not one: instant to set up, the same answer to the same question, and recognisably fake."""

import hashlib
from dataclasses import dataclass

from beacon_deployment.protocol import GenerationRequest
from beacon_deployment.worker import Cancellation, Generation, GenerationCancelledError, ModelError

FAIL_WORD = "please-fail"
"""A prompt with this word in it is answered by a model error."""

WAIT_WORD = "please-wait"
"""A prompt with this word in it is answered in an hour, so that there is time to cancel it."""
_HOUR_S = 3600.0

_WORDS = (
    "beacon",
    "answers",
    "from",
    "a",
    "simulated",
    "model",
    "without",
    "weights",
    "on",
    "one",
    "machine",
)


@dataclass(frozen=True, slots=True)
class FakeTiming:
    """How long things take, in seconds."""

    load_s: float = 0.0
    execution_s: float = 0.0


class FakeEngine:
    """An `Engine` without weights."""

    def __init__(
        self, model: str, *, timing: FakeTiming, stopping: Cancellation, gpu: str = "simulated"
    ) -> None:
        self._model = model
        self._timing = timing
        self._stopping = stopping
        self._gpu = gpu

    @property
    def model_revision(self) -> str:
        return f"fake-{self._model}"

    @property
    def gpu(self) -> str:
        return self._gpu

    def load(self) -> None:
        self._stopping.wait(self._timing.load_s)

    def start(self) -> None:
        """There is no device."""

    def generate(self, request: GenerationRequest, cancellation: Cancellation) -> Generation:
        asked = "\n".join(message.content for message in request.messages)
        if cancellation.wait(_HOUR_S if WAIT_WORD in asked else self._timing.execution_s):
            raise GenerationCancelledError
        if FAIL_WORD in asked:
            msg = f"the simulated model was asked to fail ({FAIL_WORD})"
            raise ModelError(msg)
        question = asked.split()
        seed = f"{request.model}\n{request.seed}\n{asked}".encode()
        start = hashlib.sha256(seed).digest()[0] % len(_WORDS)
        answer = [*_WORDS[start:], *_WORDS[:start], f"({len(question)} words asked)", "[fake answer]"]
        spoken = answer[: request.max_tokens]
        return Generation(
            text=" ".join(spoken),
            tokens_in=len(question),
            tokens_generated=len(spoken),
        )
