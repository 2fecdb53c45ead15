"""Structured logs of long-running commands: one JSON object a line, on standard error.

What is logged never holds a name, an address or an order's own id (tests scan for them).
"""

import sys

import structlog


def set_up_logs() -> None:
    """JSON lines with a UTC time and a level."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
