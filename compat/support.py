"""What the suite's tests share: clients, archives, and ways of saying what AWS answers."""
import base64
import functools
import io
import json
import os
import re
import subprocess
import sys
import unittest
import urllib.error
import urllib.request
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

ENDPOINT = os.environ["ROUSE_ENDPOINT"]
DRIVER = os.environ["ROUSE_DRIVER"]
KEY = os.environ.get("ROUSE_KEY", "any:any")
REGION, ACCOUNT = "us-east-1", "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
LAYER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:"
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
INVALID, VALIDATION, NOT_FOUND, CONFLICT = (
    "InvalidParameterValueException", "ValidationException", "ResourceNotFoundException", "ResourceConflictException")
MISMATCH = "The derived qualifier from the function name does not match the specified qualifier."

ECHO = "def handler(event, context):\n    return event\n"


def archive(source=ECHO, name="app.py", mode=0o644, **more):
    """A zip of one file, and of more by their names."""
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        for path, text in {name: source, **more}.items():
            info = zipfile.ZipInfo(path)
            info.external_attr = mode << 16
            z.writestr(info, text)
    return b.getvalue()


def packed(folder, **more):
    """A zip of a folder, and of more files by their names."""
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
        for at, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(at, name)
                z.write(path, os.path.relpath(path, folder))
        for path, text in more.items():
            info = zipfile.ZipInfo(path)
            info.external_attr = 0o755 << 16
            z.writestr(info, text)
    return b.getvalue()


@functools.cache
def client(service="lambda", key=KEY, **config):
    id, secret = key.split(":")
    made = boto3.client(service, endpoint_url=ENDPOINT, region_name=REGION, aws_access_key_id=id, aws_secret_access_key=secret,
                        config=Config(retries={"max_attempts": 0}, read_timeout=120, max_pool_connections=64, **config))
    made.meta.events.register("before-parse." + service, of_the_model)
    return made


def of_the_model(operation_model, response_dict, **_):
    """Holds every answer to botocore's model more strictly than botocore does, since other clients do."""
    shape = operation_model.output_shape
    body = response_dict["body"]
    if response_dict["status_code"] >= 300:
        problem = unlike_error(operation_model, response_dict)
        if problem:
            raise AssertionError(problem)
        return
    if "json" not in operation_model.service_model.resolved_protocol or not shape or shape.serialization.get("payload") or not body:
        return
    problems = list(unlike_shape(shape, json.loads(body), operation_model.name))
    if problems:
        raise AssertionError("; ".join(problems))


# The errors that any operation may answer, which no operation's model lists.
COMMON = {"ValidationException": 400, "SerializationException": 400, "InvalidRequestContentException": 400, "AccessDeniedException": 403,
          "UnknownOperationException": 404, "RequestEntityTooLargeException": 413, "NotImplementedException": 501,
          "InvalidSignatureException": 403, "UnrecognizedClientException": 403, "MissingAuthenticationTokenException": 403, "IncompleteSignatureException": 403}


def unlike_error(operation_model, response_dict):
    """What of an error is not as the operation's model says."""
    if operation_model.service_model.service_name != "lambda" or not response_dict["body"]:
        return None
    name, status = response_dict["headers"].get("x-amzn-errortype"), response_dict["status_code"]
    for shape in operation_model.error_shapes:
        if shape.name == name:
            unknown = set(json.loads(response_dict["body"])) - {"message", "Message"} - set(shape.members)
            if status != shape.metadata["error"]["httpStatusCode"] or unknown:
                return f"{operation_model.name}: {name} with {status} and {unknown}, not {shape.metadata['error']['httpStatusCode']}"
            return None
    if COMMON.get(name) != status:
        return f"{operation_model.name}: {name} with {status} is in no model"
    return None


def unlike_shape(shape, value, path):
    """What of a JSON value is not as its shape says."""
    kinds = {"structure": dict, "map": dict, "list": list, "string": str, "character": str, "blob": str, "boolean": bool, "integer": int, "long": int,
             "double": (int, float), "float": (int, float), "timestamp": (int, float)}
    if shape.type_name == "timestamp" and shape.serialization.get("timestampFormat") == "iso8601":
        kinds["timestamp"] = str
    if value is None:
        return
    if not isinstance(value, kinds[shape.type_name]) or isinstance(value, bool) and shape.type_name != "boolean":
        yield f"{path}: {value!r} is no {shape.type_name}"
    elif shape.type_name == "structure":
        for name, inner in value.items():
            members = {m.serialization.get("name", n): m for n, m in shape.members.items()}
            if name not in members:
                yield f"{path}.{name} is not in the model"
            else:
                yield from unlike_shape(members[name], inner, f"{path}.{name}")
    elif shape.type_name == "list":
        for inner in value:
            yield from unlike_shape(shape.member, inner, path + "[]")
    elif shape.type_name == "map":
        for inner in value.values():
            yield from unlike_shape(shape.value, inner, path + "{}")
    elif getattr(shape, "enum", None) and value not in shape.enum and not path.endswith(".LastUpdateStatusReasonCode"):  # AWS's "Creating" is not in its model
        yield f"{path}: {value!r} is none of {shape.enum}"


