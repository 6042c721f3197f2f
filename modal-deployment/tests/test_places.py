import pytest

from beacon_deployment.places import attested_region, place_from_environment


@pytest.mark.parametrize(
    ("cloud_region", "region"),
    [
        ("us-east-1", "US"),  # AWS
        ("us-east-1a", "US"),  # AWS availability zone
        ("us-central1", "US"),  # GCP
        ("us-central1-a", "US"),  # GCP zone
        ("us-ashburn-1", "US"),  # OCI
        ("US-ASHBURN-1-AD-2", "US"),  # OCI availability domain
        ("eastus2", "US"),  # Azure
        ("us-west", "US"),  # Modal
        ("eu-central-1", "EU"),
        ("europe-west4-b", "EU"),
        ("eu-frankfurt-1", "EU"),
        ("northeurope", "EU"),
        ("ap-northeast-1", "ASIA"),
        ("asia-southeast1-c", "ASIA"),
        ("ap-tokyo-1", "ASIA"),
        ("japaneast", "ASIA"),
        ("au", "ASIA"),
    ],
)
def test_maps_what_providers_call_a_place_to_a_region(cloud_region: str, region: str) -> None:
    assert attested_region(cloud_region) == region


@pytest.mark.parametrize(
    "cloud_region",
    [
        "eu-west-2",  # London: Modal's `uk`
        "europe-west2",
        "uk-london-1",
        "ca-central-1",
        "us-gov-east-1",
        "eu-west-99",
        "Somewhere-New-1",
        "",
    ],
)
def test_attests_a_place_outside_the_regions_as_it_is(cloud_region: str) -> None:
    assert attested_region(cloud_region) == cloud_region


def test_reads_what_modal_sets_in_a_container() -> None:
    place = place_from_environment({"MODAL_REGION": "eu-paris-1", "MODAL_TASK_ID": "ta-1"})
    assert (place.region, place.cloud_region, place.container_id) == ("EU", "eu-paris-1", "ta-1")


def test_does_not_guess_where_nothing_is_said() -> None:
    assert place_from_environment({}).region == "unknown"
