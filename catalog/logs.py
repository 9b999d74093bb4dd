"""How a run speaks: plain lines with run id and counts for a cron log, JSON for machines."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import structlog

LogFormat = Literal["plain", "json"]
_FIRST = ("ts", "level", "run_id", "stage", "vendor", "event", "counts")


def _ordered(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: event[key] for key in _FIRST if key in event} | {k: v for k, v in event.items() if k not in _FIRST}


def _plain(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    head = " ".join(
        str(event.pop(key)) for key in ("ts", "level", "run_id", "stage", "vendor", "event") if key in event
    )
    counts = event.pop("counts", None) or {}
    return " ".join([head, *(f"{k}={v}" for k, v in {**counts, **event}.items())])


def configure(log_format: LogFormat = "plain", *, level: int = logging.INFO) -> None:
    """Sends log lines to standard error; keys ts, level, run_id, stage, vendor, event, counts."""
    last = structlog.processors.JSONRenderer(default=str) if log_format == "json" else _plain
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            _ordered,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # the stream of the moment, not of the set-up
        cache_logger_on_first_use=False,
    )
