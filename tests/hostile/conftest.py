"""The api with all that it works with, for those who mean it no good."""

from tests.integration.api.served import (
    database,
    new_template,
    new_tenant,
    stack,
    stub,
    tenant,
)

__all__ = ["database", "new_template", "new_tenant", "stack", "stub", "tenant"]
