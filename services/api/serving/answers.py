"""Answers that are held back while the server stops, so that no call is lost in its queue.

gRPC's core takes calls in before the event loop asks for them, and cancels those when the server stops: clients see CANCELLED for
calls that nobody looked at. Under load there are dozens. While answers are held, whoever waits for one calls nothing new, and the
loop comes to the end of the queue. Then the server stops, and clients hear of that before they get their answers.
"""

import asyncio
from time import monotonic

LONGEST_SECONDS = 0.5
"""How long answers are held for the queue to end. Clients that do not wait for answers never let it."""
_TURN_SECONDS = 0.002
_QUIET_TURNS = 10


class Answers:
    """Counts the calls that begin, and holds their answers when asked to. Used by one event loop."""

    def __init__(self) -> None:
        self.begun = 0
        """How many calls have begun."""
        self.held: asyncio.Event | None = None
        """What a call is to wait for before it is answered; None at all times but the last."""

    async def hold(self) -> None:
        """Holds all answers from now on, and waits until calls begin no more: the longer that takes, the less is asked for."""
        self.held = asyncio.Event()
        start, seen, quiet = monotonic(), -1, 0
        while (gone := monotonic() - start) < LONGEST_SECONDS and quiet < _QUIET_TURNS * (1 - gone / LONGEST_SECONDS):
            quiet = quiet + 1 if seen == self.begun else 0
            seen = self.begun
            await asyncio.sleep(_TURN_SECONDS)

    def release(self) -> None:
        """Lets all answers go."""
        if self.held is not None:
            self.held.set()
