import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from beacon_deployment.beacon_yaml import beacon_yaml
from beacon_deployment.catalogue import CATALOGUE
from beacon_deployment.places import attested_region
from beacon_deployment.plan import GATEWAY_TIMEOUT_S, GPU_TIMEOUT_S, REGIONS, Layout

REPOSITORY = Path(__file__).resolve().parents[2]


def parsed(layout: Layout, *, jobs: bool = True) -> Any:
    return yaml.safe_load(beacon_yaml("acme", layout, jobs=jobs))


@pytest.mark.parametrize("layout", list(Layout))
def test_uses_only_keys_that_beacon_documents(layout: Layout) -> None:
    documented = set(re.findall(r"^\| `([^`]+)`", _read("docs/configuration.md"), re.MULTILINE))
    configuration = parsed(layout)
    used = {f"endpoints[].{key}" for endpoint in configuration["endpoints"] for key in endpoint}
    used |= {f"{section}.{key}" for section in ("limits", "timeouts") for key in configuration[section]}
    used |= {f"regions.<region>.{key}" for region in configuration["regions"].values() for key in region}
    assert used - documented == set()


def test_names_the_same_endpoints_as_the_example() -> None:
    example = yaml.safe_load(_read("deploy/beacon.example.yaml"))
    generated = parsed(Layout.REGION)["endpoints"]
    ours = {(item["id"], item["region"], *item["models"], item["gpu"]) for item in generated}
    theirs = {(item["id"], item["region"], *item["models"], item["gpu"]) for item in example["endpoints"]}
    assert ours == theirs


def test_one_gateway_for_each_region() -> None:
    endpoint = parsed(Layout.REGION)["endpoints"][0]
    assert endpoint == {
        "id": "us-llama3.2-1b",
        "region": "US",
        "models": ["llama3.2-1b"],
        "protocol": "modal-hf",
        "url": "https://acme--beacon-us.modal.run/llama3.2-1b",
        "jobs_url": "https://acme--beacon-us.modal.run/jobs",
        "autoscaler_url": "https://acme--beacon-us.modal.run/autoscaler/llama3.2-1b",
        "health_url": "https://acme--beacon-us.modal.run/health",
        "gpu": "T4",
        "concurrency": 1,
        "scaledown_window_s": 300,
    }


def test_one_gateway_for_each_region_and_model() -> None:
    endpoint = parsed(Layout.MODEL)["endpoints"][-1]
    assert endpoint["url"] == "https://acme--beacon-asia-mistral-7b.modal.run/mistral-7b"
    assert endpoint["jobs_url"] == "https://acme--beacon-asia-mistral-7b.modal.run/jobs"
    assert endpoint["health_url"] == "https://acme--beacon-asia-mistral-7b.modal.run/health"


@pytest.mark.parametrize("layout", list(Layout))
def test_stays_within_its_own_limits(layout: Layout) -> None:
    configuration = parsed(layout)
    assert len(configuration["endpoints"]) == configuration["limits"]["endpoints"] == 8
    assert configuration["limits"]["gpus"] == 8


def test_gives_a_call_the_time_of_the_slowest_start_and_the_longest_execution() -> None:
    slowest_start_s = max(pin.startup_timeout_s for pin in CATALOGUE.values())
    assert parsed(Layout.REGION)["timeouts"]["execution_ms"] >= 1000 * (slowest_start_s + GPU_TIMEOUT_S)
    # A held call that Beacon still waits for must not be cut off by its gateway.
    assert parsed(Layout.REGION)["timeouts"]["execution_ms"] < 1000 * GATEWAY_TIMEOUT_S


def test_what_a_container_attests_is_a_name_that_beacon_knows() -> None:
    regions = parsed(Layout.REGION)["regions"]
    for region, plan in REGIONS.items():
        names = {region, *regions[region]["aliases"]}
        assert attested_region(plan.modal_region) in names
        assert plan.modal_region in names


def test_jobs_can_be_left_out() -> None:
    assert not any("jobs_url" in endpoint for endpoint in parsed(Layout.REGION, jobs=False)["endpoints"])


def _read(path: str) -> str:
    return (REPOSITORY / path).read_text(encoding="utf-8")
