"""`Records` in a `modal.Dict`, which all gateways of a region share.

Modal drops an entry seven days after it was last read or written, as long as results are kept.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import modal
import modal.exception

from beacon_deployment.modal_app.unavailable import unavailable
from beacon_deployment.ports import Record


class ModalRecords:
    """`Records` of one region."""

    def __init__(self, shared: modal.Dict) -> None:
        self._shared = shared

    async def put_if_absent(self, name: str, record: Record) -> bool:
        with _asking():
            return bool(await self._shared.put.aio(name, record, skip_if_exists=True))

    async def get(self, name: str) -> Record | None:
        with _asking():
            found: Record | None = await self._shared.get.aio(name)
        return found

    async def put(self, name: str, record: Record) -> None:
        with _asking():
            await self._shared.put.aio(name, record)


@contextmanager
def _asking() -> Iterator[None]:
    """Without its records a gateway knows nothing of any job, whatever the reason."""
    try:
        yield
    except (modal.exception.Error, OSError) as error:
        raise unavailable(error) from error