def http(method, path, body=b"", **headers):
    """One request as it is, with its status, headers and body."""
    request = urllib.request.Request(ENDPOINT + path, data=body or None, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


# The AWS CLI's two major versions: they parse, sign and print with code of their own.
AWS_CLI = {1: [sys.executable, "-m", "awscli"], 2: [os.environ["ROUSE_AWS_CLI2"]]}


def aws(*words, check=True, key=KEY, version=1):
    """One command line of the AWS CLI, with its output as JSON where it is some."""
    id, secret = key.split(":")
    env = dict(os.environ, AWS_ENDPOINT_URL=ENDPOINT, AWS_DEFAULT_REGION=REGION, AWS_ACCESS_KEY_ID=id, AWS_SECRET_ACCESS_KEY=secret,
               AWS_MAX_ATTEMPTS="1", AWS_PAGER="", AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    if words[0] == "sqs" and version == 1:
        words += ("--endpoint-url", ENDPOINT)  # for this service it knows no other way
    done = subprocess.run([*AWS_CLI[version], *words], env=env, capture_output=True, text=True, timeout=120)
    if check and done.returncode != 0:
        raise AssertionError(f"aws {' '.join(words)}: {done.returncode}\n{done.stderr}")
    if not check:
        return done
    try:
        return json.loads(done.stdout) if done.stdout.strip() else None
    except ValueError:
        return done.stdout


class Suite(unittest.TestCase):
    """A test with a function name of its own, whose functions are gone afterwards."""
    maxDiff = None

    def setUp(self):
        self.c = client()
        self.raw = client(parameter_validation=False)
        self.name = re.sub("[^a-z0-9]", "", self.id().rsplit(".", 1)[1])[-50:]
        self.arn = ARN + self.name
        self.addCleanup(self.forget, self.name)
        self.forget(self.name)

    def forget(self, name):
        try:
            self.c.delete_function(FunctionName=name)
        except ClientError:
            pass

    def arguments(self, **more):
        given = dict(FunctionName=self.name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Code={"ZipFile": archive()})
        given.update(more)
        return {k: v for k, v in given.items() if v is not None}

    def create(self, **more):
        made = self.raw.create_function(**self.arguments(**more))
        self.addCleanup(self.forget, made["FunctionName"])
        return made

    def invoke(self, event=None, **more):
        """Invokes and returns the answer with its payload decoded."""
        given = dict(FunctionName=self.name, **more)
        if event is not None:
            given["Payload"] = json.dumps(event)
        answer = self.c.invoke(**given)
        answer["Text"] = answer["Payload"].read().decode()
        return answer

    def log(self, answer):
        return base64.b64decode(answer["LogResult"]).decode()

    def refused(self, code, status, message, call, *words, **arguments):
        """Wants an error, its message to the letter, its keys in AWS's spelling."""
        with self.assertRaises(ClientError) as caught:
            call(*words, **arguments)
        answer = caught.exception.response
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"].get("Message")), (code, status, message))
        self.assertEqual(answer["ResponseMetadata"]["HTTPHeaders"].get("x-amzn-errortype"), code)
        return answer

    def missing(self, message, call, **arguments):
        answer = self.refused(NOT_FOUND, 404, message, call, **arguments)
        self.assertEqual((answer.get("Message"), answer.get("Type"), answer.get("message")), (message, "User", None))

    def invalid(self, message, call, **arguments):
        answer = self.refused(INVALID, 400, message, call, **arguments)
        self.assertEqual((answer.get("message"), answer.get("Type"), answer.get("Message")), (message, "User", None))

    def unlike(self, problems, call, **arguments):
        """Wants the validation errors of botocore's model, which have no Type."""
        word = "1 validation error detected: " if isinstance(problems, str) else f"{len(problems)} validation errors detected: "
        answer = self.refused(VALIDATION, 400, word + (problems if isinstance(problems, str) else "; ".join(problems)), call, **arguments)
        self.assertNotIn("Type", answer)

    def stale(self, call, get="GetFunction/GetAlias", **arguments):
        message = f"The Revision Id provided does not match the latest Revision Id. Call the {get} API to retrieve the latest Revision Id"
        answer = self.refused("PreconditionFailedException", 412, message, call, **arguments)
        self.assertEqual((answer.get("message"), answer.get("Type")), (message, "User"))
