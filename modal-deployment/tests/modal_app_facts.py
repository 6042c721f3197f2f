"""Imports apps with the real SDK and prints what each one registered, as JSON.

A program of its own, because it patches the SDK: what is passed to it is noted on the way in, for the SDK
offers no way to read it back. Arguments are `module:layout:callback`.
"""

import importlib
import json
import os
import sys
import warnings
from typing import Any

import modal

Options = dict[str, dict[str, Any]]

CLASSES: Options = {}
FUNCTIONS: Options = {}
WEB: Options = {}


def main(specifications: list[str]) -> None:
    """Writes the facts to stdout."""
    # The one list of web endpoints that the SDK offers is about to be replaced.
    warnings.simplefilter("ignore")
    note_what_is_passed()
    json.dump({specification: facts(specification) for specification in specifications}, sys.stdout)


def facts(specification: str) -> dict[str, Any]:
    module_name, layout, callback = specification.split(":")
    os.environ |= {"DEPLOY_LAYOUT": layout, "DEPLOY_CALLBACK": callback}
    for noted in (CLASSES, FUNCTIONS, WEB):
        noted.clear()
    # A module declares its app when it is imported; forget it, so that the next one is declared anew.
    for imported in (module_name, "beacon_deployment.modal_app.region_app"):
        sys.modules.pop(imported, None)
    app = importlib.import_module(module_name).app
    return {
        "app": app.name,
        "registered_web_endpoints": list(app.registered_web_endpoints),
        "registered_classes": sorted(app.registered_classes),
        "classes": dict(CLASSES),
        "functions": dict(FUNCTIONS),
        "web": dict(WEB),
    }


def note_what_is_passed() -> None:
    real_cls, real_function, real_asgi_app = modal.App.cls, modal.App.function, modal.asgi_app

    def noted_cls(app: Any, **options: Any) -> Any:
        def decorate(decorated: Any) -> Any:
            CLASSES[decorated.__name__] = plain(options)
            return real_cls(app, **options)(decorated)

        return decorate

    def noted_function(app: Any, **options: Any) -> Any:
        def decorate(decorated: Any) -> Any:
            before = set(app.registered_functions)
            registered = real_function(app, **options)(decorated)
            (name,) = set(app.registered_functions) - before
            FUNCTIONS[name] = plain(options)
            return registered

        return decorate

    def noted_asgi_app(**options: Any) -> Any:
        def decorate(decorated: Any) -> Any:
            WEB[decorated.__name__] = plain(options)
            return real_asgi_app(**options)(decorated)

        return decorate

    setattr(modal.App, "cls", noted_cls)  # noqa: B010 - mypy knows that it is a method
    setattr(modal.App, "function", noted_function)  # noqa: B010
    setattr(modal, "asgi_app", noted_asgi_app)  # noqa: B010


def plain(options: dict[str, Any]) -> dict[str, Any]:
    return {name: simple(value) for name, value in options.items()}


def simple(value: Any) -> Any:
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, dict):
        return {str(key): simple(item) for key, item in value.items()}
    if isinstance(value, list):
        return [simple(item) for item in value]
    return repr(value)


if __name__ == "__main__":
    main(sys.argv[1:])
