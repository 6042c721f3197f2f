"""`python -m beacon_deployment.local`: the gateway under uvicorn."""

import json
import logging
import os
import signal
import sys
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from beacon_deployment.callback import CallbackSender
from beacon_deployment.catalogue import CATALOGUE
from beacon_deployment.engines.fake import FakeEngine
from beacon_deployment.engines.transformers_engine import Dtype, TransformersEngine
from beacon_deployment.gateway import build_app
from beacon_deployment.local.calls import EngineFactory, LocalCalls
from beacon_deployment.local.memory_records import MemoryRecords
from beacon_deployment.local.proxy_auth import ProxyAuth
from beacon_deployment.local.settings import LocalSettings, parse_settings
from beacon_deployment.places import Place
from beacon_deployment.worker import Engine


class _Server(uvicorn.Server):
    """Says when it accepts, and cuts short what still runs when it ends."""

    def __init__(self, config: uvicorn.Config, stopping: threading.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            sys.stdout.write(json.dumps({"event": "ready", "url": url}) + "\n")
            sys.stdout.flush()

    async def shutdown(self, sockets: Any = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)


def build_local_app(settings: LocalSettings, stopping: threading.Event) -> FastAPI:
    """The application without proxy authentication. Call it where its event loop runs."""
    notify = None if settings.callback is None else CallbackSender(settings.callback)
    calls = LocalCalls(
        {model: _engine_factory(model, settings, stopping) for model in settings.models},
        # Every container has an id of its own.
        place=lambda: _place(settings),
        limits=settings.limits,
        notify=notify,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await calls.close()

    return build_app(
        models=settings.models,
        calls=calls,
        records=MemoryRecords(),
        autoscaler=calls,
        place=lambda: _place(settings),
        notify=notify,
        lifespan=lifespan,
    )


def _place(settings: LocalSettings) -> Place:
    return Place(
        region=settings.region, cloud_region="local", container_id=f"ta-local-{uuid.uuid4().hex[:12]}"
    )


def _engine_factory(model: str, settings: LocalSettings, stopping: threading.Event) -> EngineFactory:
    def fake() -> Engine:
        return FakeEngine(model, timing=settings.timing, stopping=stopping, gpu=settings.gpu)

    def transformers() -> Engine:
        dtype: Dtype = "float16" if settings.device.startswith("cuda") else "float32"
        return TransformersEngine(
            CATALOGUE[model], settings.weights_root, dtype=dtype, device=settings.device
        )

    return fake if settings.engine == "fake" else transformers


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    settings = parse_settings(sys.argv[1:], os.environ)
    # uvicorn ends in order on SIGTERM, and then raises it again for whoever handled it before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    stopping = threading.Event()
    app: Any = build_local_app(settings, stopping)
    if settings.token is not None:
        app = ProxyAuth(app, settings.token)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    _Server(config, stopping).run()


if __name__ == "__main__":
    main()
