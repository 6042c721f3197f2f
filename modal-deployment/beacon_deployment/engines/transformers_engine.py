"""A Hugging Face model in half precision on one GPU (or, for tests, on the CPU).

transformers and torch are imported when the model is loaded, so that this module can be imported anywhere.
"""

import logging
from pathlib import Path
from typing import Any, Literal

from beacon_deployment.catalogue import ModelPin
from beacon_deployment.engines.weights import require_weights
from beacon_deployment.protocol import GenerationRequest, Message
from beacon_deployment.worker import Cancellation, Generation, GenerationCancelledError, ModelError

_log = logging.getLogger(__name__)

Dtype = Literal["float16", "float32"]


class TransformersEngine:
    """An `Engine`. The life of one: `load` (before the memory snapshot), `start` (after it), `generate`."""

    def __init__(
        self,
        pin: ModelPin,
        weights_root: Path,
        *,
        # A T4 has no native bfloat16, and the same model must be the same in every region.
        dtype: Dtype = "float16",
        device: str = "cuda",
    ) -> None:
        self._pin = pin
        self._weights_root = weights_root
        self._dtype = dtype
        self._device = device
        self._revision = ""
        self._model: Any = None
        self._tokenizer: Any = None

    @property
    def model_revision(self) -> str:
        return self._revision

    @property
    def gpu(self) -> str:
        import torch

        if self._device.startswith("cuda"):
            return str(torch.cuda.get_device_name(self._device))
        return self._device

    def load(self) -> None:
        # Nothing here may ask torch about CUDA: where the snapshot is taken there is no GPU, and torch would
        # remember that after the restore.
        import torch
        import transformers

        folder = require_weights(self._weights_root, self._pin)
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if not self._tokenizer.chat_template:
            msg = f"{self._pin.repository} has no chat template: only instruction models are served"
            raise ModelError(msg)
        self._model = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, self._dtype),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
        self._model.eval()
        self._revision = self._pin.revision
        _log.info("loaded %s at %s", self._pin.repository, self._pin.revision)

    def start(self) -> None:
        self._model.to(self._device)

    def generate(self, request: GenerationRequest, cancellation: Cancellation) -> Generation:
        import torch

        try:
            return self._generate(request, cancellation)
        except torch.cuda.OutOfMemoryError:
            # What was allocated for this input is free again; the next one may well fit.
            torch.cuda.empty_cache()
            msg = "out of GPU memory: the prompt or max_tokens is too large for this GPU"
            raise ModelError(msg) from None

    def _generate(self, request: GenerationRequest, cancellation: Cancellation) -> Generation:
        import torch
        import transformers

        encoded = self._encode(request.messages)
        tokens_in = int(encoded["input_ids"].shape[1])
        room = self._context_tokens() - tokens_in
        if room < 1:
            msg = f"the prompt is {tokens_in} tokens long; the model takes {self._context_tokens()}"
            raise ModelError(msg)

        class StopWhenCancelled(transformers.StoppingCriteria):  # type: ignore[misc] # untyped base
            """Asked after every token."""

            def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG002
                return torch.full(
                    (input_ids.shape[0],), cancellation.is_set(), dtype=torch.bool, device=input_ids.device
                )

        if request.seed is not None:
            torch.manual_seed(request.seed)
        with torch.inference_mode():
            output = self._model.generate(
                **encoded.to(self._device),
                max_new_tokens=min(request.max_tokens, room),
                stopping_criteria=transformers.StoppingCriteriaList([StopWhenCancelled()]),
                pad_token_id=self._pad_token(),
                **_sampling(request.temperature),
            )
        if cancellation.is_set():
            raise GenerationCancelledError
        generated = output[0, tokens_in:]
        return Generation(
            text=str(self._tokenizer.decode(generated, skip_special_tokens=True)).strip(),
            tokens_in=tokens_in,
            # The end token is counted: it took as long as any other.
            tokens_generated=int(generated.shape[0]),
        )

    def _encode(self, messages: tuple[Message, ...]) -> Any:
        import jinja2

        try:
            return self._apply_template(messages)
        except jinja2.TemplateError as error:
            folded = with_system_in_first_turn(messages)
            if folded == messages:
                msg = "the model's chat template refuses these messages"
                raise ModelError(msg) from error
        try:
            return self._apply_template(folded)
        except jinja2.TemplateError as error:
            msg = "the model's chat template refuses these messages"
            raise ModelError(msg) from error

    def _apply_template(self, messages: tuple[Message, ...]) -> Any:
        return self._tokenizer.apply_chat_template(
            [message.model_dump() for message in messages],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )

    def _context_tokens(self) -> int:
        return int(self._model.config.max_position_embeddings)

    def _pad_token(self) -> Any:
        """Llama and Mistral define none. Nothing is padded, but `generate` warns without one."""
        if self._tokenizer.pad_token_id is not None:
            return self._tokenizer.pad_token_id
        return self._tokenizer.eos_token_id


def with_system_in_first_turn(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """For templates that know no system role (early Mistral): the same words, before the first question."""
    system = "\n\n".join(message.content for message in messages if message.role == "system")
    turns = [message for message in messages if message.role != "system"]
    if not system or not turns or turns[0].role != "user":
        return messages
    first = Message(role="user", content=f"{system}\n\n{turns[0].content}")
    return (first, *turns[1:])


def _sampling(temperature: float) -> dict[str, Any]:
    """Greedy at 0, whatever generation_config.json says; its top_p and top_k hold otherwise."""
    if temperature == 0:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    return {"do_sample": True, "temperature": temperature}
