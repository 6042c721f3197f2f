"""What a user of OpenAI's client for Python would write.

Nothing in here knows of Beacon but the models' names, and one header. The address and the key are in
OPENAI_BASE_URL and OPENAI_API_KEY. Prints the answers as JSON.
"""

import asyncio
import io
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from openai import AsyncOpenAI, OpenAI

POLL_S = 0.5
SUM = "What is 2+2?"
CAPITAL = "What is the capital of France?"

client = OpenAI()


def asked(question):
    return [{"role": "user", "content": question}]


def answer(by, question, text, usage):
    return {"by": by, "question": question, "text": text, "tokens": usage.completion_tokens}


def chat(model, question):
    completion = client.chat.completions.create(model=model, messages=asked(question))
    return answer("chat", question, completion.choices[0].message.content, completion.usage)


def complete(model, question):
    completion = client.completions.create(model=model, prompt=question, max_tokens=64)
    return answer("completions", question, completion.choices[0].text, completion.usage)


def ask_again(model, question):
    """Without signs of life the gateway gives up again and again; the client's own retries must find the one job."""
    patient = client.with_options(max_retries=10, default_headers={"x-beacon-keep-alive": "off"})
    completion = patient.chat.completions.create(model=model, messages=asked(question))
    return answer("retries", question, completion.choices[0].message.content, completion.usage)


async def stream(model, questions):
    async with AsyncOpenAI() as asynchronous:

        async def one(question):
            text, usage = "", None
            chunks = await asynchronous.chat.completions.create(
                model=model, messages=asked(question), stream=True, stream_options={"include_usage": True}
            )
            async for chunk in chunks:
                text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
                usage = chunk.usage or usage
            return answer("stream", question, text, usage)

        return await asyncio.gather(*(one(question) for question in questions))


def batch():
    asks = {
        "sum-us": ("llama3.2-1b@us", SUM),
        "capital-us": ("llama3.2-1b@us", CAPITAL),
        "sum-eu": ("llama3.2-1b@eu", SUM),
        "capital-anywhere": ("qwen2.5-1.5b", CAPITAL),
    }
    lines = [
        {
            "custom_id": custom_id,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": model, "messages": asked(question)},
        }
        for custom_id, (model, question) in asks.items()
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    file = client.files.create(file=("questions.jsonl", io.BytesIO(text.encode())), purpose="batch")
    one = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    while one.status not in {"completed", "failed", "expired", "cancelled"}:
        time.sleep(POLL_S)
        one = client.batches.retrieve(one.id)
    counts = one.request_counts
    if (one.status, counts.total, counts.completed, counts.failed) != ("completed", 4, 4, 0):
        raise SystemExit(f"the batch: {one.to_json()}")
    output = client.files.content(one.output_file_id).text
    client.files.delete(file.id)
    answered = {row["custom_id"]: row["response"]["body"] for row in map(json.loads, output.splitlines())}
    return [
        {
            "by": "batch",
            "question": question,
            "text": answered[custom_id]["choices"][0]["message"]["content"],
            "tokens": answered[custom_id]["usage"]["completion_tokens"],
        }
        for custom_id, (_, question) in asks.items()
    ]


with ThreadPoolExecutor() as pool:
    models = pool.submit(lambda: [model.id for model in client.models.list()])
    jobs = [
        pool.submit(chat, "llama3.2-1b@us", SUM),
        pool.submit(chat, "llama3.2-1b@us", CAPITAL),
        pool.submit(complete, "qwen2.5-1.5b", SUM),
        pool.submit(ask_again, "mistral-7b@asia", CAPITAL),
    ]
    several = [
        pool.submit(lambda: asyncio.run(stream("llama3.2-1b@eu", [SUM, CAPITAL]))),
        pool.submit(batch),
    ]
    answers = [job.result() for job in jobs] + [one for job in several for one in job.result()]
    json.dump({"models": models.result(), "answers": answers}, sys.stdout)
