"""What is deployed where: regions, their models, and how many GPUs all of it may hold."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from beacon_deployment.catalogue import CATALOGUE, ModelPin

WEB_ENDPOINT_LIMIT = 8
"""Modal refuses a workspace's ninth web endpoint (seen in 2026; not in its price list)."""

GPU_LIMIT = 10
"""GPUs that Modal's Starter plan lends at once. More calls than that wait; nothing says why."""

SCALEDOWN_WINDOW_S = 300
"""Idle containers bill, cold ones make callers wait. Beacon has to be told the same."""

GPU_TIMEOUT_S = 600
"""One execution, from its start."""

GATEWAY_TIMEOUT_S = 1800
"""A synchronous call holds its gateway through the queue, the cold start and the work."""


class Layout(StrEnum):
    """How many web endpoints a region takes."""

    REGION = "region"
    """One for the region; its path names the model."""
    MODEL = "model"
    """One for each (region, model)."""


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """One Modal app."""

    region: str
    """Beacon's name for it, and what its containers attest."""
    modal_region: str
    """Where containers may run. Broad regions cost 1.5 times the base price, narrow ones 1.75 times and wait
    longer for a GPU."""
    routing_region: str
    """Where requests to the gateway enter Modal's network. Fixed at the first deployment. GPU classes keep
    Modal's default (us-east), because a class that is routed elsewhere cannot be spawned, and jobs are."""
    aliases: tuple[str, ...]
    """Other names of the region in Beacon's configuration."""
    models: tuple[str, ...]
    max_containers_per_model: int = 1

    @property
    def slug(self) -> str:
        return self.region.lower()

    @property
    def app_name(self) -> str:
        return f"beacon-{self.slug}"

    @property
    def pins(self) -> tuple[ModelPin, ...]:
        return tuple(CATALOGUE[model] for model in self.models)

    @property
    def gpus(self) -> int:
        return len(self.models) * self.max_containers_per_model


@dataclass(frozen=True, slots=True)
class WebEndpoint:
    """A gateway as the outside sees it."""

    label: str
    """`https://<workspace>--<label>.modal.run`."""
    region: str
    models: tuple[str, ...]

    def base_url(self, workspace: str) -> str:
        return f"https://{workspace}--{self.label}.modal.run"


REGIONS: Mapping[str, RegionPlan] = MappingProxyType(
    {
        plan.region: plan
        for plan in (
            RegionPlan(
                region="US",
                modal_region="us",
                routing_region="us-east",
                aliases=("us", "us-east"),
                models=("llama3.2-1b", "qwen2.5-1.5b"),
            ),
            RegionPlan(
                region="EU",
                modal_region="eu",
                routing_region="eu-west",
                aliases=("eu", "eu-west"),
                models=("llama3.2-1b", "qwen2.5-1.5b", "mistral-7b"),
            ),
            RegionPlan(
                region="ASIA",
                modal_region="ap",
                routing_region="ap-south",
                aliases=("ap", "apac", "asia-pacific"),
                models=("llama3.2-1b", "qwen2.5-1.5b", "mistral-7b"),
            ),
        )
    },
)


def plan_for(region: str) -> RegionPlan:
    try:
        return REGIONS[region]
    except KeyError:
        msg = f"no plan for region {region!r}; known: {', '.join(REGIONS)}"
        raise ValueError(msg) from None


def region_label(plan: RegionPlan) -> str:
    return plan.app_name


def model_label(plan: RegionPlan, model: str) -> str:
    """Labels are parts of a host name, so a model's dots become dashes."""
    return f"{plan.app_name}-{re.sub(r'[^a-z0-9]+', '-', model.lower())}"


def web_endpoints(plan: RegionPlan, layout: Layout) -> Iterator[WebEndpoint]:
    match layout:
        case Layout.REGION:
            yield WebEndpoint(region_label(plan), plan.region, plan.models)
        case Layout.MODEL:
            for model in plan.models:
                yield WebEndpoint(model_label(plan, model), plan.region, (model,))
