"""Finds the handler and answers events until the process ends."""

import importlib
import os
import sys

import rouse_lambda
from rouse_lambda import client, encode, imports


class Fault(Exception):
    """An error of the runtime's own, with AWS's name for it."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind, self.message, self.trace = kind, message, trace


def main(argv, here):
    """Runs until the host ends the process; a handler that cannot be found exits with 1."""
    name = argv[1] if len(argv) > 1 else os.environ.get("_HANDLER", "")
    os.environ["_HANDLER"] = name
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    if not address:
        sys.exit("bootstrap: AWS_LAMBDA_RUNTIME_API is not set: this runs inside Rouse, or beside a runtime interface emulator")
    api = client.Client(address)
    imports.prepare(here, os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd())
    watch = None
    if os.environ.pop("ROUSE_LEARN_IMPORTS", None):
        from rouse_lambda.learn import Watch

        watch = Watch((os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd(), "/opt"))
    try:
        handler = find(name)
    except Exception as error:
        result = describe(error, here)
        log(result)
        api.fail_init(encode.dumps(result), result["errorType"])
        sys.exit(1)
    if watch is not None:
        api.imported(encode.dumps(watch.end()))
    while True:
        headers, body = api.next()
        handle(api, handler, headers, body, here)


def find(name):
    """Imports the handler that "folder/module.function" names."""
    module_name, dot, function = name.rpartition(".")
    if not dot:
        # AWS's message is that of the failed unpacking.
        raise Fault(
            "Runtime.MalformedHandlerName",
            "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name,
        )
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error))
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, error), trace)
    try:
        return getattr(module, function)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function, module_name))


def handle(api, handler, headers, body, here):
    """Answers one event. What is not an Exception, such as sys.exit, ends the process, as on AWS."""
    request_id = headers.get("lambda-runtime-aws-request-id", "")
    rouse_lambda.request_id = request_id
    rouse_lambda.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
    trace_id = headers.get("lambda-runtime-trace-id")
    if trace_id is not None:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        context = make_context(headers)
        response, content_type = marshal(handler(unmarshal(body, headers.get("content-type")), context))
    except Exception as error:
        result = describe(error, here, request_id)
        log(result)
        api.fail(request_id, encode.dumps(result), result["errorType"])
        return
    api.respond(request_id, response, content_type)


def make_context(headers):
    from rouse_lambda.context import LambdaContext

    return LambdaContext(
        rouse_lambda.request_id,
        _header(headers, "lambda-runtime-client-context", "Client Context"),
        _header(headers, "lambda-runtime-cognito-identity", "Cognito Identity"),
        int(headers.get("lambda-runtime-deadline-ms") or 0),
        headers.get("lambda-runtime-invoked-function-arn"),
        rouse_lambda.tenant_id,
    )


def _header(headers, key, name):
    value = headers.get(key)
    if not value:
        return None
    try:
        return encode.loads(value)
    except Exception as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, error))


def unmarshal(body, content_type):
    if content_type != "application/json":
        return body
    try:
        return encode.loads(body)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)


def marshal(response):
    if isinstance(response, bytes):
        return response, "application/unknown"
    try:
        return encode.dumps(response), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error)


def describe(error, here, request_id=""):
    """The error as the Runtime API takes it, without the frames of this package."""
    if isinstance(error, Fault):
        kind, message, trace = error.kind, error.message, error.trace or []
    else:
        import traceback

        frames = traceback.extract_tb(error.__traceback__)
        own = here + os.sep
        while frames and frames[0].filename.startswith(own):
            del frames[0]
        kind, message = type(error).__name__, str(error)
        trace = traceback.format_list([(f.filename, f.lineno, f.name, f.line) for f in frames])
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def log(result):
    from rouse_lambda import logs

    sys.stdout.write(logs.error_line(result))
    sys.stdout.flush()
