"""One quiet word a day when what it cost, how much failed or how slow answers are is above what the user set."""

from __future__ import annotations

import asyncio

from bursar.domain.money.alerts import AlertLimits
from bursar.runs.alerting import alerts_today
from bursar.session.ports import Adapters, Editor


async def tell_alerts(adapters: Adapters, editor: Editor, limits: AlertLimits) -> None:
    """Look beside the loop; the first window that finds an alert on a day tells it, and nobody tells another."""
    journal, day = adapters.journal(), adapters.clock.local_day()
    alerts = await asyncio.to_thread(alerts_today, journal, limits, day)
    if alerts and await journal.alert_once(day):
        editor.say("warning", "Bursar: " + " ".join(each.message for each in alerts))
