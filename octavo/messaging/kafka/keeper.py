"""Keeping a producer alive: made in a thread of its own once there is a broker, and made anew whenever it did not deliver."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

import structlog
from kafka.errors import KafkaError

from octavo.domain.errors import Unavailable
from octavo.messaging.kafka.sink import discard

log = structlog.get_logger()

_RENEWAL_SECONDS = 5.0


class ProducerKeeper:
    """Has `producer`, which is None until there is a broker that has all topics."""

    def __init__(self, make: Callable[[], Any], topics: Sequence[str]) -> None:
        self.producer: Any = None
        self._make_producer = make
        self._topics = tuple(topics)
        self._stop = threading.Event()
        self._broken = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="kafka-publisher", daemon=True)

    def start(self) -> None:
        """Begins to look for the broker; does not wait for it."""
        self._thread.start()

    def renew(self, used: Any, why: str) -> None:
        """Has this producer made anew, if it is still the one that is used. Until then there is none."""
        if used is not None and used is self.producer:
            log.warning("the producer is made anew", error=why)
            self.producer = None
            self._broken.set()

    def stop(self) -> None:
        """Ends the producer, and waits for what it holds for a second at most."""
        self._stop.set()
        self._broken.set()
        self._close()

    def _keep(self) -> None:
        while not self._stop.is_set():
            made = self._make()
            if made is None:
                continue
            since = monotonic()
            self._broken.clear()
            self.producer = made
            if self._stop.is_set():
                self._close()
                return
            log.info("publishing", topics=list(self._topics))
            self._broken.wait()
            if self._stop.is_set():
                return
            discard(made)
            # A producer that breaks again and again is not made in a tight loop.
            self._stop.wait(max(0.0, since + _RENEWAL_SECONDS - monotonic()))

    def _close(self) -> None:
        used, self.producer = self.producer, None
        if used is not None:
            with suppress(KafkaError):
                used.close(timeout=1)

    def _make(self) -> Any:
        """A producer that knows the partitions of its topics, so that no send ever waits for them; or None after a wait."""
        made: Any = None
        try:
            made = self._make_producer()
            missing = [topic for topic in self._topics if not made.partitions_for(topic)]
            problem = f"topics are missing: {', '.join(missing)}" if missing else ""
        except (Unavailable, KafkaError) as error:
            problem = str(error) if isinstance(error, Unavailable) else type(error).__name__
        if not problem:
            return made
        log.warning("waiting for Kafka", error=problem)
        if made is not None:
            discard(made)
        self._stop.wait(1)
        return None
