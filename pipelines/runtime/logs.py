"""Structured logs on stderr: readable lines, or one JSON object a line."""

import logging
import sys
from typing import TextIO, cast

import structlog

from pipelines.settings.tree import Log


class _CurrentStderr:
    """Whatever `sys.stderr` is when a line is written: loggers outlive a stream that was replaced."""

    def write(self, text: str) -> int:
        """Write to the stream of the moment."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush the stream of the moment."""
        sys.stderr.flush()


def configure_logs(settings: Log) -> None:
    """Set up structlog and the standard library's logging alike."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, force=True)
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _CurrentStderr())),
        cache_logger_on_first_use=True,
    )
