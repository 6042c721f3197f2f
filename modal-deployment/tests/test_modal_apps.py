"""Every app, imported with the real SDK and without an account."""

import functools
import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from beacon_deployment.modal_app.settings import DeploySettingsError, deploy_settings
from beacon_deployment.plan import GPU_LIMIT, REGIONS, WEB_ENDPOINT_LIMIT, Layout, web_endpoints

ROOT = Path(__file__).resolve().parents[1]
APPS = {"US": "us", "EU": "eu", "ASIA": "asia"}
ROUTING_REGIONS = {"us-east", "us-west", "eu-west", "ap-south"}


def clean_environment(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODAL_", "DEPLOY_"))}
    # Neither a token nor a profile may be what makes this work.
    return {**kept, "MODAL_CONFIG_PATH": "/nonexistent/modal.toml", **settings}


def facts(module: str, layout: Layout = Layout.REGION, *, callback: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = _all_facts()[_specification(module, layout, callback=callback)]
    return found


def _specification(module: str, layout: Layout = Layout.REGION, *, callback: bool = False) -> str:
    return f"{module}:{layout}:{int(callback)}"


@functools.cache
def _all_facts() -> dict[str, Any]:
    specifications = [_specification(app, layout) for app in APPS.values() for layout in Layout]
    specifications += [_specification("eu", callback=True), _specification("download_weights")]
    result = subprocess.run(
        [sys.executable, "-m", "tests.modal_app_facts", *specifications],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.parametrize(("layout", "count"), [(Layout.REGION, 3), (Layout.MODEL, 8)])
def test_deploys_no_more_web_endpoints_than_modal_allows(layout: Layout, count: int) -> None:
    registered = [name for app in APPS.values() for name in facts(app, layout)["registered_web_endpoints"]]
    assert len(registered) == count <= WEB_ENDPOINT_LIMIT


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("region", APPS)
def test_the_web_endpoints_are_those_of_the_plan_and_ask_for_a_proxy_token(
    region: str, layout: Layout
) -> None:
    app = facts(APPS[region], layout)
    assert app["app"] == f"beacon-{region.lower()}"
    assert [options["label"] for options in app["web"].values()] == [
        endpoint.label for endpoint in web_endpoints(REGIONS[region], layout)
    ]
    assert all(options["requires_proxy_auth"] is True for options in app["web"].values())


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("region", APPS)
def test_gateways_hold_no_gpu_and_gpu_classes_are_no_web_endpoints(region: str, layout: Layout) -> None:
    app = facts(APPS[region], layout)
    assert set(app["registered_web_endpoints"]) == set(app["web"])
    assert not [name for name in app["registered_web_endpoints"] if name.split(".")[0] in app["classes"]]
    for name in app["web"]:
        assert "gpu" not in app["functions"][name]
        assert app["functions"][name]["region"] == REGIONS[region].modal_region
        assert app["functions"][name]["routing_region"] in ROUTING_REGIONS


@pytest.mark.parametrize("region", APPS)
def test_every_model_has_a_class_with_its_gpu_pinned_to_the_region(region: str) -> None:
    app = facts(APPS[region])
    assert app["registered_classes"] == sorted(pin.class_name for pin in REGIONS[region].pins)
    for pin in REGIONS[region].pins:
        options = app["classes"][pin.class_name]
        assert options["gpu"] == pin.gpu
        assert options["region"] == REGIONS[region].modal_region
        assert options["enable_memory_snapshot"] is True
        assert options["timeout"] == 600
        assert options["startup_timeout"] == pin.startup_timeout_s
        assert options["scaledown_window"] == 300
        assert list(options["volumes"]) == ["/weights"]
        # A class that is routed past us-east cannot be spawned, and GPU containers need no secrets.
        assert "routing_region" not in options
        assert "secrets" not in options


def test_all_classes_together_stay_within_the_gpu_limit() -> None:
    options = [app_class for app in APPS.values() for app_class in facts(app)["classes"].values()]
    assert len(options) == 8
    assert sum(app_class["max_containers"] for app_class in options) <= GPU_LIMIT


def test_callbacks_take_a_function_and_a_secret_only_when_asked_for() -> None:
    assert "send_callback" not in facts("eu")["functions"]
    with_callback = facts("eu", callback=True)
    assert "beacon-callback" in with_callback["functions"]["send_callback"]["secrets"][0]
    assert with_callback["registered_web_endpoints"] == ["gateway"]


def test_only_the_download_gets_the_hugging_face_token() -> None:
    app = facts("download_weights")
    assert app["registered_web_endpoints"] == []
    assert "gpu" not in app["functions"]["download"]
    assert "huggingface" in app["functions"]["download"]["secrets"][0]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "DEPLOY_REGION"),
        ({"DEPLOY_REGION": "MARS"}, "DEPLOY_REGION"),
        ({"DEPLOY_REGION": "EU", "DEPLOY_LAYOUT": "both"}, "DEPLOY_LAYOUT"),
        ({"DEPLOY_REGION": "EU", "DEPLOY_CALLBACK": "yes"}, "DEPLOY_CALLBACK"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, str], named: str) -> None:
    with pytest.raises(DeploySettingsError, match=f"^{named} must be"):
        deploy_settings(settings)


def test_one_web_endpoint_for_each_region_is_the_default() -> None:
    settings = deploy_settings({"DEPLOY_REGION": "EU", "DEPLOY_LAYOUT": ""})
    assert (settings.layout, settings.callback) == (Layout.REGION, False)


def test_an_app_without_a_region_does_not_import() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "import beacon_deployment.modal_app.region_app"],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "DeploySettingsError: DEPLOY_REGION" in result.stderr


