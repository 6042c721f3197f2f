"""A model that is made on the spot: the real architecture and the real files, with random weights."""

from pathlib import Path

from beacon_deployment.catalogue import ModelPin
from beacon_deployment.engines.weights import download_weights

PIN = ModelPin(
    model="tiny",
    class_name="Tiny",
    repository="example/tiny",
    revision="0123456789abcdef0123456789abcdef01234567",
    gpu="T4",
    memory_mib=1,
    startup_timeout_s=1,
)
CONTEXT_TOKENS = 256

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|> {{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|> {% endif %}"
)
TEMPLATE_WITHOUT_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
)

_SENTENCES = [
    "What is the capital of France? The capital of France is Paris.",
    "A beacon is a light that guides ships at night, far from the coast.",
    "Two and two make four, and four and four make eight.",
    "system user assistant <|system|> <|user|> <|assistant|>",
]


def make_tiny_model(root: Path, *, template: str = TEMPLATE) -> ModelPin:
    """Puts complete weights under `root`, as a download would."""
    download_weights(root, PIN, lambda _, folder: _make(folder, template))
    return PIN


def _make(folder: Path, template: str) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator(_SENTENCES, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)

    # So small a model is slowed down by threads, most of all on a busy machine.
    torch.set_num_threads(1)
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        # Larger than usual, so that random weights prefer some tokens clearly and sampling shows.
        initializer_range=0.5,
    )
    model = LlamaForCausalLM(config)
    # As instruction models come: sampling by default, which a temperature of 0 must overrule.
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=0.6,
        top_p=0.9,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )
    model.save_pretrained(folder)
