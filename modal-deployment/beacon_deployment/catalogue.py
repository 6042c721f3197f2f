"""The models that are served, each pinned to one commit of its repository."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_COMMIT = re.compile(r"[0-9a-f]{40}")


class UnpinnedRevisionError(ValueError):
    """A revision that can move (a branch, a tag, a short hash) says nothing about what answered."""


@dataclass(frozen=True, slots=True)
class ModelPin:
    """A model as it is named in requests, and where exactly its weights come from."""

    model: str
    class_name: str
    """Of its GPU class in `modal_app/region_app.py`, by which others find it on Modal."""
    repository: str
    revision: str
    gpu: str
    memory_mib: int
    """Main memory: the weights are there for a while, and in the memory snapshot."""
    startup_timeout_s: int

    def __post_init__(self) -> None:
        require_commit(self.revision)


def require_commit(revision: str) -> str:
    """Returns `revision` if it is a full commit hash; raises `UnpinnedRevisionError` if not."""
    if _COMMIT.fullmatch(revision) is None:
        msg = f"revision {revision!r} is not a 40-digit commit hash"
        raise UnpinnedRevisionError(msg)
    return revision


# The hashes are those that independent public projects record for these repositories. Ask the hub itself with
# `python pin_revisions.py` before the first deployment; it prints what it would change.
_PINS = (
    ModelPin(
        model="llama3.2-1b",
        class_name="Llama",
        repository="meta-llama/Llama-3.2-1B-Instruct",
        revision="9213176726f574b556790deb65791e0c5aa438b6",
        gpu="T4",
        memory_mib=8_192,
        startup_timeout_s=600,
    ),
    ModelPin(
        model="qwen2.5-1.5b",
        class_name="Qwen",
        repository="Qwen/Qwen2.5-1.5B-Instruct",
        revision="989aa7980e4cf806f80c7fef2b1adb7bc71aa306",
        gpu="T4",
        memory_mib=8_192,
        startup_timeout_s=600,
    ),
    # 7B in half precision takes 14.5 GB; a T4 shows 14.6 GiB, which leaves nothing for the work itself.
    ModelPin(
        model="mistral-7b",
        class_name="Mistral",
        repository="mistralai/Mistral-7B-Instruct-v0.3",
        revision="e0bc86c23ce5aae1db576c8cca6f06f1f73af2db",
        gpu="L4",
        memory_mib=24_576,
        startup_timeout_s=900,
    ),
)

CATALOGUE: Mapping[str, ModelPin] = MappingProxyType({pin.model: pin for pin in _PINS})
