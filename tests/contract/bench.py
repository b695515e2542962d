"""A provider's client before a server that plays its provider."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from octavo.domain.outcome import Outcome
from octavo.providers import Provider
from octavo.providers.registry import PROVIDERS
from tests.contract.dialects import Dialect, new_reference
from tests.contract.scripted import ScriptedServer

SECONDS = 10.0


@dataclass
class Bench:
    """A provider's client and the server that plays its provider."""

    name: str
    dialect: Dialect
    server: ScriptedServer
    clients: list[Provider] = field(default_factory=list)

    def client(self, url: str | None = None, *, in_flight: int = 10, seconds: float = SECONDS) -> Provider:
        """A client as the dispatcher makes it, with its own time-out."""
        make: Any = PROVIDERS[self.name].make
        made: Provider = make(self.dialect.settings(url or self.server.url), in_flight, seconds)
        self.clients.append(made)
        return made

    async def send(self, client: Provider, reference: UUID | None = None) -> Outcome:
        """One send."""
        return await client.send(self.dialect.message(reference or new_reference()))
