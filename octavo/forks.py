"""What has to begin anew in a process that was forked: whoever held its locks is not in it, and what it drew is its parent's."""

import os
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """What a child has a copy of, and may not go on with."""

    def begin_anew(self) -> None:
        """Begins as if it were new. Called where no other thread is yet."""


_ALL: WeakSet[Forked] = WeakSet()


def begin_anew_in_children(one: Forked) -> None:
    """Has it begin anew in every process that is forked, as long as it is in use."""
    _ALL.add(one)


def _begin_all() -> None:
    for one in _ALL:
        one.begin_anew()


os.register_at_fork(after_in_child=_begin_all)
