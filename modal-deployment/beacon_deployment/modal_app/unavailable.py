"""Which of the SDK's errors say nothing about the work, only that Modal could not be asked just now."""

import modal.exception

from beacon_deployment.ports import CallsUnavailableError

UNAVAILABLE = (
    modal.exception.ConnectionError,
    modal.exception.ServiceError,
    modal.exception.ClientClosed,
    # A full queue, or too many requests.
    modal.exception.ResourceExhaustedError,
    # Of Modal's API. What a container could not do is another, InternalFailure.
    modal.exception.InternalError,
)


def unavailable(error: Exception) -> CallsUnavailableError:
    """Names the kind of the error, not its text."""
    return CallsUnavailableError(f"the platform did not answer: {type(error).__name__}")
