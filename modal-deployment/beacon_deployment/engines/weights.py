"""Weights on disk: one folder for each pinned commit, complete or not there at all."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from beacon_deployment.catalogue import ModelPin, require_commit

MANIFEST = "beacon-weights.json"
"""Written last. A folder without it was never completed."""

PATTERNS = ("*.json", "*.jinja", "*.model", "*.txt", "model*.safetensors")
"""What transformers needs. Repositories also hold the same weights in other forms, which would double the
download: `original/`, `consolidated.safetensors`, `*.bin`."""

IGNORED = ("original/*", "consolidated*", "*.bin", "*.pth")


class WeightsMissingError(RuntimeError):
    """The folder is not complete, or holds another commit."""


def weights_folder(root: Path, pin: ModelPin) -> Path:
    return root / pin.repository.replace("/", "--") / require_commit(pin.revision)


def download_weights(root: Path, pin: ModelPin, fetch: Callable[[ModelPin, Path], None]) -> Path:
    """Completes the folder of a pin; does nothing when it is complete.

    Args:
        root: the Volume's mount.
        pin: what to fetch.
        fetch: fills a folder with the files of a pin; resumes what an earlier try left.
    """
    folder = weights_folder(root, pin)
    try:
        return require_weights(root, pin)
    except WeightsMissingError:
        folder.mkdir(parents=True, exist_ok=True)
    fetch(pin, folder)
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}
    if not any(name.endswith(".safetensors") for name in files):
        msg = f"{pin.repository} at {pin.revision} brought no safetensors"
        raise WeightsMissingError(msg)
    manifest = {"repository": pin.repository, "revision": pin.revision, "bytes_by_file": files}
    partial = folder / f"{MANIFEST}.partial"
    partial.write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    partial.replace(folder / MANIFEST)
    return folder


def require_weights(root: Path, pin: ModelPin) -> Path:
    """Returns the folder when it holds exactly what the pin names; raises `WeightsMissingError` if not."""
    folder = weights_folder(root, pin)
    how = "run `modal run download_weights.py`"
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        msg = f"no complete weights of {pin.model} at {pin.revision}: {how}"
        raise WeightsMissingError(msg) from None
    if (manifest["repository"], manifest["revision"]) != (pin.repository, pin.revision):
        msg = f"the weights folder of {pin.model} holds {manifest['revision']}, not {pin.revision}: {how}"
        raise WeightsMissingError(msg)
    for name, size_bytes in manifest["bytes_by_file"].items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size_bytes:
            msg = f"{name} of {pin.model} is missing or cut short: {how}"
            raise WeightsMissingError(msg)
    return folder


def fetch_from_hub(pin: ModelPin, folder: Path) -> None:
    """Downloads from the Hugging Face hub; gated repositories need `HF_TOKEN`."""
    from huggingface_hub import snapshot_download

    snapshot_download(
        repo_id=pin.repository,
        revision=require_commit(pin.revision),
        local_dir=folder,
        allow_patterns=list(PATTERNS),
        ignore_patterns=list(IGNORED),
        token=os.environ.get("HF_TOKEN"),
    )
