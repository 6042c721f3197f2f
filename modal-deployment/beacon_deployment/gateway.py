"""The HTTP application in front of the GPU containers. It knows neither Modal nor any model library."""

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from beacon_deployment import __version__
from beacon_deployment.body_limit import BodyLimit
from beacon_deployment.disconnect import ClientDisconnectedError, until_disconnect
from beacon_deployment.jobs import ExpiredCallError, Jobs, UnknownCallError
from beacon_deployment.places import Place
from beacon_deployment.ports import (
    Answered,
    Autoscaler,
    CallFailedError,
    Calls,
    CallsUnavailableError,
    ErrorType,
    Expired,
    Failed,
    Notify,
    Pending,
    Records,
    Unknown,
)
from beacon_deployment.protocol import (
    MAX_BODY_BYTES,
    CallBody,
    Document,
    JobBody,
    ReleaseBody,
    WindowBody,
    error_document,
)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

UNKNOWN_CALL = "no such call"
CLIENT_CLOSED_REQUEST = 499
"""Nginx's number for a caller that hung up; nobody receives it."""

IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=512)]


def build_app(
    *,
    models: Collection[str],
    calls: Calls,
    records: Records,
    autoscaler: Autoscaler,
    place: Callable[[], Place],
    notify: Notify | None = None,
    lifespan: Lifespan | None = None,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> FastAPI:
    """Serves `POST /{model}`, `POST /jobs`, `GET|DELETE /jobs/{call_id}`, `GET /health`,
    `PUT /autoscaler/{model}` and `POST /autoscaler/{model}/release`.

    Args:
        models: those served here. A path of any other answers 404, as any wrong URL does; a body that asks
            for any other answers 200 with `status: error`, as the protocol has it.
        calls: where the work is done.
        autoscaler: decides how long idle containers stay.
        records: what the gateways of a region know about jobs.
        place: where this gateway runs; asked for every `/health`.
        notify: told about cancelled jobs. Whoever does the work tells about jobs that end by themselves.
        lifespan: started and ended with the application.
        max_body_bytes: longer bodies are refused with 413.
    """
    app = FastAPI(
        title="Beacon model gateway",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes)
    served = frozenset(models)
    jobs = Jobs(calls, records, notify=notify)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        # FastAPI's own answer repeats the input, which would put prompts into logs along the way.
        detail = [{name: issue[name] for name in ("loc", "msg", "type")} for issue in error.errors()]
        return JSONResponse({"detail": detail}, status_code=422)

    @app.exception_handler(CallsUnavailableError)
    async def unavailable(_: Request, error: CallsUnavailableError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=503)

    @app.get("/health")
    async def health() -> Document:
        here = place()
        return {
            "status": "healthy",
            "models_available": sorted(served),
            "region": here.region,
            "cloud_region": here.cloud_region,
            "version": __version__,
        }

    @app.post("/jobs", status_code=202)
    async def start_job(body: JobBody, idempotency_key: IdempotencyKey = None) -> Response:
        if body.model not in served:
            return JSONResponse(_not_served(body.model))
        call_id = await jobs.submit(body.request_for(body.model), idempotency_key)
        return _pending(call_id)

    @app.get("/jobs/{call_id}")
    async def job(call_id: str) -> Response:
        match await jobs.state(call_id):
            case Pending():
                return _pending(call_id)
            case Answered(document):
                return JSONResponse(document)
            case Failed(error_type, message):
                return JSONResponse(error_document(message, error_type))
            case Expired():
                return _expired()
            case Unknown():
                raise HTTPException(404, UNKNOWN_CALL)

    @app.delete("/jobs/{call_id}")
    async def cancel_job(call_id: str) -> Response:
        try:
            outcome = await jobs.cancel(call_id)
        except UnknownCallError:
            raise HTTPException(404, UNKNOWN_CALL) from None
        except ExpiredCallError:
            return _expired()
        return JSONResponse({"status": outcome, "call_id": call_id})

    @app.put("/autoscaler/{model}")
    async def set_window(model: str, body: WindowBody) -> Document:
        if model not in served:
            raise HTTPException(404)
        containers = await autoscaler.set_window(model, body.scaledown_window_s)
        return {
            "status": "ok",
            "scaledown_window_s": body.scaledown_window_s,
            "containers": containers,
        }

    @app.post("/autoscaler/{model}/release")
    async def release(model: str, body: ReleaseBody | None = None) -> Document:
        if model not in served:
            raise HTTPException(404)
        outcome = await autoscaler.release(model, (body or ReleaseBody()).timeout_s)
        return {"status": "released" if outcome.released else "busy", "containers": outcome.containers}

    # Last: "jobs" and "health" are no models.
    @app.post("/{model}")
    async def generate(model: str, body: CallBody, request: Request) -> Response:
        if model not in served:
            raise HTTPException(404)
        if body.model is not None and body.model != model:
            return JSONResponse(_not_served(body.model))
        try:
            document = await until_disconnect(request, calls.generate(body.request_for(model)))
        except CallFailedError as error:
            document = error_document(error.message, error.error_type)
        except ClientDisconnectedError:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        return JSONResponse(document)

    return app


def _pending(call_id: str) -> JSONResponse:
    return JSONResponse({"status": "pending", "call_id": call_id}, status_code=202)


def _expired() -> JSONResponse:
    return JSONResponse(error_document("the result is kept no longer", ErrorType.EXPIRED), status_code=410)


def _not_served(model: str) -> Document:
    return error_document(f"model {model[:128]!r} is not served here")