def test_a_container_can_import_what_it_gets(tmp_path: Path) -> None:
    """Containers hold the package, the baked settings, and neither requirements nor torch's import."""
    shutil.copytree(ROOT / "beacon_deployment", tmp_path / "beacon_deployment")
    check = (
        "import sys; from beacon_deployment.modal_app import region_app as r; "
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules; "
        "app = r._gateway(r.PLAN.models); print(sorted({route.path for route in app.routes}))"
    )
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", check],
        cwd=tmp_path,
        env=clean_environment(DEPLOY_REGION="ASIA", DEPLOY_LAYOUT="model"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "/{model}" in result.stdout


def test_the_settings_of_a_deployment_are_those_of_its_containers() -> None:
    settings = deploy_settings({"DEPLOY_REGION": "EU", "DEPLOY_LAYOUT": "model", "DEPLOY_CALLBACK": "1"})
    baked = {name: value for name, value in settings.baked().items() if value is not None}
    assert deploy_settings(baked) == settings


CALLBACK_SCRIPT = """
import asyncio, modal
from beacon_deployment.modal_app import region_app as r

class Get:
    async def aio(self, timeout):
        print("waited for the result")

class Call:
    get = Get()

modal.FunctionCall.from_id = lambda call_id: Call()
modal.current_function_call_id = lambda: "fc-1"
print("taken", asyncio.run(r.send_callback.local("fc-1", "job-1:1", "completed")))

class Spawn:
    def __call__(self, *ended): print("container", *ended)
    async def aio(self, *ended): print("gateway", *ended)

class Spawned:
    spawn = Spawn()

r.send_callback = Spawned()
r._Container.job_ended(None, "job-1:1", "failed")
asyncio.run(r._notify(r.JobEnded("fc-2", "job-2:1", "cancelled")))
"""


def test_containers_let_a_cpu_function_tell_the_router_once_the_result_can_be_read() -> None:
    with HTTPServer(("127.0.0.1", 0), Webhook) as router:
        received: list[tuple[str | None, Any]] = []
        router.RequestHandlerClass.received = received  # type: ignore[attr-defined]
        threading.Thread(target=router.serve_forever, daemon=True).start()
        result = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", CALLBACK_SCRIPT],
            cwd=ROOT,
            env=clean_environment(
                DEPLOY_REGION="EU",
                DEPLOY_CALLBACK="1",
                CALLBACK_URL=f"http://127.0.0.1:{router.server_port}/api/webhooks/modal/task-complete",
                CALLBACK_SECRET="hush-hush-hush-h",
            ),
            capture_output=True,
            text=True,
            check=False,
        )
        router.shutdown()
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "waited for the result",
        "taken True",
        "container fc-1 job-1:1 failed",
        "gateway fc-2 job-2:1 cancelled",
    ]
    assert received == [("hush-hush-hush-h", {"call_id": "fc-1", "key": "job-1:1", "status": "completed"})]


class Webhook(BaseHTTPRequestHandler):
    received: ClassVar[list[tuple[str | None, Any]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.headers["X-Webhook-Secret"], json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""
