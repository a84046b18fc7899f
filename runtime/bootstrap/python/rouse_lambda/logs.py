"""Configures the logging module as AWS does: one handler on the root logger."""

import json
import os
import sys
import time
import traceback

import rouse_lambda

_TIME = "%Y-%m-%dT%H:%M:%S"
_JSON = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def configure(logging):
    """Installs the handler. It is called once, right after logging was loaded."""
    standard = set(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"aws_request_id", "tenant_id", "message"}

    class LambdaHandler(logging.Handler):
        def emit(self, record):
            sys.stdout.write(self.format(record))

    class EventFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = rouse_lambda.request_id or ""
            record.tenant_id = rouse_lambda.tenant_id
            return True

    class JsonFormatter(logging.Formatter):
        def format(self, record):
            # A level of the code's own is told as AWS's that is next below.
            record.levelno = min(50, max(0, record.levelno)) // 10 * 10
            record.levelname = logging.getLevelName(record.levelno)
            return json.dumps(_entry(self, record, standard), ensure_ascii=False, default=str) + "\n"

    logging.Formatter.converter = time.gmtime
    handler = LambdaHandler()
    handler.addFilter(EventFilter())
    if _JSON:
        handler.setFormatter(JsonFormatter(datefmt=_TIME + "Z"))
    else:
        line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        handler.setFormatter(logging.Formatter(line, _TIME))
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG", "FATAL": "CRITICAL", "WARN": "WARNING"}.get(level, level)
    if level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)


def _entry(formatter, record, standard):
    entry = {
        "timestamp": formatter.formatTime(record, formatter.datefmt),
        "level": record.levelname,
        "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
        "logger": record.name,
        "requestId": record.aws_request_id,
        "tenantId": record.tenant_id,
    }
    if record.exc_info:
        kind, value, trace = record.exc_info
        entry["stackTrace"] = traceback.format_tb(trace)
        entry["errorType"] = kind.__name__ if kind else None
        entry["errorMessage"] = str(value)
        entry["location"] = "%s:%s:%d" % (record.pathname, record.funcName, record.lineno)
    for key, value in record.__dict__.items():
        if key not in standard and key not in entry:
            entry[key] = value
    return {k: v for k, v in entry.items() if v is not None}


def error_line(result):
    """What is printed about an error that ends an event."""
    if _JSON:
        stamp = time.strftime(_TIME + "Z", time.gmtime())
        return json.dumps(dict(timestamp=stamp, level="ERROR", **result), ensure_ascii=False) + "\n"
    text = "[ERROR]"
    if result["errorType"]:
        text += " " + result["errorType"]
    if result["errorMessage"]:
        text += (": " if result["errorType"] else " ") + result["errorMessage"]
    trace = "".join(element.rstrip("\n") + "\n" for element in result["stackTrace"])
    return text + "\nTraceback (most recent call last):\n" + trace
