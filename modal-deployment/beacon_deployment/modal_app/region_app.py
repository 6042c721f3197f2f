"""One region's app: a GPU class for each model, and gateways on CPUs in front of them.

Deploy it by `us.py`, `eu.py` or `asia.py`. Functions and classes stand at module level because a container
imports this module and looks for them by name.
"""

import logging
import os
from collections.abc import Collection
from typing import Any, Literal

import modal
from fastapi import FastAPI

from beacon_deployment.callback import CallbackSender, callback_target
from beacon_deployment.catalogue import CATALOGUE
from beacon_deployment.gateway import build_app
from beacon_deployment.modal_app.images import gateway_image, gpu_image
from beacon_deployment.modal_app.modal_autoscaler import ModalAutoscaler, ScaledClass
from beacon_deployment.modal_app.modal_calls import GpuClass, ModalCalls
from beacon_deployment.modal_app.modal_records import ModalRecords
from beacon_deployment.modal_app.model_container import ModelContainer
from beacon_deployment.modal_app.settings import deploy_settings
from beacon_deployment.modal_app.volume import MOUNT, weights_volume
from beacon_deployment.places import place_from_environment
from beacon_deployment.plan import (
    GATEWAY_TIMEOUT_S,
    GPU_TIMEOUT_S,
    SCALEDOWN_WINDOW_S,
    Layout,
    model_label,
    region_label,
)
from beacon_deployment.ports import JobEnded

CALLBACK_TIMEOUT_S = 120
CALLBACK_SECRET_NAME = "beacon-callback"  # noqa: S105 - the name of a Modal secret

SETTINGS = deploy_settings(os.environ)
PLAN = SETTINGS.plan

app = modal.App(PLAN.app_name, tags={"project": "beacon", "region": PLAN.region})
_gateway_image = gateway_image(SETTINGS.baked())
_gpu_image = gpu_image(SETTINGS.baked())
_job_records = modal.Dict.from_name(f"beacon-jobs-{PLAN.slug}", create_if_missing=True)


def _gpu_options(model: str) -> dict[str, Any]:
    pin = CATALOGUE[model]
    return {
        "image": _gpu_image,
        "gpu": pin.gpu,
        "memory": pin.memory_mib,
        "region": PLAN.modal_region,
        # No routing_region: jobs are spawned, and only us-east, the default, takes spawned inputs.
        "volumes": {str(MOUNT): weights_volume().with_mount_options(read_only=True)},
        "timeout": GPU_TIMEOUT_S,
        "startup_timeout": pin.startup_timeout_s,
        "scaledown_window": SCALEDOWN_WINDOW_S,
        "max_containers": PLAN.max_containers_per_model,
        "enable_memory_snapshot": True,
    }


def _gateway_options() -> dict[str, Any]:
    return {
        "image": _gateway_image,
        "region": PLAN.modal_region,
        "routing_region": PLAN.routing_region,
        "timeout": GATEWAY_TIMEOUT_S,
        "scaledown_window": SCALEDOWN_WINDOW_S,
        "cpu": 0.25,
        "memory": 512,
    }


if SETTINGS.callback:

    @app.function(
        image=_gateway_image,
        region=PLAN.modal_region,
        secrets=[modal.Secret.from_name(CALLBACK_SECRET_NAME)],
        timeout=CALLBACK_TIMEOUT_S,
    )
    @modal.concurrent(max_inputs=100)
    async def send_callback(
        call_id: str, key: str, status: Literal["completed", "failed", "cancelled"]
    ) -> bool:
        """Waits until the result can be read, then tells the router to read it."""
        if status != "cancelled":
            try:
                await modal.FunctionCall.from_id(call_id).get.aio(timeout=30)
            except Exception as error:  # noqa: BLE001 - how the call ended is the router's to ask
                logging.getLogger(__name__).info("call %s ended with %s", call_id, type(error).__name__)
        target = callback_target(os.environ)
        return target is not None and await CallbackSender(target)(JobEnded(call_id, key, status))


class _Container(ModelContainer):
    """A model container of this app."""

    def job_ended(self, key: str, status: Literal["completed", "failed"]) -> None:
        call_id = modal.current_function_call_id()
        if SETTINGS.callback and call_id is not None:
            send_callback.spawn(call_id, key, status)


@app.cls(**_gpu_options("llama3.2-1b"))
class Llama(_Container):
    """meta-llama/Llama-3.2-1B-Instruct."""

    MODEL = "llama3.2-1b"


@app.cls(**_gpu_options("qwen2.5-1.5b"))
class Qwen(_Container):
    """Qwen/Qwen2.5-1.5B-Instruct."""

    MODEL = "qwen2.5-1.5b"


_classes: dict[str, Any] = {Llama.MODEL: Llama, Qwen.MODEL: Qwen}

if "mistral-7b" in PLAN.models:

    @app.cls(**_gpu_options("mistral-7b"))
    class Mistral(_Container):
        """mistralai/Mistral-7B-Instruct-v0.3."""

        MODEL = "mistral-7b"

    _classes[Mistral.MODEL] = Mistral


def _gpu_class(model: str) -> GpuClass:
    container = _classes[model]()
    return GpuClass(remote=container.generate.remote.aio, spawn=container.run_job.spawn.aio)


def _scaled_class(model: str) -> ScaledClass:
    container = _classes[model]()
    return ScaledClass(update=container.update_autoscaler.aio, stats=container.generate.get_current_stats.aio)


async def _notify(job: JobEnded) -> None:
    await send_callback.spawn.aio(job.call_id, job.key, job.status)


def _gateway(models: Collection[str]) -> FastAPI:
    logging.basicConfig(level=logging.INFO)
    records = ModalRecords(_job_records)
    return build_app(
        models=models,
        calls=ModalCalls({model: _gpu_class(model) for model in models}),
        records=records,
        autoscaler=ModalAutoscaler(
            {model: _scaled_class(model) for model in models},
            records,
            deployed_window_s=SCALEDOWN_WINDOW_S,
        ),
        place=lambda: place_from_environment(os.environ),
        notify=_notify if SETTINGS.callback else None,
    )


if SETTINGS.layout is Layout.REGION:

    @app.function(**_gateway_options())
    @modal.concurrent(max_inputs=100)
    @modal.asgi_app(label=region_label(PLAN), requires_proxy_auth=True)
    def gateway() -> FastAPI:
        return _gateway(PLAN.models)

else:

    @app.function(**_gateway_options())
    @modal.concurrent(max_inputs=100)
    @modal.asgi_app(label=model_label(PLAN, Llama.MODEL), requires_proxy_auth=True)
    def llama_gateway() -> FastAPI:
        return _gateway([Llama.MODEL])

    @app.function(**_gateway_options())
    @modal.concurrent(max_inputs=100)
    @modal.asgi_app(label=model_label(PLAN, Qwen.MODEL), requires_proxy_auth=True)
    def qwen_gateway() -> FastAPI:
        return _gateway([Qwen.MODEL])

    if "mistral-7b" in PLAN.models:

        @app.function(**_gateway_options())
        @modal.concurrent(max_inputs=100)
        @modal.asgi_app(label=model_label(PLAN, "mistral-7b"), requires_proxy_auth=True)
        def mistral_gateway() -> FastAPI:
            return _gateway(["mistral-7b"])
