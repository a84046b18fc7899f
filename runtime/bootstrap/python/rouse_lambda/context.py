"""What a handler gets as its second argument."""

import os
import time

_W3C = ("traceparent", "tracestate", "baggage")


def _fill(cls, values):
    if values is None:
        return None
    made = cls()
    for field in cls.__slots__:
        setattr(made, field, values.get(field))
    return made


def _show(obj):
    fields = ",".join("%s=%s" % (field, getattr(obj, field)) for field in obj.__slots__)
    return "%s([%s])" % (type(obj).__name__, fields)


class CognitoIdentity:
    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]
    __repr__ = _show


class Client:
    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]
    __repr__ = _show


class ClientContext:
    __slots__ = ["custom", "env", "client"]
    __repr__ = _show


class LambdaContext:
    def __init__(self, request_id, client_context, identity, deadline_ms, arn, tenant_id):
        env = os.environ.get
        self.aws_request_id = request_id
        self.log_group_name = env("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = env("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = env("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = arn
        self.tenant_id = tenant_id
        # The trace context travels inside the client context; handlers see it
        # only through w3c().
        w3c = client_context.pop("w3c", None) if isinstance(client_context, dict) else None
        w3c = w3c if isinstance(w3c, dict) else {}
        self._w3c = {k: w3c[k] for k in _W3C if isinstance(w3c.get(k), str)}
        self.client_context = _fill(ClientContext, client_context)
        if self.client_context is not None:
            self.client_context.client = _fill(Client, self.client_context.client)
        self.identity = _fill(CognitoIdentity, {})
        if identity is not None:
            self.identity.cognito_identity_id = identity.get("cognitoIdentityId")
            self.identity.cognito_identity_pool_id = identity.get("cognitoIdentityPoolId")
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def w3c(self):
        """The W3C trace context of this event: traceparent, tracestate, baggage."""
        return dict(self._w3c)

    def log(self, msg):
        import sys

        sys.stdout.write(str(msg))

    def __repr__(self):
        fields = (
            "aws_request_id log_group_name log_stream_name function_name memory_limit_in_mb "
            "function_version invoked_function_arn client_context identity tenant_id"
        ).split()
        return "LambdaContext([%s])" % ",".join("%s=%s" % (f, getattr(self, f)) for f in fields)
