from typing import Any

import modal.exception
import pytest

import warm


class Account:
    """What `modal.Cls.from_name` leads to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.updates: list[tuple[str, str, dict[str, Any]]] = []

    def from_name(self, app: str, name: str) -> Any:
        account = self

        class Container:
            def update_autoscaler(self, **settings: Any) -> None:
                if account.error is not None:
                    raise account.error
                account.updates.append((app, name, settings))

        return Container


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    account = Account()
    monkeypatch.setattr(modal.Cls, "from_name", account.from_name)
    return account


def test_caller_rule_19_keeps_every_model_of_a_region_warm_from_an_admins_shell(account: Account) -> None:
    assert warm.main(["--region", "EU", "--containers", "1"]) == 0
    assert account.updates == [
        ("beacon-eu", name, {"min_containers": 1}) for name in ("Llama", "Qwen", "Mistral")
    ]


def test_lets_one_model_go_cold(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert warm.main(["--region", "ASIA", "--model", "mistral-7b", "--containers", "0"]) == 0
    assert account.updates == [("beacon-asia", "Mistral", {"min_containers": 0})]
    assert "until the next deployment" in capsys.readouterr().out


def test_refuses_a_model_that_the_region_lacks(account: Account) -> None:
    with pytest.raises(SystemExit):
        warm.main(["--region", "US", "--model", "mistral-7b", "--containers", "1"])
    assert account.updates == []


def test_says_what_modal_said(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.error = modal.exception.NotFoundError("App 'beacon-us' not found")
    assert warm.main(["--region", "US", "--containers", "1"]) == 1
    assert "not found" in capsys.readouterr().err
