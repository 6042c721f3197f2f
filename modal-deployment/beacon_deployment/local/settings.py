"""The command line and environment of the local server."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, cast

from beacon_deployment.callback import CallbackTarget, callback_target
from beacon_deployment.engines.fake import FakeTiming
from beacon_deployment.local.calls import LocalLimits
from beacon_deployment.local.proxy_auth import ProxyToken
from beacon_deployment.plan import REGIONS

PROXY_KEY = "LOCAL_PROXY_KEY"
PROXY_SECRET = "LOCAL_PROXY_SECRET"  # noqa: S105 - a name, not a secret


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Everything the local server needs to know."""

    host: str
    port: int
    region: str
    models: tuple[str, ...]
    engine: Literal["fake", "transformers"]
    gpu: str
    timing: FakeTiming
    limits: LocalLimits
    weights_root: Path
    device: str
    token: ProxyToken | None
    callback: CallbackTarget | None


def parse_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> LocalSettings:
    """Ends the program with a message when something is wrong. Secrets come from the environment only."""
    parser = _parser()
    given = parser.parse_args(arguments)
    plan = REGIONS.get(given.region)
    models = tuple(given.models.split(",")) if given.models else (plan.models if plan else ())
    if not models:
        parser.error(f"--models is required for region {given.region}")
    key, secret = environment.get(PROXY_KEY, ""), environment.get(PROXY_SECRET, "")
    if bool(key) != bool(secret):
        parser.error(f"set {PROXY_KEY} and {PROXY_SECRET} together")
    try:
        callback = callback_target(environment)
    except ValueError as error:
        _refuse(parser, error)
    return LocalSettings(
        host=given.host,
        port=given.port,
        region=given.region,
        models=models,
        engine=cast("Literal['fake', 'transformers']", given.engine),
        gpu=given.gpu,
        timing=FakeTiming(load_s=given.load_s, execution_s=given.execution_s),
        limits=LocalLimits(
            max_containers=given.max_containers,
            scaledown_window_s=given.scaledown_window_s,
            timeout_s=given.timeout_s,
            result_ttl_s=given.result_ttl_s,
        ),
        weights_root=given.weights,
        device=given.device,
        token=ProxyToken(key, secret) if key else None,
        callback=callback,
    )


def _refuse(parser: argparse.ArgumentParser, error: ValueError) -> NoReturn:
    parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m beacon_deployment.local",
        description="Serves the model gateway on this machine, with containers that are threads.",
        epilog=f"Environment: {PROXY_KEY} and {PROXY_SECRET} turn on proxy authentication as Modal does it; "
        "CALLBACK_URL and CALLBACK_SECRET turn on completion callbacks.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--region", default="US", help="what answers attest")
    parser.add_argument("--models", default="", help="comma-separated; default: those of the region")
    parser.add_argument("--engine", choices=("fake", "transformers"), default="fake")
    parser.add_argument("--gpu", default="simulated", help="what the fake engine attests")
    parser.add_argument("--load-s", type=_seconds, default=0.0, help="fake engine: time to load a model")
    parser.add_argument("--execution-s", type=_seconds, default=0.0, help="fake engine: time of an answer")
    parser.add_argument("--max-containers", type=_count, default=1, help="for each model")
    parser.add_argument("--scaledown-window-s", type=_seconds, default=300.0)
    parser.add_argument("--timeout-s", type=_seconds, default=600.0, help="longest execution of a call")
    parser.add_argument("--result-ttl-s", type=_seconds, default=7 * 24 * 3600.0)
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="transformers: weights folder")
    parser.add_argument("--device", default="cpu", help="transformers: cpu or cuda")
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(text)
    return value
