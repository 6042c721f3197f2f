"""The loading and generation code of the deployments, with a tiny model on the CPU."""

import logging
import threading
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="set up with --without-model")
pytest.importorskip("torch", reason="set up with --without-model")

import modal
import torch

from beacon_deployment.engines.transformers_engine import TransformersEngine, with_system_in_first_turn
from beacon_deployment.engines.weights import WeightsMissingError
from beacon_deployment.modal_app import model_container
from beacon_deployment.modal_app.model_container import ModelContainer
from beacon_deployment.places import Place
from beacon_deployment.protocol import Message
from beacon_deployment.worker import GenerationCancelledError, ModelError, Worker
from tests.support import a_request
from tests.tiny_model import CONTEXT_TOKENS, PIN, TEMPLATE_WITHOUT_SYSTEM, make_tiny_model

NEVER = threading.Event()
PLACE = Place(region="US", cloud_region="us-east-1", container_id="ta-1")


def loaded(root: Path) -> TransformersEngine:
    engine = TransformersEngine(PIN, root, dtype="float32", device="cpu")
    engine.load()
    engine.start()
    return engine


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("weights")
    make_tiny_model(root)
    return root


@pytest.fixture(scope="module")
def engine(weights: Path) -> TransformersEngine:
    return loaded(weights)


def test_attests_the_commit_whose_weights_it_loaded(weights: Path) -> None:
    engine = TransformersEngine(PIN, weights, dtype="float32", device="cpu")
    assert engine.model_revision == ""
    engine.load()
    assert engine.model_revision == PIN.revision
    assert engine.gpu == "cpu"


def test_loads_nothing_but_complete_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match="download_weights"):
        TransformersEngine(PIN, tmp_path, dtype="float32", device="cpu").load()


def test_refuses_a_model_without_a_chat_template(tmp_path: Path) -> None:
    make_tiny_model(tmp_path, template="")
    with pytest.raises(ModelError, match="chat template"):
        TransformersEngine(PIN, tmp_path, dtype="float32", device="cpu").load()


def test_loads_half_precision(weights: Path) -> None:
    engine = TransformersEngine(PIN, weights, dtype="float16", device="cpu")
    engine.load()
    assert engine._model.dtype is torch.float16


def test_is_deterministic_at_temperature_zero(engine: TransformersEngine, weights: Path) -> None:
    request = a_request("What is the capital of France?", temperature=0, max_tokens=24)
    answers = [engine.generate(request, NEVER), engine.generate(request, NEVER)]
    answers.append(loaded(weights).generate(request, NEVER))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0].tokens_generated > 0


def test_greedy_takes_the_likeliest_token(engine: TransformersEngine) -> None:
    request = a_request("Two and two make", temperature=0, max_tokens=1)
    encoded = engine._encode(request.messages)
    with torch.inference_mode():
        likeliest = int(engine._model(**encoded).logits[0, -1].argmax())
    answer = engine.generate(request, NEVER)
    assert answer.text == engine._tokenizer.decode([likeliest], skip_special_tokens=True).strip()


def test_samples_at_other_temperatures_and_repeats_itself_only_with_a_seed(
    engine: TransformersEngine,
) -> None:
    def texts(seed: int | None) -> set[str]:
        request = a_request("A beacon is", temperature=1.5, max_tokens=24, seed=seed)
        return {engine.generate(request, NEVER).text for _ in range(4)}

    assert len(texts(None)) > 1
    assert len(texts(42)) == 1
    assert texts(42) != texts(43)


@pytest.mark.parametrize("max_tokens", [1, 5, 17])
def test_generates_no_more_than_asked_for(engine: TransformersEngine, max_tokens: int) -> None:
    request = a_request("What is the capital of France?", temperature=0, max_tokens=max_tokens)
    assert engine.generate(request, NEVER).tokens_generated <= max_tokens


def test_counts_tokens_as_the_tokenizer_does(engine: TransformersEngine) -> None:
    request = a_request("A beacon is a light", temperature=0, max_tokens=12)
    prompt = "<|user|> A beacon is a light</s><|assistant|> "
    answer = engine.generate(request, NEVER)
    assert answer.tokens_in == len(engine._tokenizer(prompt, add_special_tokens=False)["input_ids"])
    # Random weights almost never end by themselves, so the limit is what ends it.
    assert answer.tokens_generated == 12


def test_stops_at_the_end_token(engine: TransformersEngine) -> None:
    request = a_request("A beacon is a light", temperature=0, max_tokens=12)
    whole = engine.generate(request, NEVER)
    ids = engine._tokenizer(whole.text, add_special_tokens=False)["input_ids"]
    before = engine._model.generation_config.eos_token_id
    engine._model.generation_config.eos_token_id = ids[0]
    try:
        shortened = engine.generate(request, NEVER)
    finally:
        engine._model.generation_config.eos_token_id = before
    assert shortened.tokens_generated < whole.tokens_generated


