"""Keeps containers warm: `python warm.py --region EU --model mistral-7b --containers 1`. 0 ends it.

An administrator's tool: it uses your Modal token (`modal token new`), which no request path ever needs. Warm
containers bill as long as they are warm. The next `modal deploy` of the region resets this to what the app
says, so run it again afterwards.
"""

import argparse
import sys

import modal
import modal.exception

from beacon_deployment.catalogue import CATALOGUE
from beacon_deployment.plan import REGIONS


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(
        description="Sets how many containers stay warm until the next deployment."
    )
    parser.add_argument("--region", choices=list(REGIONS), required=True)
    parser.add_argument("--model", choices=list(CATALOGUE), help="default: every model of the region")
    parser.add_argument("--containers", type=int, choices=(0, 1), required=True)
    given = parser.parse_args(arguments)
    plan = REGIONS[given.region]
    models = [given.model] if given.model else list(plan.models)
    for model in models:
        if model not in plan.models:
            parser.error(f"{model} is not deployed in {plan.region}")
        try:
            container = modal.Cls.from_name(plan.app_name, CATALOGUE[model].class_name)()
            container.update_autoscaler(min_containers=given.containers)
        except modal.exception.Error as error:
            sys.stderr.write(f"{plan.app_name} {model}: {error}\n")
            return 1
        sys.stdout.write(f"{plan.app_name} {model}: {given.containers} kept warm until the next deployment\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
