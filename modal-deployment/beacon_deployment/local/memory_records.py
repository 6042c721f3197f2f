"""Records of a single process."""

from beacon_deployment.ports import Record


class MemoryRecords:
    """Atomic because nothing awaits in between."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}

    async def put_if_absent(self, name: str, record: Record) -> bool:
        if name in self._records:
            return False
        self._records[name] = dict(record)
        return True

    async def get(self, name: str) -> Record | None:
        found = self._records.get(name)
        return None if found is None else dict(found)

    async def put(self, name: str, record: Record) -> None:
        self._records[name] = dict(record)
