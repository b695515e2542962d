"""A cache of what the database knows: right within a bound, loaded for many keys at once, used on while PostgreSQL is away."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from time import monotonic
from typing import Generic, TypeVar

from octavo.domain.errors import Unavailable

FRESH_SECONDS = 5.0
AT_MOST = 10_000

K = TypeVar("K")
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Values by key, the one loaded longest ago dropped beyond a bound; old ones are kept for when nothing newer can be had.

    What is used is loaded anew when it is too old, so that what nobody uses goes first; what never gets too old goes in the order
    in which it came. `load` gives the values of many keys in one round trip, without those that there are none for.
    """

    def __init__(
        self,
        load: Callable[[Collection[K]], Mapping[K, V]],
        fresh_seconds: float = FRESH_SECONDS,
        at_most: int = AT_MOST,
    ) -> None:
        self._load = load
        self._fresh_seconds = fresh_seconds
        self._at_most = at_most
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._lock = threading.Lock()
        self._loading: dict[K, threading.Lock] = {}

    def fresh(self, key: K, part: float = 1.0) -> V | None:
        """The value if it is known and young enough, without any wait: past no more than this part of its time."""
        entry = self._entries.get(key)
        if entry is None or monotonic() - entry[0] > self._fresh_seconds * part:
            return None
        return entry[1]

    def get(self, key: K) -> V:
        """The value, loaded if it is not known or too old; one load at a time for a key.

        Raises KeyError if there is none, Unavailable if it can't be loaded and is not known at all.
        """
        if (value := self.fresh(key)) is not None:
            return value
        with self._lock:
            loading = self._loading.setdefault(key, threading.Lock())
        with loading:
            try:
                if (value := self.fresh(key)) is None:
                    value = self.refresh([key])[key]
            finally:
                with self._lock:
                    self._loading.pop(key, None)
        return value

    def have(self, keys: Collection[K]) -> None:
        """Loads in one round trip what `get` would load one by one. If that can't be done, `get` says so."""
        if missing := {key for key in keys if self.fresh(key) is None}:
            with suppress(Unavailable):
                self.refresh(missing)

    def aged(self, key: K) -> tuple[float, V] | None:
        """The value however old, with its age in seconds, without any wait; None if it is not known."""
        entry = self._entries.get(key)
        return None if entry is None else (monotonic() - entry[0], entry[1])

    def refresh(self, keys: Collection[K]) -> Mapping[K, V]:
        """The values, loaded anew however young they are; without those that there are none for.

        If that can't be done, the known ones go on being used. Raises Unavailable then if any is not known at all.
        """
        try:
            loaded = self._load(keys)
        except Unavailable:
            # Not asked again for a moment, so that an absent database costs one wait in a while, not one a call.
            loaded = self._keep({key: entry[1] for key in keys if (entry := self._entries.get(key)) is not None})
            if len(loaded) < len(keys):
                raise
            return loaded
        return self._keep(loaded)

    @property
    def fresh_seconds(self) -> float:
        """How long a value counts as fresh."""
        return self._fresh_seconds

    def put(self, key: K, value: V) -> None:
        """Keeps a value as of now."""
        self._keep({key: value})

    def _keep(self, values: Mapping[K, V]) -> Mapping[K, V]:
        with self._lock:
            now = monotonic()
            for key, value in values.items():
                self._entries[key] = (now, value)
                self._entries.move_to_end(key)
            while len(self._entries) > self._at_most:
                self._entries.popitem(last=False)
        return values
