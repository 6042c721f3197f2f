"""Where the weights are."""

from pathlib import PurePosixPath

import modal

MOUNT = PurePosixPath("/weights")
NAME = "beacon-weights"


def weights_volume() -> modal.Volume:
    return modal.Volume.from_name(NAME, create_if_missing=True)
