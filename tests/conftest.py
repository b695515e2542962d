"""What all tests have in common: the stacks of a folder end with its last test, so that they do not weigh on the others."""

from typing import Any

import pytest


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Ends fixtures of the whole run that belong to a folder which the next test is not in.

    pytest has a scope for that, `package`, but only for folders that are packages, which those of tests are not; and no public
    way to say this.
    """
    if nextitem is None:
        return
    request: Any = item._request  # type: ignore[attr-defined]
    manager: Any = item.session._fixturemanager
    still_in = set(nextitem.listchain())
    for by_node in manager._arg2node2fixturedefs.values():
        for node, definitions in by_node.items():
            for definition in definitions:
                if definition.scope == "session" and node not in still_in and definition.cached_result is not None:
                    definition.finish(request)
