"""What is chosen when an app is deployed, and baked into its images.

A container imports the module again, in an environment of its own; there it must come to the same app. The
names do not begin with `BEACON_`: Beacon refuses such variables when it does not know them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from beacon_deployment.plan import REGIONS, Layout, RegionPlan, plan_for

REGION = "DEPLOY_REGION"
LAYOUT = "DEPLOY_LAYOUT"
CALLBACK = "DEPLOY_CALLBACK"


class DeploySettingsError(ValueError):
    """Names the setting."""


@dataclass(frozen=True, slots=True)
class DeploySettings:
    """One app."""

    plan: RegionPlan
    layout: Layout
    callback: bool
    """Whether jobs call back; the secret `beacon-callback` must then exist."""

    def baked(self) -> dict[str, str | None]:
        return {REGION: self.plan.region, LAYOUT: self.layout, CALLBACK: "1" if self.callback else "0"}


def deploy_settings(environment: Mapping[str, str]) -> DeploySettings:
    region = environment.get(REGION, "")
    layout = environment.get(LAYOUT) or Layout.REGION
    callback = environment.get(CALLBACK) or "0"
    if region not in REGIONS:
        msg = f"{REGION} must be one of {', '.join(REGIONS)}; deploy us.py, eu.py or asia.py, which set it"
        raise DeploySettingsError(msg)
    if layout not in list(Layout):
        msg = f"{LAYOUT} must be one of {', '.join(Layout)}"
        raise DeploySettingsError(msg)
    if callback not in {"0", "1"}:
        msg = f"{CALLBACK} must be 0 or 1"
        raise DeploySettingsError(msg)
    return DeploySettings(plan_for(region), Layout(layout), callback == "1")
