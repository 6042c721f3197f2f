import dataclasses
from pathlib import Path

import pytest

from beacon_deployment.catalogue import CATALOGUE, ModelPin
from beacon_deployment.engines.weights import (
    WeightsMissingError,
    download_weights,
    require_weights,
    weights_folder,
)

PIN = CATALOGUE["qwen2.5-1.5b"]


class Hub:
    def __init__(self, *names: str) -> None:
        self.names = names or ("config.json", "model.safetensors")
        self.fetched = 0

    def fetch(self, pin: ModelPin, folder: Path) -> None:
        self.fetched += 1
        for name in self.names:
            (folder / name).write_text(f"{name} of {pin.model}", encoding="utf-8")


def test_a_download_is_complete_and_is_not_repeated(tmp_path: Path) -> None:
    hub = Hub()
    folder = download_weights(tmp_path, PIN, hub.fetch)
    assert download_weights(tmp_path, PIN, hub.fetch) == folder == require_weights(tmp_path, PIN)
    assert PIN.revision in folder.parts
    assert hub.fetched == 1


def test_another_commit_has_a_folder_of_its_own(tmp_path: Path) -> None:
    download_weights(tmp_path, PIN, Hub().fetch)
    with pytest.raises(WeightsMissingError, match="no complete weights"):
        require_weights(tmp_path, dataclasses.replace(PIN, revision="a" * 40))


def test_a_download_that_broke_off_counts_for_nothing_and_is_resumed(tmp_path: Path) -> None:
    def breaks(_: ModelPin, folder: Path) -> None:
        (folder / "config.json").write_text("{}", encoding="utf-8")
        raise OSError("connection reset")

    with pytest.raises(OSError, match="reset"):
        download_weights(tmp_path, PIN, breaks)
    with pytest.raises(WeightsMissingError):
        require_weights(tmp_path, PIN)
    hub = Hub()
    download_weights(tmp_path, PIN, hub.fetch)
    assert hub.fetched == 1
    require_weights(tmp_path, PIN)


def test_a_file_cut_short_is_noticed(tmp_path: Path) -> None:
    download_weights(tmp_path, PIN, Hub().fetch)
    (weights_folder(tmp_path, PIN) / "model.safetensors").write_text("x", encoding="utf-8")
    with pytest.raises(WeightsMissingError, match=r"model\.safetensors"):
        require_weights(tmp_path, PIN)


def test_a_folder_that_says_it_holds_another_commit_is_refused(tmp_path: Path) -> None:
    other = dataclasses.replace(PIN, revision="a" * 40)
    download_weights(tmp_path, other, Hub().fetch)
    weights_folder(tmp_path, other).rename(weights_folder(tmp_path, PIN))
    with pytest.raises(WeightsMissingError, match="holds aaaa"):
        require_weights(tmp_path, PIN)


def test_a_repository_without_safetensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match="no safetensors"):
        download_weights(tmp_path, PIN, Hub("config.json", "pytorch_model.bin").fetch)
