"""JSON as AWS's client writes and reads it.

AWS uses simplejson, which knows Decimal, bytes and named tuples; here the
standard module is taught the same.
"""

import json
import os

# From Python 3.12 on AWS writes non-ASCII characters as they are.
_ASCII = os.environ.get("AWS_EXECUTION_ENV", "") not in (
    "AWS_Lambda_python3.12",
    "AWS_Lambda_python3.13",
    "AWS_Lambda_python3.14",
    "AWS_Lambda_python3.15",
)
_SCALARS = frozenset((str, int, float, bool, type(None)))


def dumps(value):
    """Encodes value; TypeError and ValueError say what could not be."""
    try:
        if _foreign(value):
            value = _plain(value)
    except RecursionError:
        pass  # a circular value, which json reports
    numbers = _Numbers()
    text = json.dumps(value, default=numbers.default, ensure_ascii=_ASCII)
    return numbers.insert(text).encode("utf-8")


def loads(body):
    """Decodes an event; like AWS's client it refuses NaN and Infinity."""
    return json.loads(body, parse_constant=_refuse)


def _refuse(constant):
    raise ValueError("Out of range float values are not JSON compliant: " + constant)


class _Numbers:
    """Decimals keep their digits: the encoder writes a marked string, which is unquoted afterwards."""

    def __init__(self):
        self.mark = None

    def default(self, obj):
        kind = type(obj)
        if any(c.__module__ in ("decimal", "_decimal") and c.__name__ == "Decimal" for c in kind.__mro__):
            if obj.is_nan():
                return float("nan")
            if self.mark is None:
                self.mark = "decimal-%s:" % os.urandom(16).hex()
            return self.mark + str(obj)
        if isinstance(obj, (bytes, bytearray)):
            if kind is bytes:
                return obj.decode("utf-8")
        elif callable(getattr(obj, "_asdict", None)):
            return obj._asdict()
        raise TypeError("Object of type %s is not JSON serializable" % kind.__name__)

    def insert(self, text):
        if self.mark is None:
            return text
        parts = text.split('"' + self.mark)
        return parts[0] + "".join("".join(p.split('"', 1)) for p in parts[1:])


def _is_record(value):
    return type(value) is not tuple and callable(getattr(value, "_asdict", None))


def _foreign(value):
    """Whether value holds what the C encoder would write otherwise, without asking default."""
    if isinstance(value, dict):
        for key in value:
            if type(key) is bytes:
                return True
        value = value.values()
    elif isinstance(value, tuple):
        if _is_record(value):
            return True
    elif not isinstance(value, list):
        return False
    for item in value:
        if type(item) not in _SCALARS and _foreign(item):
            return True
    return False


def _plain(value):
    if isinstance(value, tuple) and _is_record(value):
        value = value._asdict()
    if isinstance(value, dict):
        return {k.decode("utf-8") if type(k) is bytes else k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value
