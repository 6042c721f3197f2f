"""The request and answer documents of the endpoint protocol `modal-hf`."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Document = dict[str, Any]
"""A JSON object."""

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_TEXT_BYTES = 512 * 1024
"""All messages together, in UTF-8: the most that the router can be told to take (`limits.prompt_bytes`). A
model's context holds less."""
MAX_MESSAGES = 1024
"""As the router's."""
MAX_TOKENS = 32_768
"""The router's default for `limits.max_tokens`. A router that allows more gets 422 for more."""
MAX_TEMPERATURE = 5.0
"""The router takes 2 at most."""
DEFAULT_TEMPERATURE = 0.1
DEFAULT_MAX_TOKENS = 512


class Message(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    role: Literal["system", "user", "assistant"]
    content: str


class GenerationRequest(BaseModel):
    """What a container works on. It travels as a plain document, so that any version can read it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    messages: tuple[Message, ...]
    temperature: float
    max_tokens: int
    seed: int | None = None


class _CallBody(BaseModel):
    """Loose on purpose: fields that a newer router sends are ignored."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    prompt: str | None = None
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)] | None = None
    system: str | None = None
    temperature: Annotated[float, Field(ge=0, le=MAX_TEMPERATURE)] = DEFAULT_TEMPERATURE
    max_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] = DEFAULT_MAX_TOKENS
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.prompt is None and self.messages is None:
            msg = "prompt or messages is required"
            raise ValueError(msg)
        if sum(len(message.content.encode()) for message in self.conversation) > MAX_TEXT_BYTES:
            msg = f"the messages together are longer than {MAX_TEXT_BYTES} bytes"
            raise ValueError(msg)
        return self

    @property
    def conversation(self) -> tuple[Message, ...]:
        """`messages` wins over `prompt`; `system` goes first."""
        asked = (
            tuple(self.messages)
            if self.messages is not None
            else (Message(role="user", content=self.prompt or ""),)
        )
        if self.system is None:
            return asked
        return (Message(role="system", content=self.system), *asked)

    def request_for(self, model: str) -> GenerationRequest:
        return GenerationRequest(
            model=model,
            messages=self.conversation,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            seed=self.seed,
        )


class CallBody(_CallBody):
    """`POST /{model}`: the path says which model; the body may repeat it."""

    model: str | None = None


class JobBody(_CallBody):
    """`POST /jobs`."""

    model: Annotated[str, Field(min_length=1)]


MIN_WINDOW_S = 2
MAX_WINDOW_S = 1200
"""What Modal takes as `scaledown_window`."""
RELEASE_TIMEOUT_S = 20.0
MAX_RELEASE_TIMEOUT_S = 60.0
"""Well below the 150 s for which Modal holds a request."""


class WindowBody(BaseModel):
    """`PUT /autoscaler/{model}`."""

    model_config = ConfigDict(extra="ignore")

    scaledown_window_s: Annotated[int, Field(ge=MIN_WINDOW_S, le=MAX_WINDOW_S)]


class ReleaseBody(BaseModel):
    """`POST /autoscaler/{model}/release`."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    timeout_s: Annotated[float, Field(gt=0, le=MAX_RELEASE_TIMEOUT_S)] = RELEASE_TIMEOUT_S


def error_document(error: str, error_type: str = "model_error") -> Document:
    return {"status": "error", "error": error, "error_type": error_type}
