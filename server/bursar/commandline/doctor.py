"""``bursar doctor``: looks at everything that a run depends on, and says what to do where something is wrong."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Iterator
from typing import Any

from bursar.commandline.output import FINE, FOUND, result, result_json
from bursar.domain.errors import BadInput, BursarError, StorageError
from bursar.domain.routes import Route
from bursar.settings import ESTIMATE_MODEL, Settings, split_model
from bursar.wiring import App


def doctor(app: App, args: argparse.Namespace) -> int:
    """Print each check; 1 when one fails.

    Nothing is changed but sums that are not those of their rows, and money that is held for requests that nobody will
    settle: that is booked. The next start mends what else can be mended.
    """
    checks = [*_store(app), *_settings(app), _simulator()]
    if args.json:
        result_json({"checks": checks})
    else:
        for each in checks:
            result(f"{'ok  ' if each['ok'] else 'FAIL'}  {each['name']:15} {each['detail']}")
            if each["remedy"] is not None:
                result(f"      {'':15} -> {each['remedy']}")
    return FINE if all(each["ok"] for each in checks) else FOUND


def _store(app: App) -> Iterator[dict[str, Any]]:
    sound: set[str] = set()
    for each in app.examine_store():
        if each.ok:
            sound.add(each.name)
        elif each.name == "sums" and {"integrity", "ledger_chain"} <= sound:
            yield _mended_sums(app, each.detail)
            continue
        elif each.name == "holds" and {"integrity", "ledger_chain", "mark"} <= sound:
            yield _booked_holds(app, each.detail)
            continue
        yield _check(each.name, ok=each.ok, detail=each.detail, remedy=each.remedy)


def _mended_sums(app: App, detail: str) -> dict[str, Any]:
    """The rows are whole, so the sums can be made from them at once."""
    try:
        app.mend_sums()
    except StorageError as error:
        remedy = "run bursar doctor again when that is mended"
        return _check("sums", ok=False, detail=f"{detail}, and could not be made anew: {error}", remedy=remedy)
    return _check("sums", ok=False, detail=f"{detail}; they were made anew from them", remedy=None)


def _booked_holds(app: App, detail: str) -> dict[str, Any]:
    """The store is whole, so what is known of these requests can be booked at once."""
    try:
        app.book_orphans()
    except BursarError as error:
        remedy = "run bursar doctor again when that is mended"
        return _check("holds", ok=False, detail=f"{detail}. It could not be booked: {error}", remedy=remedy)
    done = f"{detail}. It was booked like that: no budget has more room than before, and nothing is held for it"
    return _check("holds", ok=False, detail=done, remedy="nothing more to do: 'bursar usage' lists it")


def _settings(app: App) -> Iterator[dict[str, Any]]:
    try:
        settings = app.settings()
    except BadInput as error:
        yield _check("settings", ok=False, detail=str(error), remedy="mend the setting that is named")
        for name in ("provider", "key"):
            yield _check(name, ok=False, detail="not known: the settings cannot be read", remedy="see 'settings'")
        return
    yield _check("settings", ok=True, detail=f"{app.home / 'settings.json'} and the environment are understood")
    yield from _provider(app, settings)


def _provider(app: App, settings: Settings) -> Iterator[dict[str, Any]]:
    if settings.route is not None:
        yield from _route(app, settings, settings.route)
        return
    try:
        name, model = split_model(settings.model or f"anthropic/{ESTIMATE_MODEL}")
        app.provider(settings)
    except BadInput as error:
        yield _check("provider", ok=False, detail=str(error), remedy="set 'model' to NAME/MODEL of a provider there is")
        yield _check("key", ok=False, detail="not known: no provider is chosen", remedy="see 'provider'")
        return
    entry = settings.providers[name]
    chosen = "" if settings.model else " (nothing is chosen: this is the default)"
    yield _check("provider", ok=True, detail=f"{name} at {entry.base_url} with {model}{chosen}")
    if entry.key_env is None:
        yield _check("key", ok=True, detail=f"{name} is used without a key")
    elif app.has_key(entry):
        yield _check("key", ok=True, detail=f"a key for {name} is there; it is not shown")
    else:
        yield _check(
            "key",
            ok=False,
            detail=f"there is no key for {name}",
            remedy=f"set {entry.key_env} in the environment, or store the key in your editor",
        )


def _route(app: App, settings: Settings, route: Route) -> Iterator[dict[str, Any]]:
    where = ", then ".join(f"{each} at {settings.providers[each.provider].base_url}" for each in route.chain)
    yield _check("provider", ok=True, detail=f"route {route.name}: {where}")
    entries = {each.provider: settings.providers[each.provider] for each in route.targets}
    missing = [each for each in entries.values() if each.key_env is not None and not app.has_key(each)]
    if not missing:
        yield _check("key", ok=True, detail=f"all providers of the route {route.name} can be asked; no key is shown")
        return
    names = ", ".join(each.name for each in missing)
    keys = ", ".join(str(each.key_env) for each in missing)
    yield _check(
        "key",
        ok=False,
        detail=f"there is no key for {names}: the route {route.name} passes over them",
        remedy=f"set {keys} in the environment, store the keys in your editor, or take them out of the route",
    )


def _simulator() -> dict[str, Any]:
    try:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
    except OSError as error:
        return _check(
            "loopback",
            ok=False,
            detail=f"no port on 127.0.0.1 can be opened ({error.strerror})",
            remedy="the demo and the simulator need one: allow this program to listen on loopback",
        )
    return _check("loopback", ok=True, detail="the simulator can listen on 127.0.0.1")


def _check(name: str, *, ok: bool, detail: str, remedy: str | None = None) -> dict[str, Any]:
    return {"name": name, "ok": ok, "detail": detail, "remedy": remedy}
