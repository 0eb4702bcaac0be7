"""The HTTP doors held against their own OpenAPI document, by the requests that schemathesis makes up."""

from __future__ import annotations

from collections import Counter

import schemathesis
from http_doors import doors
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from starlette.types import ASGIApp, Receive, Scope, Send

_CONFIG = """
seed = 1

[generation]
max-examples = 12
deterministic = true
database = "none"

[phases.stateful]
enabled = false
"""


def started_already(app: ASGIApp) -> ASGIApp:
    """The app without its start and its end, which schemathesis would ask for at each request."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
        else:
            await app(scope, receive, send)

    return asked


def test_every_response_is_as_the_document_says(tmp_path) -> None:
    statuses: Counter[str] = Counter()
    found: list[str] = []
    with doors(tmp_path, allowed_hosts="*") as client:
        app = started_already(client.app)
        schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=SchemathesisConfig.from_str(_CONFIG))
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                for interaction in event.recorder.interactions.values():
                    statuses[str(interaction.response.status_code if interaction.response else "none")] += 1
                for case, checks in event.recorder.checks.items():
                    for check in checks:
                        if check.failure_info is not None:
                            sent = event.recorder.cases[case].value.as_curl_command()
                            found.append(f"{event.label}: {check.failure_info.failure}\n{sent}")
            elif isinstance(event, events.NonFatalError | events.FatalError):
                found.append(repr(event))
    assert not found, "\n\n".join(found)
    # A server that lets nothing in, or everything, would pass too.
    assert statuses["200"] > 100
    assert statuses["422"] + statuses["400"] > 100
    assert statuses["none"] == 0
