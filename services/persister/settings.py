"""What the persister is told."""

from octavo.config import DatabaseSettings
from octavo.messaging.security import ConsumerConnection


class PersisterSettings(DatabaseSettings, ConsumerConnection):
    """The persister."""
