"""What the dispatcher is told."""

from pydantic import Field, field_validator

from octavo.config import DatabaseSettings, RegionSettings, SealingSettings, Settings, split
from octavo.domain.errors import Invalid
from octavo.domain.notification import NotificationType
from octavo.domain.retry import PROVIDER_BACKOFF, Backoff, seconds
from octavo.domain.sender import parse_sms_sender
from octavo.messaging.security import ConsumerConnection
from octavo.providers.registry import names_of

_MOST_DELAYS = 20


class ProviderWeights(Settings):
    """Which providers are called, and how often."""

    sms_providers: str = Field(
        default="mmg=50,firetext=50", description="Providers of SMS and their weights at rest, comma-separated."
    )
    email_providers: str = Field(
        default="ses=100", description="Providers of email and their weights at rest, comma-separated."
    )

    @field_validator("sms_providers")
    @classmethod
    def _sms(cls, value: str) -> str:
        _weights(value, NotificationType.SMS)
        return value

    @field_validator("email_providers")
    @classmethod
    def _email(cls, value: str) -> str:
        _weights(value, NotificationType.EMAIL)
        return value

    def weights(self, notification_type: NotificationType) -> dict[str, int]:
        """The providers of a type, with their weights at rest."""
        sms = notification_type is NotificationType.SMS
        return _weights(self.sms_providers if sms else self.email_providers, notification_type)


class DispatcherSettings(ProviderWeights, DatabaseSettings, ConsumerConnection, SealingSettings, RegionSettings):
    """The dispatcher."""

    in_flight: int = Field(default=1000, ge=1, le=10_000, description="Sends under way at most, for each topic.")
    retry_delays: str = Field(
        default=",".join(f"{delay.total_seconds():g}" for delay in PROVIDER_BACKOFF.delays),
        description="Seconds before each further attempt to send, comma-separated; after the last the send has failed.",
    )
    retry_jitter: float = Field(
        default=PROVIDER_BACKOFF.jitter, ge=0, le=0.9, description="Share that spreads each delay."
    )
    default_sms_sender: str = Field(default="Octavo", description="Sender of SMS of services without one of their own.")

    @field_validator("default_sms_sender")
    @classmethod
    def _sender(cls, value: str) -> str:
        try:
            return parse_sms_sender(value, field="it")
        except Invalid as error:
            raise ValueError(error.message) from None

    @field_validator("retry_delays")
    @classmethod
    def _delays(cls, value: str) -> str:
        try:
            delays = [float(delay) for delay in split(value)]
        except ValueError:
            raise ValueError("needs numbers of seconds, comma-separated") from None
        if len(delays) > _MOST_DELAYS or any(not 0 <= delay <= 7 * 86_400 for delay in delays):
            raise ValueError(f"needs at most {_MOST_DELAYS} delays of at most a week")
        return value

    def backoff(self) -> Backoff:
        """When a failed send is tried again."""
        return Backoff(seconds(*map(float, split(self.retry_delays))), self.retry_jitter)


def _weights(value: str, notification_type: NotificationType) -> dict[str, int]:
    known = names_of(notification_type)
    weights: dict[str, int] = {}
    for item in split(value):
        name, _, weight = item.partition("=")
        if name not in known or not (weight.isascii() and weight.isdigit()):
            raise ValueError(f"needs name=weight, of {', '.join(known)}")
        if name in weights:
            raise ValueError(f"names {name} twice")
        weights[name] = int(weight)
    if sum(weights.values()) <= 0:
        raise ValueError("needs a provider with a weight above 0")
    return weights
