"""A small evaluation for inspect: `inspect eval questions.py --model openai-api/beacon/llama3.2-1b@us`."""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, system_message


@task
def questions():
    return Task(
        dataset=[
            Sample(input="What is 2+2?", target="4"),
            Sample(input="What is the capital of France?", target="Paris"),
            Sample(input="Who are you?", target="simulated"),
        ],
        solver=[system_message("Answer in one sentence."), generate()],
        scorer=includes(),
    )
