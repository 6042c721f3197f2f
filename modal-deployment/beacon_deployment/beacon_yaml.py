"""Prints Beacon's configuration for what is deployed.

`python -m beacon_deployment.beacon_yaml --workspace NAME > beacon.yaml`
"""

import argparse
import sys
from collections.abc import Iterator

from beacon_deployment.catalogue import CATALOGUE
from beacon_deployment.plan import (
    GPU_TIMEOUT_S,
    REGIONS,
    SCALEDOWN_WINDOW_S,
    Layout,
    WebEndpoint,
    web_endpoints,
)

EXECUTION_MS = 1000 * (max(pin.startup_timeout_s for pin in CATALOGUE.values()) + GPU_TIMEOUT_S)
"""Beacon's limit for one call. Its clock starts with the call, so it runs through the cold start: with less
than the slowest start and the longest execution together, Beacon would cancel work that Modal still allows,
and pay for the start again at the next attempt."""


def beacon_yaml(workspace: str, layout: Layout, *, jobs: bool = True) -> str:
    """The whole file. Written line by line, so that this needs no YAML library and can carry comments."""
    return "\n".join(_lines(workspace, layout, jobs=jobs)) + "\n"


def _lines(workspace: str, layout: Layout, *, jobs: bool) -> Iterator[str]:
    entries = sum(len(plan.models) for plan in REGIONS.values())
    gpus = sum(plan.gpus for plan in REGIONS.values())
    yield "# Set MODAL_KEY (wk-...) and MODAL_SECRET (ws-...) in the environment."
    yield f"limits: {{ endpoints: {entries}, gpus: {gpus} }}"
    yield "timeouts:"
    yield f"  execution_ms: {EXECUTION_MS} # the slowest start and the longest execution"
    yield "regions:"
    for plan in REGIONS.values():
        yield f"  {plan.region}: {{ aliases: [{', '.join(plan.aliases)}] }}"
    yield "endpoints:"
    for plan in REGIONS.values():
        for endpoint in web_endpoints(plan, layout):
            yield from _endpoint(endpoint, workspace, jobs=jobs)


def _endpoint(endpoint: WebEndpoint, workspace: str, *, jobs: bool) -> Iterator[str]:
    base_url = endpoint.base_url(workspace)
    for model in endpoint.models:
        yield f"  - id: {endpoint.region.lower()}-{model}"
        yield f"    region: {endpoint.region}"
        yield f"    models: [{model}]"
        yield "    protocol: modal-hf"
        yield f"    url: {base_url}/{model}"
        if jobs:
            yield f"    jobs_url: {base_url}/jobs"
        yield f"    autoscaler_url: {base_url}/autoscaler/{model}"
        yield f"    health_url: {base_url}/health"
        yield f"    gpu: {CATALOGUE[model].gpu}"
        yield "    concurrency: 1"
        yield f"    scaledown_window_s: {SCALEDOWN_WINDOW_S}"


def main(arguments: list[str]) -> None:
    """Writes to stdout."""
    parser = argparse.ArgumentParser(prog="python -m beacon_deployment.beacon_yaml")
    parser.add_argument("--workspace", required=True, help="as in https://<workspace>--beacon-us.modal.run")
    parser.add_argument("--layout", choices=list(Layout), default=Layout.REGION)
    parser.add_argument("--no-jobs", action="store_true", help="leave out jobs_url: synchronous calls only")
    given = parser.parse_args(arguments)
    sys.stdout.write(beacon_yaml(given.workspace, Layout(given.layout), jobs=not given.no_jobs))


if __name__ == "__main__":
    main(sys.argv[1:])
