"""Structured logs: every line is a record of named values, for people or for machines."""

import logging

import structlog

PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.filter_by_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]

# Lines of other libraries arrive bare, and are given the same values as ours.
FOREIGN: list[structlog.typing.Processor] = [
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def is_news(record: logging.LogRecord) -> bool:
    """Not that somebody asks again whether we are ready: what is missing is said by a line of our
    own."""
    return "/health/ready" not in record.getMessage()


def log_formatter(style: str) -> structlog.stdlib.ProcessorFormatter:
    """`style` is "json" (one object a line) or "console" (for a developer's terminal)."""
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=28)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=FOREIGN,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )
