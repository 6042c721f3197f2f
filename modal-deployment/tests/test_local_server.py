"""The local server as others use it: a process, a ready line, HTTP, SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support import DEADLINE_S, LLAMA

ROOT = Path(__file__).resolve().parents[1]
QUESTION = {"model": LLAMA, "prompt": "What is 2+2?", "temperature": 0, "max_tokens": 64}
TOKEN = {"LOCAL_PROXY_KEY": "wk-1", "LOCAL_PROXY_SECRET": "ws-1"}
ENDLESS = QUESTION | {"prompt": "please-wait"}
CREDENTIALS = {"Modal-Key": "wk-1", "Modal-Secret": "ws-1"}


@dataclass
class Server:
    process: "subprocess.Popen[str]"
    http: httpx.Client


@contextmanager
def a_server(*arguments: str, **environment: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "beacon_deployment.local", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "ready"
        with httpx.Client(base_url=ready["url"], timeout=DEADLINE_S, trust_env=False) as http:
            yield Server(process, http)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with a_server("--region", "EU", "--gpu", "L4") as running:
        yield running


def test_answers_recognisably_and_repeats_itself(server: Server) -> None:
    first, second = (server.http.post(f"/{LLAMA}", json=QUESTION).json() for _ in range(2))
    assert first["response"] == second["response"]
    assert first["response"].endswith("[fake answer]")
    assert (first["region"], first["gpu"], first["model_revision"]) == ("EU", "L4", f"fake-{LLAMA}")


def test_generates_no_more_than_asked_for(server: Server) -> None:
    answer = server.http.post(f"/{LLAMA}", json=QUESTION | {"max_tokens": 2}).json()
    assert (answer["tokens_generated"], len(answer["response"].split())) == (2, 2)


def test_serves_the_models_of_its_region(server: Server) -> None:
    assert server.http.get("/health").json()["models_available"] == [
        "llama3.2-1b",
        "mistral-7b",
        "qwen2.5-1.5b",
    ]


def test_fails_on_request(server: Server) -> None:
    answer = server.http.post(f"/{LLAMA}", json=QUESTION | {"prompt": "please-fail"}).json()
    assert (answer["status"], answer["error_type"]) == ("error", "model_error")


def test_runs_jobs(server: Server) -> None:
    started = server.http.post("/jobs", json=QUESTION, headers={"Idempotency-Key": "job-1:1"})
    call_id = started.json()["call_id"]
    done = _polled(lambda: server.http.get(f"/jobs/{call_id}"), lambda answer: answer.status_code == 200)
    assert done.json()["status"] == "success"


def test_a_job_is_cancelled_long_before_it_would_end(server: Server) -> None:
    call_id = server.http.post("/jobs", json=ENDLESS).json()["call_id"]
    assert server.http.get(f"/jobs/{call_id}").status_code == 202
    assert server.http.delete(f"/jobs/{call_id}").json()["status"] == "cancelled"
    assert server.http.get(f"/jobs/{call_id}").json()["error_type"] == "cancelled"
    assert server.http.post(f"/{LLAMA}", json=QUESTION).json()["status"] == "success"


def test_a_caller_that_hangs_up_frees_the_container(server: Server) -> None:
    with pytest.raises(httpx.ReadTimeout):
        server.http.post(f"/{LLAMA}", json=ENDLESS, timeout=httpx.Timeout(DEADLINE_S, read=0.5))
    # There is one container for the model, so this is answered only because the other was stopped.
    assert server.http.post(f"/{LLAMA}", json=QUESTION).json()["status"] == "success"


def test_an_execution_that_takes_too_long_is_stopped() -> None:
    with a_server("--timeout-s", "3", "--load-s", "0.2") as server:
        answer = server.http.post(f"/{LLAMA}", json=ENDLESS).json()
        again = server.http.post(f"/{LLAMA}", json=QUESTION).json()
    assert (answer["status"], answer["error_type"]) == ("error", "timed_out")
    assert (again["status"], again["cold_start"]) == ("success", False)


def test_without_credentials_anybody_may_ask(server: Server) -> None:
    assert server.http.get("/health").status_code == 200


@pytest.fixture(scope="module")
def guarded_server() -> Iterator[Server]:
    with a_server(**TOKEN) as running:
        yield running


@pytest.mark.parametrize("path", ["/health", f"/{LLAMA}", "/jobs", "/jobs/fc-1", "/nowhere"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_guards_every_path_as_modal_does(guarded_server: Server, method: str, path: str) -> None:
    http = guarded_server.http
    missing = http.request(method, path)
    half = http.request(method, path, headers={"Modal-Key": "wk-1"})
    wrong = http.request(method, path, headers=CREDENTIALS | {"Modal-Secret": "as-1"})
    assert [missing.status_code, half.status_code, wrong.status_code] == [401, 401, 401]
    assert missing.text == half.text == "modal-http: missing credentials for proxy authorization"
    assert wrong.text == "modal-http: invalid credentials for proxy authorization"
    assert missing.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("headers", [CREDENTIALS, {"Authorization": "Bearer wk-1.ws-1"}])
def test_lets_a_proxy_token_through(guarded_server: Server, headers: dict[str, str]) -> None:
    assert guarded_server.http.get("/health", headers=headers).status_code == 200


def test_ends_at_once_on_sigterm_even_while_it_works() -> None:
    with a_server() as server:
        server.http.post("/jobs", json=ENDLESS)
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=DEADLINE_S)
        assert server.process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--region", "MARS"], {}),
        (["--load-s", "-1"], {}),
        (["--max-containers", "0"], {}),
        ([], {"LOCAL_PROXY_KEY": "wk-1"}),
        ([], {"CALLBACK_URL": "http://beacon.example/", "CALLBACK_SECRET": "hush-hush-hush-h"}),
        ([], {"CALLBACK_URL": "https://beacon.example/", "CALLBACK_SECRET": "hush"}),
    ],
)
def test_refuses_wrong_settings(
    arguments: list[str], environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    from beacon_deployment.local.settings import parse_settings

    with pytest.raises(SystemExit) as ended:
        parse_settings(arguments, environment)
    assert ended.value.code == 2
    assert "hush" not in capsys.readouterr().err


def _polled(ask: Callable[[], httpx.Response], enough: Callable[[httpx.Response], bool]) -> httpx.Response:
    deadline_s = time.monotonic() + DEADLINE_S
    while not enough(answer := ask()):
        assert time.monotonic() < deadline_s, answer.text
        time.sleep(0.005)
    return answer
