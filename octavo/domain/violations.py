"""Everything that is wrong with what was given, told at once: who mends it should not have to ask for the next fault."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from octavo.domain.errors import Invalid, Violation

P = ParamSpec("P")
T = TypeVar("T")


class Violations:
    """Collects faults, in the order in which they are found."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def read(self, check: Callable[P, T], *given: P.args, **named: P.kwargs) -> T | None:
        """What the check makes of what is given; None if it raises Invalid, whose violations are kept."""
        try:
            return check(*given, **named)
        except Invalid as error:
            self._found += error.violations
            return None

    def add(self, violation: Violation) -> None:
        """Keeps one."""
        self._found.append(violation)

    def tell(self) -> None:
        """Raises Invalid with all of them, if there are any."""
        if self._found:
            raise Invalid(*self._found)
