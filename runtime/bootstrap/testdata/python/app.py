import collections
import datetime
import decimal
import logging
import os
import sys

Point = collections.namedtuple("Point", "x y")
calls = 0


def echo(event, context):
    return event


def none(event, context):
    pass


def count(event, context):
    global calls
    calls += 1
    return calls


def describe(event, context):
    assert 0 < context.get_remaining_time_in_millis() <= 60000
    return {
        "id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "group": context.log_group_name,
        "stream": context.log_stream_name,
        "client": repr(context.client_context),
        "custom": context.client_context.custom,
        "title": context.client_context.client.app_title,
        "identity": [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id],
        "w3c": context.w3c(),
        "tenant": context.tenant_id,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "repr": repr(context),
    }


def bare(event, context):
    return [context.client_context, repr(context.identity), os.environ.get("_X_AMZN_TRACE_ID")]


def decimals(event, context):
    d = decimal.Decimal
    return {"a": d("1.10"), "b": [d("-0.000000000000000000001"), d("12345678901234567890.5")], "c": d("1E+3"), "s": 'decimal-"x'}


def records(event, context):
    return {"p": Point(1, [Point(2, None)]), "l": [Point(b"x", "y")], b"key": b"value", 1: True, None: 2.5, "t": (1, 2)}


def unicode(event, context):
    return "grüße \u2028 \x7f \U0001f600 </script>"


def raw(event, context):
    return b"\x00\xff not json"


def not_serializable(event, context):
    return {"when": datetime.datetime(2020, 1, 1)}


def circular(event, context):
    loop = []
    loop.append(loop)
    return loop


def bad_bytes(event, context):
    return {"b": b"\xff"}


def a_set(event, context):
    return {1, 2}


def nan(event, context):
    return [float("nan"), float("inf"), decimal.Decimal("NaN")]


class Custom(Exception):
    pass


def raises(event, context):
    try:
        {}["missing"]
    except KeyError:
        raise Custom("wrong: %s" % event)


def raises_empty(event, context):
    raise ValueError()


def deep(event, context):
    return deep(event, context)


def exits(event, context):
    sys.exit(event)


def calls_exit(event, context):
    exit(7)


def dies(event, context):
    print("last words", end="")
    os._exit(3)


def logs(event, context):
    logging.getLogger("mine").warning("careful %s", event)
    print("printed")
    try:
        raise Custom("x")
    except Custom:
        logging.exception("caught")
    logging.log(45, "own")


def environment(event, context):
    return {k: os.environ.get(k) for k in ("_HANDLER", "LAMBDA_TASK_ROOT")}


not_callable = 5


class Api:
    def __call__(self, event, context):
        return "called"


api = Api()
