"""What the persister is told."""

from octavo.config import DatabaseSettings
from octavo.messaging.security import KafkaConnection


class PersisterSettings(DatabaseSettings, KafkaConnection):
    """The persister."""
