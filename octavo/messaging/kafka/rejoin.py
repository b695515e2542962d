"""A correction of kafka-python 3.0.12, whose consumers can stand still for ever after a change of their topics' metadata.

The leader of a group joins anew when its topics gain partitions, or were not known yet. Inside that join it notes the new
metadata as assigned. If the poll in which this happens ends before the coordinator has answered, the next poll sees nothing to
join for and never fetches the answer: the member owns nothing, sends no heartbeats, is put out of the group, and does not notice.
Java's client had the same mistake (KAFKA-9815), and corrects it in the same way: what made it join is remembered until it has
joined.
"""

from typing import Any


def remember_rejoins(consumer: Any) -> None:
    """Has a consumer finish every join that it has begun."""
    coordinator = consumer._coordinator  # noqa: SLF001 - it is made inside, and nothing outside reaches it
    needs_to = coordinator.need_rejoin

    def need_rejoin() -> bool:
        if needs_to():
            # Reset by the coordinator itself, once it has joined.
            coordinator.request_rejoin()
            return True
        return False

    coordinator.need_rejoin = need_rejoin
