"""The api with all that it works with."""

from tests.integration.api.served import (
    database,
    more_processes,
    new_template,
    new_tenant,
    stack,
    stub,
    tenant,
)

__all__ = ["database", "more_processes", "new_template", "new_tenant", "stack", "stub", "tenant"]
