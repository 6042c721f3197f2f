import dataclasses
import re

import pytest

from beacon_deployment.catalogue import CATALOGUE, ModelPin, UnpinnedRevisionError
from beacon_deployment.places import BEACON_REGIONS
from beacon_deployment.plan import GPU_LIMIT, REGIONS, WEB_ENDPOINT_LIMIT, Layout, plan_for, web_endpoints


@pytest.mark.parametrize("pin", CATALOGUE.values(), ids=lambda pin: pin.model)
def test_every_model_is_pinned_to_a_commit(pin: ModelPin) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}", pin.revision)


@pytest.mark.parametrize(
    "revision", ["main", "v0.3", "9213176", "", "9213176726F574B556790DEB65791E0C5AA438B6"]
)
def test_refuses_a_revision_that_can_move(revision: str) -> None:
    with pytest.raises(UnpinnedRevisionError):
        dataclasses.replace(CATALOGUE["llama3.2-1b"], revision=revision)


def test_serves_mistral_in_the_eu_and_asia_only() -> None:
    assert {region: plan.models for region, plan in REGIONS.items()} == {
        "US": ("llama3.2-1b", "qwen2.5-1.5b"),
        "EU": ("llama3.2-1b", "qwen2.5-1.5b", "mistral-7b"),
        "ASIA": ("llama3.2-1b", "qwen2.5-1.5b", "mistral-7b"),
    }


def test_all_regions_together_stay_within_the_gpus_of_the_smallest_plan() -> None:
    assert sum(plan.gpus for plan in REGIONS.values()) <= GPU_LIMIT


@pytest.mark.parametrize(("layout", "count"), [(Layout.REGION, 3), (Layout.MODEL, 8)])
def test_both_layouts_stay_within_the_web_endpoint_limit(layout: Layout, count: int) -> None:
    endpoints = [endpoint for plan in REGIONS.values() for endpoint in web_endpoints(plan, layout)]
    assert len(endpoints) == count <= WEB_ENDPOINT_LIMIT
    assert len({endpoint.label for endpoint in endpoints}) == count


@pytest.mark.parametrize("layout", list(Layout))
def test_labels_fit_into_a_host_name(layout: Layout) -> None:
    for plan in REGIONS.values():
        for endpoint in web_endpoints(plan, layout):
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", endpoint.label)
            # Modal puts the workspace's name and two dashes before it; a DNS label holds 63 characters.
            assert len(endpoint.label) <= 30


@pytest.mark.parametrize("plan", REGIONS.values(), ids=lambda plan: plan.region)
def test_a_region_runs_where_its_containers_will_attest_it(plan: object) -> None:
    region = plan_for(getattr(plan, "region", ""))
    assert BEACON_REGIONS[region.modal_region] == region.region


def test_names_the_regions_it_knows() -> None:
    with pytest.raises(ValueError, match="US, EU, ASIA"):
        plan_for("MARS")
