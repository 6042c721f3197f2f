"""The life of a GPU container, the same for every model."""

import logging
import os
import threading
from pathlib import Path
from typing import ClassVar, Literal

import modal
import modal.experimental

from beacon_deployment.catalogue import CATALOGUE
from beacon_deployment.engines.transformers_engine import TransformersEngine
from beacon_deployment.modal_app.volume import MOUNT
from beacon_deployment.places import place_from_environment
from beacon_deployment.protocol import Document
from beacon_deployment.worker import ContainerBrokenError, Worker

_log = logging.getLogger(__name__)

EXIT_BROKEN = 70
"""`EX_SOFTWARE`; Modal reads any exit in the middle of an input as a crash."""


class ModelContainer:
    """Base of the GPU classes. It has no web decorator, and they get none: only gateways are endpoints."""

    MODEL: ClassVar[str]

    @modal.enter(snap=True)
    def load(self) -> None:
        """What is in memory after this is in the snapshot, from which later containers start."""
        logging.basicConfig(level=logging.INFO)
        self.engine = TransformersEngine(CATALOGUE[self.MODEL], Path(MOUNT))
        self.engine.load()

    @modal.enter(snap=False)
    def start(self) -> None:
        """Runs in every container, restored or not; only here is the GPU there, and the region known."""
        self.engine.start()
        self.worker = Worker(self.MODEL, self.engine, place_from_environment(os.environ))

    @modal.method()
    def generate(self, document: Document) -> Document:
        return self._answer(document)

    @modal.method()
    def run_job(self, document: Document, key: str | None) -> Document:
        """As `generate`; then lets a CPU container tell the router, so that the GPU is free at once."""
        answer = self._answer(document)
        try:
            self.job_ended(key or "", "completed" if answer["status"] == "success" else "failed")
        except Exception as error:  # noqa: BLE001 - the answer is paid for; a hint that is lost costs a poll
            _log.warning("nobody was told that a job ended: %s", type(error).__name__)
        return answer

    def job_ended(self, key: str, status: Literal["completed", "failed"]) -> None:
        """Deployments with a callback override it."""

    def _answer(self, document: Document) -> Document:
        try:
            # Modal cancels by raising in this thread, so nobody needs to set the event.
            return self.worker.answer(document, threading.Event())
        except ContainerBrokenError:
            # Modal reports what is raised here and keeps the container, which would fail every next input.
            take_no_more_inputs()
            raise


def take_no_more_inputs() -> None:
    """Ends this container after its current input."""
    try:
        modal.experimental.stop_fetching_inputs()
    except Exception as error:  # noqa: BLE001 - it must end, one way or the other
        _log.error("the container cannot end in order: %s", type(error).__name__)
        os._exit(EXIT_BROKEN)
