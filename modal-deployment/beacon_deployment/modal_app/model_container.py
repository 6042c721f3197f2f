"""The life of a GPU container, the same for every model."""

import logging
import os
import threading
from pathlib import Path
from typing import ClassVar, Literal

import modal

from beacon_deployment.catalogue import CATALOGUE
from beacon_deployment.engines.transformers_engine import TransformersEngine
from beacon_deployment.modal_app.volume import MOUNT
from beacon_deployment.places import place_from_environment
from beacon_deployment.protocol import Document
from beacon_deployment.worker import Worker


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
        # Modal cancels by raising in this thread, so nobody needs to set the event.
        return self.worker.answer(document, threading.Event())

    @modal.method()
    def run_job(self, document: Document, key: str | None) -> Document:
        """As `generate`; then lets a CPU container tell the router, so that the GPU is free at once."""
        answer = self.worker.answer(document, threading.Event())
        self.job_ended(key or "", "completed" if answer["status"] == "success" else "failed")
        return answer

    def job_ended(self, key: str, status: Literal["completed", "failed"]) -> None:
        """Deployments with a callback override it."""
