import httpx
import pytest

from beacon_deployment.catalogue import CATALOGUE
from pin_revisions import MISSING, OK, UNREACHABLE, check

PINS = list(CATALOGUE.values())


def hub(*, main: str | None = None, missing: bool = False, status: int = 200) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        revision = request.url.path.rsplit("/", 1)[1]
        if revision == "main":
            repository = request.url.path.split("/api/models/")[1].removesuffix("/revision/main")
            pinned = next(pin.revision for pin in PINS if pin.repository == repository)
            return httpx.Response(status, json={"sha": main or pinned})
        return httpx.Response(404 if missing else status, json={"sha": revision})

    return httpx.Client(transport=httpx.MockTransport(answer))


def run(client: httpx.Client) -> tuple[int, str]:
    written: list[str] = []
    with client:
        code = check(PINS, client.get, written.append)
    return code, "".join(written)


def test_says_that_every_pin_exists() -> None:
    code, written = run(hub())
    assert code == OK
    assert written.count("exists") == len(PINS)
    assert "main is now" not in written


def test_says_when_main_has_moved_on() -> None:
    code, written = run(hub(main="b" * 40))
    assert code == OK
    assert f"llama3.2-1b: main is now {'b' * 40}" in written


@pytest.mark.parametrize("client", [hub(missing=True), hub(status=401)])
def test_says_when_a_pin_cannot_be_seen(client: httpx.Client) -> None:
    code, written = run(client)
    assert code == MISSING
    assert "not found" in written


def test_says_when_the_hub_does_not_answer() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    code, written = run(httpx.Client(transport=httpx.MockTransport(refuse)))
    assert code == UNREACHABLE
    assert "ConnectError" in written
