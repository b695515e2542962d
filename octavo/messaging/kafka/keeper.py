"""Keeping a producer alive: made in a thread of its own once there is a broker, and made anew whenever it is broken."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog
from kafka.errors import KafkaError

from octavo.domain.errors import Unavailable
from octavo.messaging.kafka.client import passes

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

    def note(self, error: BaseException, used: Any) -> None:
        """Has the producer made anew if it does not get over its error by itself."""
        if not passes(error):
            self.renew(used, type(error).__name__)

    def renew(self, used: Any, why: str) -> None:
        """Has this producer made anew, if it is still the one that is used."""
        if used is self.producer and not self._broken.is_set():
            log.warning("the producer is made anew", error=why)
            self._broken.set()

    def stop(self) -> None:
        """Ends the producer, and waits for what it holds for a second at most."""
        self._stop.set()
        self._broken.set()
        used, self.producer = self.producer, None
        if used is not None:
            _close(used)

    def _keep(self) -> None:
        while not self._stop.is_set():
            made = self._make()
            if made is None:
                continue
            replaced, self.producer = self.producer, made
            self._broken.clear()
            if self._stop.is_set():
                _close(made)
                return
            if replaced is not None:
                _close(replaced)
            log.info("publishing", topics=list(self._topics))
            self._broken.wait()
            # A producer that breaks again and again is not made in a tight loop.
            self._stop.wait(_RENEWAL_SECONDS if replaced is not None else 0)

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
            _close(made)
        self._stop.wait(1)
        return None


def _close(used: Any) -> None:
    with suppress(KafkaError):
        used.close(timeout=1)