def test_stops_within_a_token_when_it_is_cancelled(engine: TransformersEngine) -> None:
    class CancelledAfter:
        def __init__(self, tokens: int) -> None:
            self.asked = 0
            self.tokens = tokens

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked > self.tokens

        def wait(self, timeout: float | None = None) -> bool:
            return self.is_set()

    cancellation = CancelledAfter(3)
    with pytest.raises(GenerationCancelledError):
        engine.generate(a_request("Two and two", temperature=0, max_tokens=200), cancellation)
    assert cancellation.asked <= 6
    # The same engine works on.
    assert engine.generate(a_request("Two and two", max_tokens=4), NEVER).tokens_generated == 4


def test_answers_a_cancelled_call_as_cancelled(engine: TransformersEngine) -> None:
    cancelled = threading.Event()
    cancelled.set()
    document = Worker("tiny", engine, PLACE).answer(a_request().model_dump(mode="json"), cancelled)
    assert (document["status"], document["error_type"]) == ("error", "cancelled")


def test_refuses_a_prompt_that_fills_the_context(engine: TransformersEngine) -> None:
    with pytest.raises(ModelError, match=f"the model takes {CONTEXT_TOKENS}"):
        engine.generate(a_request("four " * 400), NEVER)


def test_never_generates_past_the_context(engine: TransformersEngine) -> None:
    answer = engine.generate(a_request("four " * 20, temperature=0, max_tokens=2000), NEVER)
    assert answer.tokens_in + answer.tokens_generated <= CONTEXT_TOKENS


def test_gives_a_system_prompt_to_templates_that_know_none(tmp_path: Path) -> None:
    make_tiny_model(tmp_path, template=TEMPLATE_WITHOUT_SYSTEM)
    engine = loaded(tmp_path)
    system = (Message(role="system", content="Be brief."), Message(role="user", content="Hi"))
    folded = engine._encode(system)["input_ids"]
    assert engine._tokenizer.decode(folded[0]) == "<|user|> Be brief.\n\nHi</s><|assistant|> "


def test_says_so_when_a_template_refuses_the_messages(tmp_path: Path) -> None:
    make_tiny_model(tmp_path, template="{{ raise_exception('no: ' + messages[0]['content']) }}")
    with pytest.raises(ModelError, match="refuses these messages") as refused:
        loaded(tmp_path).generate(a_request("a private matter"), NEVER)
    assert "private" not in str(refused.value)


@pytest.mark.parametrize(
    "roles", [("user",), ("user", "assistant", "user"), ("system",), ("system", "assistant")]
)
def test_folds_nothing_where_there_is_no_system_prompt_or_no_question(roles: tuple[str, ...]) -> None:
    messages = tuple(Message.model_validate({"role": role, "content": "x"}) for role in roles)
    assert with_system_in_first_turn(messages) == messages


def test_out_of_memory_is_an_answer_and_the_container_lives(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(**_: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    worker = Worker("tiny", engine, PLACE)
    with monkeypatch.context() as patched:
        patched.setattr(engine._model, "generate", exhausted)
        failed = worker.answer(a_request().model_dump(mode="json"), NEVER)
    assert (failed["status"], failed["error_type"]) == ("error", "model_error")
    assert "out of GPU memory" in failed["error"]
    answered = worker.answer(a_request().model_dump(mode="json"), NEVER)
    assert (answered["status"], answered["cold_start"]) == ("success", False)


def test_a_worker_attests_what_the_engine_measured(engine: TransformersEngine) -> None:
    document = Worker("tiny", engine, PLACE).answer(a_request().model_dump(mode="json"), NEVER)
    assert document["model_revision"] == PIN.revision
    assert document["gpu"] == "cpu"
    assert document["tokens_generated"] == 16
    assert document["tokens_in"] > 0
    assert document["cold_start"] is True


def test_logs_hold_neither_prompt_nor_answer(
    engine: TransformersEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    request = a_request("a private matter")
    document = Worker("tiny", engine, PLACE).answer(request.model_dump(mode="json"), NEVER)
    assert "answered" in caplog.text
    assert "private" not in caplog.text
    assert document["response"] not in caplog.text


def test_the_modal_container_runs_this_engine(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The class that Modal gets, its enter hooks and its method, without Modal around it."""
    monkeypatch.setattr(model_container, "CATALOGUE", {"tiny": PIN})
    monkeypatch.setattr(model_container, "MOUNT", weights)
    monkeypatch.setattr(
        model_container,
        "TransformersEngine",
        lambda pin, root: TransformersEngine(pin, root, dtype="float32", device="cpu"),
    )
    monkeypatch.setenv("MODAL_REGION", "ap-tokyo-1")
    monkeypatch.setenv("MODAL_TASK_ID", "ta-tokyo")
    app = modal.App("tiny")
    container = app.cls(serialized=True, enable_memory_snapshot=True)(TinyContainer)
    document = container().generate.local(a_request().model_dump(mode="json"))
    assert (document["status"], document["region"]) == ("success", "ASIA")
    assert (document["cloud_region"], document["container_id"]) == ("ap-tokyo-1", "ta-tokyo")


class TinyContainer(ModelContainer):
    MODEL = "tiny"
