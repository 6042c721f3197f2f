"""`Records` in a `modal.Dict`, which all gateways of a region share.

Modal drops an entry seven days after it was last read or written, as long as results are kept.
"""

import modal

from beacon_deployment.ports import Record


class ModalRecords:
    """`Records` of one region."""

    def __init__(self, shared: modal.Dict) -> None:
        self._shared = shared

    async def put_if_absent(self, name: str, record: Record) -> bool:
        return bool(await self._shared.put.aio(name, record, skip_if_exists=True))

    async def get(self, name: str) -> Record | None:
        found: Record | None = await self._shared.get.aio(name)
        return found

    async def put(self, name: str, record: Record) -> None:
        await self._shared.put.aio(name, record)
