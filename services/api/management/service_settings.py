"""The settings of a service, read from a request: what is set, or named by a mask, and every fault in it at once."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from octavo.domain.errors import Invalid, Reason, Violation
from octavo.domain.limits import DAILY_LIMIT, TRIAL_DAILY_LIMIT
from octavo.domain.recipient import parse_email
from octavo.domain.sender import parse_sms_sender
from octavo.domain.violations import Violations
from octavo.storage.registry import Settings
from octavo.v1 import registry_service_pb2 as pb
from services.api.fields import read_enum, read_name

MOST_CHOICES = 100
"""Reply-to addresses, and SMS senders, of one service."""
MOST_A_DAY = 1_000_000_000
MOST_A_MINUTE = 1_000_000
LONGEST_RETENTION_DAYS = 90
DAILY_LIMITS = ("sms_daily_limit", "email_daily_limit")
_DEFAULTS = Settings()
_POLICIES = {
    pb.UNCONFIRMED_POLICY_UNSPECIFIED: _DEFAULTS.unconfirmed_policy,
    pb.UNCONFIRMED_POLICY_FAIL: "FAIL",
    pb.UNCONFIRMED_POLICY_RESEND: "RESEND",
}
POLICY = {"FAIL": pb.UNCONFIRMED_POLICY_FAIL, "RESEND": pb.UNCONFIRMED_POLICY_RESEND}


def named_fields(request: pb.UpdateServiceRequest) -> list[str]:
    """The fields that the request's mask names; without a mask, those that are set.

    Raises Invalid if the mask names what can't be changed, or if nothing is to be changed.
    """
    paths = list(dict.fromkeys(request.update_mask.paths)) or set_fields(request.service)
    if not paths:
        raise Invalid.of("update_mask", Reason.MISSING_FIELD, "there is nothing to change")
    if not set(paths) <= _READERS.keys():
        raise Invalid.of("update_mask", Reason.INVALID_ARGUMENT, "update_mask names a field that can't be changed")
    return paths


def set_fields(service: pb.Service) -> list[str]:
    """The fields that are set, of those that can be."""
    given = {field.name for field, _ in service.ListFields()}
    return [name for name in _READERS if name in given]


def new_settings(service: pb.Service) -> Settings:
    """The settings of a new service. Raises Invalid with every fault."""
    return changed(_DEFAULTS, service, ["name", *(name for name in set_fields(service) if name != "name")])


def changed(before: Settings, service: pb.Service, names: Collection[str]) -> Settings:
    """The settings with the named fields as the service has them; one that it leaves unset takes its default.

    Going into trial mode lowers daily limits to that mode's; leaving it raises those to the usual ones. Raises Invalid with
    every fault.
    """
    faults = Violations()
    read = {name: faults.read(_READERS[name], service) for name in names}
    values = {name: value for name, value in read.items() if value is not None}
    after = replace(before, **values)
    given = {name for name in names if name in DAILY_LIMITS and service.HasField(name)}
    if after.trial:
        for name in given & values.keys():
            if values[name] > TRIAL_DAILY_LIMIT:
                faults.add(_violation(name, f"must not be above {TRIAL_DAILY_LIMIT} in trial mode"))
    faults.tell()
    return replace(after, **_daily_limits(before, after, given))


def _daily_limits(before: Settings, after: Settings, given: Collection[str]) -> Mapping[str, Any]:
    limits = {name: getattr(after, name) for name in DAILY_LIMITS if name not in given}
    if after.trial:
        return {name: min(limit, TRIAL_DAILY_LIMIT) for name, limit in limits.items()}
    if before.trial:
        return {name: DAILY_LIMIT if limit == TRIAL_DAILY_LIMIT else limit for name, limit in limits.items()}
    return {}


def _reply_to_addresses(service: pb.Service) -> tuple[str, ...]:
    return _choices(
        "reply_to_addresses", service.reply_to_addresses, lambda text, field: parse_email(text, field=field).address
    )


def _sms_senders(service: pb.Service) -> tuple[str, ...]:
    return _choices("sms_senders", service.sms_senders, lambda text, field: parse_sms_sender(text, field=field))


def _choices(name: str, given: Iterable[str], parse: Callable[[str, str], str]) -> tuple[str, ...]:
    texts = list(given)
    if len(texts) > MOST_CHOICES:
        raise Invalid.of(f"service.{name}", Reason.TOO_MANY_ITEMS, f"service.{name} has more than {MOST_CHOICES}")
    found: dict[str, str] = {}
    faults = Violations()
    for place, text in enumerate(texts):
        field = f"service.{name}[{place}]"
        parsed = faults.read(parse, text, field)
        if parsed is None:
            continue
        if parsed.lower() in found:
            faults.add(Violation(field, Reason.INVALID_ARGUMENT, f"{field} is in the list twice"))
        found[parsed.lower()] = parsed
    faults.tell()
    return tuple(found.values())


def _number(name: str, least: int, most: int) -> Callable[[pb.Service], int]:
    def read(service: pb.Service) -> int:
        value: int = getattr(service, name) if service.HasField(name) else getattr(_DEFAULTS, name)
        if not least <= value <= most:
            raise Invalid(_violation(name, f"must lie between {least:,} and {most:,}"))
        return value

    return read


def _switch(name: str) -> Callable[[pb.Service], bool]:
    def read(service: pb.Service) -> bool:
        return bool(getattr(service if service.HasField(name) else _DEFAULTS, name))

    return read


def _violation(name: str, description: str) -> Violation:
    return Violation(f"service.{name}", Reason.INVALID_ARGUMENT, f"service.{name} {description}")


_READERS: Mapping[str, Callable[[pb.Service], Any]] = {
    "name": lambda service: read_name("service.name", service.name),
    "reply_to_addresses": _reply_to_addresses,
    "sms_senders": _sms_senders,
    "sms_prefix": _switch("sms_prefix"),
    "sms_daily_limit": _number("sms_daily_limit", 0, MOST_A_DAY),
    "email_daily_limit": _number("email_daily_limit", 0, MOST_A_DAY),
    "rate_per_minute": _number("rate_per_minute", 1, MOST_A_MINUTE),
    "retention_days": _number("retention_days", 1, LONGEST_RETENTION_DAYS),
    "trial": _switch("trial"),
    "suspended": _switch("suspended"),
    "unconfirmed_policy": lambda service: read_enum(
        _POLICIES, "service.unconfirmed_policy", service.unconfirmed_policy
    ),
}
