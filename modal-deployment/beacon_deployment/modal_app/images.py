"""Container images, from the pinned requirements that the tests use too."""

from pathlib import Path

import modal

PYTHON = "3.12"
PACKAGE = "beacon_deployment"
_REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"


def gateway_image(environment: dict[str, str | None]) -> modal.Image:
    """Small: a cold gateway should answer in a second or two."""
    return _image("app.txt").env(_text(environment)).add_local_python_source(PACKAGE)


def download_image() -> modal.Image:
    return _image("app.txt", "model.txt").add_local_python_source(PACKAGE)


def gpu_image(environment: dict[str, str | None]) -> modal.Image:
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    return (
        _image("app.txt", "model.txt").env({**_text(environment), **offline}).add_local_python_source(PACKAGE)
    )


def _image(*requirements: str) -> modal.Image:
    files = [str(_REQUIREMENTS / name) for name in requirements]
    return modal.Image.debian_slim(python_version=PYTHON).uv_pip_install(requirements=files)


def _text(environment: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if value is not None}
