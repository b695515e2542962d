"""The simulator's own endpoints: behaviour, ledger, receipts, counts and health."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.local.simulator.behaviour import Behaviour
from deploy.local.simulator.intake import Intake
from deploy.local.simulator.ledger import Ledger
from deploy.local.simulator.receipts import Receipts

_JSON_LINES = "application/x-ndjson"


class _Instructions(BaseModel):
    """The body of `PUT /behaviour`: a provider that is not named goes on as before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mmg: Behaviour | None = None
    firetext: Behaviour | None = None
    ses: Behaviour | None = None
    seed: int | None = None


class Control:
    """What tests and people tell and ask the simulator."""

    def __init__(self, intakes: Mapping[str, Intake], ledger: Ledger, receipts: Receipts) -> None:
        self._intakes = intakes
        self._ledger = ledger
        self._receipts = receipts

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        return [
            web.get("/livez", self._livez),
            web.get("/behaviour", self._behaviour),
            web.put("/behaviour", self._behave),
            web.delete("/behaviour", self._behave_well),
            web.get("/ledger", self._ledger_lines),
            web.get("/ledger/count", self._ledger_count),
            web.get("/receipts", self._receipt_counts),
            web.get("/stats", self._counts),
            web.delete("/stats", self._reset_counts),
        ]

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _behaviour(self, _: web.Request) -> web.Response:
        return web.json_response({name: intake.behaviour.model_dump() for name, intake in self._intakes.items()})

    async def _behave(self, request: web.Request) -> web.Response:
        try:
            told = _Instructions.model_validate_json(await request.read())
        except ValidationError as fault:
            return web.json_response(json.loads(fault.json(include_input=False, include_url=False)), status=400)
        for name, intake in self._intakes.items():
            behaviour: Behaviour | None = getattr(told, name)
            if behaviour is not None or told.seed is not None:
                intake.behave(behaviour or intake.behaviour, told.seed)
        return await self._behaviour(request)

    async def _behave_well(self, request: web.Request) -> web.Response:
        for intake in self._intakes.values():
            intake.behave(Behaviour(), None)
        return await self._behaviour(request)

    async def _ledger_lines(self, request: web.Request) -> web.StreamResponse:
        since = request.query.get("since", "0")
        if not (since.isascii() and since.isdigit()):
            return web.json_response({"error": "since is a number of lines to skip"}, status=400)
        response = web.StreamResponse(headers={"Content-Type": _JSON_LINES})
        await response.prepare(request)
        async for chunk in self._ledger.since(int(since)):
            await response.write(chunk)
        await response.write_eof()
        return response

    async def _ledger_count(self, _: web.Request) -> web.Response:
        return web.json_response({"count": self._ledger.count})

    async def _receipt_counts(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "pending": self._receipts.pending,
                "accepted": self._receipts.accepted,
                "attempts": self._receipts.attempts,
                "dropped_repeats": self._receipts.dropped_repeats,
            }
        )

    async def _counts(self, _: web.Request) -> web.Response:
        counts: dict[str, Any] = {name: intake.counts() for name, intake in self._intakes.items()}
        return web.json_response(counts)

    async def _reset_counts(self, request: web.Request) -> web.Response:
        for intake in self._intakes.values():
            intake.reset_counts()
        return await self._counts(request)
