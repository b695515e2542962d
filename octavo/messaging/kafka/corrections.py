"""Corrections of kafka-python 3.0.12, whose consumers can stand still, join again and again, or spin.

1. The leader of a group joins anew when its topics gain partitions, or were not known yet. Inside that join it notes the new
   metadata as assigned. If the poll ends before the coordinator has answered, the next poll sees nothing to join for and never
   fetches the answer: the member owns nothing, sends no heartbeats, is put out of the group, and does not notice. Java's client
   had the same mistake (KAFKA-9815), and corrects it in the same way: what made it join is remembered until it has joined.
2. A join that ends between two polls is thrown away, and another begun, which makes all other members join again, too. So a
   poll stays with a join for as long as one usually takes; meanwhile a member has nothing to read anyway.
3. A poll looks no longer than until the next heartbeat. While a heartbeat is overdue, as with a broker that stands still, it
   looks for no time at all, again and again, and each look leaves a callback with the fetch under way: within 30 seconds a
   consumer burns a processor and fills some hundred megabytes. A look takes a moment at least; what is fetched ends it sooner.
"""

from typing import Any

JOIN_SECONDS = 5.0
LEAST_LOOK_SECONDS = 0.1


def finish_joins(consumer: Any) -> None:
    """Has a consumer finish the joins that it begins."""
    coordinator = consumer._coordinator  # noqa: SLF001 - it is made inside, and nothing outside reaches it
    needs_to = coordinator.need_rejoin
    join = coordinator.ensure_active_group

    def need_rejoin() -> bool:
        if needs_to():
            # Reset by the coordinator itself, once it has joined.
            coordinator.request_rejoin()
            return True
        return False

    def ensure_active_group(timeout_ms: float | None = None) -> bool:
        return bool(join(timeout_ms if timeout_ms is None else max(timeout_ms, JOIN_SECONDS * 1000)))

    coordinator.need_rejoin = need_rejoin
    coordinator.ensure_active_group = ensure_active_group


def look_calmly(consumer: Any) -> None:
    """Has a consumer wait for what it fetches, though a heartbeat is overdue; heartbeats have a thread of their own."""
    coordinator = consumer._coordinator  # noqa: SLF001 - it is made inside, and nothing outside reaches it
    next_poll = coordinator.time_to_next_poll
    coordinator.time_to_next_poll = lambda: max(next_poll(), LEAST_LOOK_SECONDS)
