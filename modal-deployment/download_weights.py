"""Fills the Volume with the pinned weights: `modal run download_weights.py [--model NAME]`.

It runs on a CPU, once for each new pin; what is complete is not fetched again. Of all functions only this one
gets the Hugging Face token.
"""

from pathlib import Path

import modal

from beacon_deployment.catalogue import CATALOGUE
from beacon_deployment.engines.weights import download_weights, fetch_from_hub
from beacon_deployment.modal_app.images import download_image
from beacon_deployment.modal_app.volume import MOUNT, weights_volume

HOUR_S = 3600

app = modal.App("beacon-download-weights")
_volume = weights_volume()


@app.function(
    image=download_image(),
    volumes={str(MOUNT): _volume},
    secrets=[modal.Secret.from_name("huggingface", required_keys=["HF_TOKEN"])],
    timeout=2 * HOUR_S,
)
def download(model: str) -> str:
    """Returns the folder."""
    folder = download_weights(Path(MOUNT), CATALOGUE[model], fetch_from_hub)
    _volume.commit()
    return str(folder)


@app.local_entrypoint()
def main(model: str = "") -> None:
    """All models, or one."""
    models = [model] if model else list(CATALOGUE)
    for name, folder in zip(models, download.map(models), strict=True):
        print(f"{name}: {folder}")  # noqa: T201
