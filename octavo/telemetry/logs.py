"""Structured logs: JSON lines, or a readable form on a terminal. One line for an event, with ids and no personal data."""

import logging
import sys
from time import monotonic
from typing import TextIO

import structlog

SELDOM_SECONDS = 60.0


def configure(service: str, form: str = "auto", level: str = "INFO", stream: TextIO | None = None) -> None:
    """Sets up logging of the process, that of the libraries too (warnings and worse)."""
    stream = stream or sys.stderr
    readable = form == "console" or (form == "auto" and stream.isatty())

    def named(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["service"] = service
        return event

    shared: list[structlog.typing.Processor] = [
        named,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # A traceback as text can hold values of local variables in its messages; its kind and places are enough.
    shared.append(_without_values)
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[_Calm(), *shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(_Seldom("kafka.net."))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # kafka-python tells of every reconnect while a broker is away: the loops say `waiting` for all of it.
    logging.getLogger("kafka").setLevel(logging.ERROR)
    logging.getLogger("kafka.cluster").addFilter(_is_worth_telling)


class _Told:
    """When which kinds of events were last told of."""

    def __init__(self) -> None:
        self._at: dict[tuple[object, object], float] = {}

    def lately(self, kind: tuple[object, object]) -> bool:
        """Whether it was within SELDOM_SECONDS; if not, it is now."""
        now = monotonic()
        if now - self._at.get(kind, -SELDOM_SECONDS) < SELDOM_SECONDS:
            return True
        self._at[kind] = now
        return False


class _Calm:
    """Lets through one event a minute of each part that waits, and of why: they look every second or so."""

    def __init__(self) -> None:
        self._told = _Told()

    def __call__(self, _logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if event["event"] == "waiting" and "what" in event and self._told.lately((event["what"], event.get("error"))):
            raise structlog.DropEvent
        return event


class _Seldom(logging.Filter):
    """Lets through one event of a kind a minute, of the loggers below: each try to connect is told of, several a second."""

    def __init__(self, loggers: str) -> None:
        super().__init__()
        self._loggers = loggers
        self._told = _Told()

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.name.startswith(self._loggers) or not self._told.lately((record.name, str(record.msg)))


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Whether it is a fault: a closed client cancels its refresh of metadata, and kafka-python tells of that as an error."""
    return not any(type(one).__name__ == "Cancelled" for one in record.args or ())


def _without_values(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Replaces a traceback by its places: file, line and function of each frame, and the kind of the error."""
    info = event.pop("exc_info", None)
    if info:
        error = sys.exc_info()[1] if info is True else info if isinstance(info, BaseException) else info[1]
        if error is not None:
            event["error"] = type(error).__name__
            frames = []
            trace = error.__traceback__
            while trace is not None:
                code = trace.tb_frame.f_code
                frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
                trace = trace.tb_next
            event["at"] = frames[-8:]
    return event
