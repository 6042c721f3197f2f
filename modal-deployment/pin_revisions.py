"""Asks the Hugging Face hub about every pin: `python pin_revisions.py`. Changes nothing.

For each model it says whether the pinned commit exists, and which commit `main` is today. To move a pin, put
the new hash into beacon_deployment/catalogue.py, download the weights, and deploy. Set HF_TOKEN for gated
repositories. Exit code 0: every pinned commit exists. 1: one does not. 2: the hub did not answer.
"""

import os
import sys
from collections.abc import Callable

import httpx

from beacon_deployment.catalogue import CATALOGUE, ModelPin

HUB = "https://huggingface.co"
OK, MISSING, UNREACHABLE = 0, 1, 2

Ask = Callable[[str], httpx.Response]


def check(pins: list[ModelPin], ask: Ask, write: Callable[[str], object]) -> int:
    """Returns the exit code."""
    code = OK
    for pin in pins:
        url = f"{HUB}/api/models/{pin.repository}/revision"
        try:
            pinned = ask(f"{url}/{pin.revision}")
            newest = ask(f"{url}/main")
        except httpx.HTTPError as error:
            write(f"{pin.model}: the hub did not answer: {type(error).__name__}\n")
            return UNREACHABLE
        if pinned.status_code == httpx.codes.OK and pinned.json().get("sha") == pin.revision:
            write(f"{pin.model}: {pin.revision} exists\n")
        else:
            write(f"{pin.model}: {pin.revision} not found in {pin.repository} ({pinned.status_code})\n")
            code = MISSING
        main_revision = newest.json().get("sha") if newest.status_code == httpx.codes.OK else None
        if main_revision not in {None, pin.revision}:
            write(f"{pin.model}: main is now {main_revision}\n")
    return code


def main() -> int:
    """Asks the real hub."""
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(headers=headers, timeout=30) as client:
        return check(list(CATALOGUE.values()), client.get, sys.stdout.write)


if __name__ == "__main__":
    sys.exit(main())
