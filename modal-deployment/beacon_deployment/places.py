"""Where a container runs, as its cloud provider says, and which of Beacon's regions that is.

Modal puts the provider's own name into `MODAL_REGION`: a region on AWS, a region or zone on GCP, a region or
availability domain on OCI, a location on Azure. The table below maps those names to Modal's broad regions,
and three of those to Beacon's. A name that is not in the table is attested as it is: the router then rejects
the answer, and a human decides whether to add the name here or as an alias of the region. Guessing by prefix
would be wrong where it matters: `eu-west-2` is London, which Modal counts as `uk` and not as `eu`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

BEACON_REGIONS: Mapping[str, str] = MappingProxyType({"us": "US", "eu": "EU", "ap": "ASIA"})
"""Modal's broad region to Beacon's region."""

_PROVIDER_REGIONS: Mapping[str, tuple[str, ...]] = {
    "us": (
        # Modal
        *("us", "us-east", "us-central", "us-south", "us-west"),
        # AWS
        *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
        # GCP
        *("us-central1", "us-east1", "us-east4", "us-east5", "us-south1"),
        *("us-west1", "us-west2", "us-west3", "us-west4"),
        # OCI
        *("us-ashburn-1", "us-chicago-1", "us-phoenix-1", "us-sanjose-1"),
        # Azure
        *("eastus", "eastus2", "centralus", "northcentralus", "southcentralus"),
        *("westcentralus", "westus", "westus2", "westus3"),
    ),
    "eu": (
        *("eu", "eu-west", "eu-north", "eu-south"),
        *("eu-central-1", "eu-central-2", "eu-west-1", "eu-west-3"),
        *("eu-north-1", "eu-south-1", "eu-south-2"),
        *("europe-central2", "europe-north1", "europe-north2", "europe-southwest1"),
        *("europe-west1", "europe-west3", "europe-west4", "europe-west6"),
        *("europe-west8", "europe-west9", "europe-west10", "europe-west12"),
        *("eu-amsterdam-1", "eu-frankfurt-1", "eu-madrid-1", "eu-marseille-1"),
        *("eu-milan-1", "eu-paris-1", "eu-stockholm-1", "eu-zurich-1"),
        *("northeurope", "westeurope", "francecentral", "germanywestcentral"),
        *("italynorth", "norwayeast", "polandcentral", "spaincentral"),
        *("swedencentral", "switzerlandnorth"),
    ),
    "ap": (
        *("ap", "ap-northeast", "ap-southeast", "ap-south", "ap-melbourne", "jp", "au"),
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
        *("ap-south-1", "ap-south-2", "ap-east-1", "ap-east-2"),
        *("ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4"),
        *("ap-southeast-5", "ap-southeast-7"),
        *("asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3"),
        *("asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2"),
        *("australia-southeast1", "australia-southeast2"),
        *("ap-chuncheon-1", "ap-hyderabad-1", "ap-melbourne-1", "ap-mumbai-1", "ap-osaka-1"),
        *("ap-seoul-1", "ap-singapore-1", "ap-sydney-1", "ap-tokyo-1"),
        *("eastasia", "southeastasia", "japaneast", "japanwest", "koreacentral"),
        *("australiaeast", "australiasoutheast", "centralindia", "southindia"),
    ),
    "uk": ("uk", "eu-west-2", "europe-west2", "uk-london-1", "uk-cardiff-1", "uksouth", "ukwest"),
}

_BROAD: Mapping[str, str] = {name: broad for broad, names in _PROVIDER_REGIONS.items() for name in names}

# GCP zones end in `-a`, AWS zones in `1a`, OCI availability domains in `-ad-1`.
_ZONE_SUFFIX = re.compile(r"(?:-ad-\d+|-[a-z]|(?<=\d)[a-z])$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something ran. `region` is what is attested, `cloud_region` what the provider said."""

    region: str
    cloud_region: str
    container_id: str


def attested_region(cloud_region: str) -> str:
    """Beacon's region for a provider's name; the name itself when it belongs to none of them."""
    name = cloud_region.strip().lower()
    broad = _BROAD.get(name) or _BROAD.get(_ZONE_SUFFIX.sub("", name))
    return BEACON_REGIONS.get(broad or "", cloud_region)


def place_from_environment(environment: Mapping[str, str]) -> Place:
    """Reads what Modal sets in every container. Call it when an input arrives, or after a restored memory
    snapshot has started: a snapshot is taken in one container and wakes in others."""
    cloud_region = environment.get("MODAL_REGION") or "unknown"
    return Place(
        region=attested_region(cloud_region),
        cloud_region=cloud_region,
        container_id=environment.get("MODAL_TASK_ID") or "unknown",
    )
