"""What every answer has to be besides what the OpenAPI document says of it; schemathesis loads this by SCHEMATHESIS_HOOKS."""

import os
import random
import re

import schemathesis

# No customer's answer names these. Source: docs/charter.md
FORBIDDEN = re.compile(
    rb'"(internal_cost|gpu_cost|llm_cost|total_cost|margin|markup|provider|llm_model|tokens_billed|stack)"\s*:'
)
# Planted in the configuration of the server: values that no answer to a customer may hold.
MARKERS = [marker.encode() for marker in os.environ.get("FUZZ_MARKERS", "").split(",") if marker]


# Ids and names that the server knows: drawn at random, none would ever be met.
KNOWN_IDS = {
    name: value
    for name, value in (pair.split("=") for pair in os.environ.get("FUZZ_IDS", "").split(",") if pair)
}
KNOWN_FIELDS = {
    "model": lambda: "llama3.2-1b",
    "models": lambda: ["llama3.2-1b"],
    "regions": lambda: ["US"],
    "region_preference": lambda: random.choice(["US", "eu-west", "ASIA"]),
    "task_type": lambda: "research",
}


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if not path_parameters:
        return path_parameters
    place = context.operation.path.split("/")[1]
    for name in path_parameters:
        known = KNOWN_IDS.get(f"{place}.{name}")
        if known is not None and random.random() < 0.7:
            path_parameters[name] = known
    return path_parameters


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict):
        for name, draw in KNOWN_FIELDS.items():
            if name in body and random.random() < 0.7:
                body[name] = draw()
    return body


@schemathesis.check
def tells_nothing_internal(ctx, response, case):
    content = response.content
    found = FORBIDDEN.search(content)
    # Administrators see all of it.
    if found is not None and os.environ.get("FUZZ_AS") == "customer":
        raise AssertionError(f"the answer has the field {found.group(1).decode()}")
    if re.search(rb"\bat [\w.<>]+ \(?(file://)?/", content):
        raise AssertionError("the answer has a stack trace")
    for marker in MARKERS:
        if marker in content:
            raise AssertionError("the answer has a value that is planted where customers may not look")


@schemathesis.check
def says_which_request_it_was(ctx, response, case):
    if "x-request-id" not in response.headers:
        raise AssertionError("no x-request-id")
