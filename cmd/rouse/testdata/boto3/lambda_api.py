"""What boto3 must find at Rouse: AWS Lambda, as it was recorded and as its service model says."""
import base64
import concurrent.futures
import hashlib
import io
import json
import os
import re
import time
import unittest
import urllib.request
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["ROUSE_ENDPOINT"]
ROLE = "arn:aws:iam::000000000000:role/any"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

HANDLER = """
import os, time
def handler(event, context):
    print("working on", event)
    if not isinstance(event, dict): return event
    if "raise" in event: raise ValueError("boom")
    if "exit" in event: os._exit(event["exit"])
    if "kill" in event: os.kill(os.getpid(), event["kill"])
    if "sleep" in event: time.sleep(event["sleep"])
    if "big" in event: return "x" * event["big"]
    if "none" in event: return None
    if "context" in event: return [context.invoked_function_arn, context.function_version, context.client_context and context.client_context.custom]
    return event
"""


def archive(source=HANDLER, name="app.py"):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        z.writestr(name, source)
    return b.getvalue()


def client(**config):
    return boto3.client("lambda", endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any",
                        config=Config(retries={"max_attempts": 0}, **config))


class LambdaAPI(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.c = client()
        self.unchecked = client(parameter_validation=False)
        self.name = re.sub("[^a-z0-9]", "", self.id().rsplit(".", 1)[1])[-40:]
        self.addCleanup(self.forget)

    def forget(self):
        try:
            self.c.delete_function(FunctionName=self.name)
        except ClientError:
            pass

    def create(self, **more):
        given = dict(FunctionName=self.name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Code={"ZipFile": archive()}, Timeout=2)
        given.update(more)
        return self.c.create_function(**{k: v for k, v in given.items() if v is not None})

    def refused(self, code, status, message, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        answer = caught.exception.response
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status), answer)
        self.assertRegex(answer["Error"]["Message"], message)
        return answer

    def fails(self, event, body, **more):
        answer = self.c.invoke(FunctionName=self.name, Payload=json.dumps(event), **more)
        self.assertEqual((answer["StatusCode"], answer.get("FunctionError"), answer["ExecutedVersion"]), (200, "Unhandled", "$LATEST"))
        text = answer["Payload"].read().decode()
        self.assertEqual(text, body.replace("<id>", answer["ResponseMetadata"]["RequestId"]))
        return answer

    def test_life_of_a_function(self):
        code = archive()
        made = self.create(Code={"ZipFile": code}, Description="d", Tags={"a": "b"}, Environment={"Variables": {"KEY": "value"}})
        self.assertEqual((made["State"], made["StateReasonCode"], made["Version"]), ("Pending", "Creating", "$LATEST"))
        self.assertNotIn("LastUpdateStatus", made)
        self.c.get_waiter("function_active_v2").wait(FunctionName=self.name)
        got = self.c.get_function(FunctionName=self.name)
        sha = base64.b64encode(hashlib.sha256(code).digest()).decode()
        for key, want in dict(FunctionArn=ARN + self.name, State="Active", LastUpdateStatus="Successful", CodeSha256=sha, CodeSize=len(code), Timeout=2,
                              MemorySize=128, Description="d", Role=ROLE, PackageType="Zip", EphemeralStorage={"Size": 512},
                              Environment={"Variables": {"KEY": "value"}}, SnapStart={"ApplyOn": "None", "OptimizationStatus": "Off"}).items():
            self.assertEqual(got["Configuration"][key], want, key)
        self.assertEqual(got["Tags"], {"a": "b"})
        self.assertEqual(urllib.request.urlopen(got["Code"]["Location"]).read(), code)
        self.assertIn(self.name, [f["FunctionName"] for f in self.c.list_functions()["Functions"]])
        self.refused("ResourceConflictException", 409, "Function already exist: " + self.name, self.create)
        updated = self.c.update_function_configuration(FunctionName=self.name, MemorySize=256)
        self.assertEqual((updated["LastUpdateStatus"], updated["State"], updated["Timeout"], updated["Description"]), ("InProgress", "Active", 2, "d"))
        self.assertNotEqual(updated["RevisionId"], got["Configuration"]["RevisionId"])
        self.c.get_waiter("function_updated_v2").wait(FunctionName=self.name)
        answer = self.c.delete_function(FunctionName=self.name)
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 204)
        answer = self.refused("ResourceNotFoundException", 404, "^Function not found: " + ARN + self.name + "$", self.c.get_function, FunctionName=self.name)
        self.assertEqual((answer["Message"], answer["Type"]), ("Function not found: " + ARN + self.name, "User"))

    def test_updates_run_the_new_code_and_obey_preconditions(self):
        made = self.create()
        code = archive("def handler(e, c): return 'new'")
        stale = self.c.get_function_configuration(FunctionName=self.name)["RevisionId"]
        dry = self.c.update_function_code(FunctionName=self.name, ZipFile=code, DryRun=True)
        self.assertNotEqual(dry["CodeSha256"], made["CodeSha256"])
        self.assertEqual(self.c.get_function_configuration(FunctionName=self.name)["CodeSha256"], made["CodeSha256"])
        done = self.c.update_function_code(FunctionName=self.name, ZipFile=code, RevisionId=stale, Publish=True)
        self.assertEqual((done["Version"], done["FunctionArn"]), ("1", ARN + self.name + ":1"))
        self.assertEqual(self.c.invoke(FunctionName=self.name)["Payload"].read(), b'"new"')
        for call, more in ((self.c.update_function_code, {"ZipFile": archive()}), (self.c.update_function_configuration, {"Timeout": 9}), (self.c.publish_version, {})):
            self.refused("PreconditionFailedException", 412, "The Revision Id provided does not match the latest Revision Id", call, FunctionName=self.name, RevisionId=stale, **more)
        self.assertEqual(self.c.get_function_configuration(FunctionName=self.name)["Timeout"], 2)

    def test_invoke(self):
        self.create()
        answer = self.c.invoke(FunctionName=self.name, Payload=b'{"a": "\xc3\xbc"}', LogType="Tail")
        self.assertEqual((answer["StatusCode"], answer["ExecutedVersion"], json.loads(answer["Payload"].read())), (200, "$LATEST", {"a": "ü"}))
        log = base64.b64decode(answer["LogResult"]).decode()
        self.assertRegex(log, r"(?s)START RequestId: " + UUID + r" Version: \$LATEST\n.*working on .*END RequestId: .*REPORT RequestId: .*\tBilled Duration: \d+ ms\t")
        self.assertEqual(self.c.invoke(FunctionName=self.name)["Payload"].read(), b"{}")
        self.assertEqual(self.c.invoke(FunctionName=self.name, Payload='{"none": 1}')["Payload"].read(), b"null")
        dry = self.c.invoke(FunctionName=self.name, InvocationType="DryRun")
        self.assertEqual((dry["StatusCode"], dry["Payload"].read()), (204, b""))
        context = base64.b64encode(b'{"custom": {"x": 1}}').decode()
        answer = self.c.invoke(FunctionName=ARN + self.name, Payload='{"context": 1}', ClientContext=context)
        self.assertEqual(json.loads(answer["Payload"].read()), [ARN + self.name, "$LATEST", {"x": 1}])
        self.refused("InvalidRequestContentException", 400, "Could not parse request body into json", self.c.invoke, FunctionName=self.name, Payload="{")
        self.refused("InvalidRequestContentException", 400, "Client context must be a valid", self.c.invoke, FunctionName=self.name, ClientContext="%%")
        self.refused("RequestTooLargeException", 413, "payload is too large for the RequestResponse invocation type", self.c.invoke, FunctionName=self.name, Payload=json.dumps("x" * 6291456))
        self.refused("ValidationException", 400, "at 'invocationType' failed to satisfy constraint", self.c.invoke, FunctionName=self.name, InvocationType="Never")

    def test_function_errors(self):
        self.create()
        self.fails({"exit": 0}, '{"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited without providing a reason"}')
        self.fails({"exit": 127}, '{"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited with error: exit status 127"}')
        self.fails({"kill": 9}, '{"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited with error: signal: killed"}')
        self.fails({"big": 7000000}, '{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}')
        began = time.monotonic()
        self.fails({"sleep": 30}, '{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: <id> Error: Task timed out after 2.00 seconds"}')
        self.assertLess(time.monotonic() - began, 6)
        answer = self.c.invoke(FunctionName=self.name, Payload='{"raise": 1}')
        raised = json.loads(answer["Payload"].read())
        self.assertEqual((answer["FunctionError"], raised["errorType"], raised["errorMessage"]), ("Unhandled", "ValueError", "boom"))
        self.c.update_function_code(FunctionName=self.name, ZipFile=archive("1/0"))
        for _ in range(2):
            answer = self.c.invoke(FunctionName=self.name)
            raised = json.loads(answer["Payload"].read())
            self.assertEqual((answer["FunctionError"], raised["errorType"], raised["requestId"]), ("Unhandled", "ZeroDivisionError", ""))

    def test_response_stream(self):
        self.create()
        events = list(self.c.invoke_with_response_stream(FunctionName=self.name, Payload='{"a": 1}', LogType="Tail")["EventStream"])
        self.assertEqual(b"".join(e["PayloadChunk"]["Payload"] for e in events[:-1]), b'{"a": 1}')
        self.assertIn("REPORT RequestId", base64.b64decode(events[-1]["InvokeComplete"]["LogResult"]).decode())
        events = list(self.c.invoke_with_response_stream(FunctionName=self.name, Payload='{"raise": 1}')["EventStream"])
        self.assertEqual(events[-1]["InvokeComplete"]["ErrorCode"], "Unhandled")

    def test_names_and_arns(self):
        self.create(Publish=True)
        for name in (self.name, ARN + self.name, "000000000000:function:" + self.name, "function:" + self.name, self.name + ":$LATEST", ARN + self.name + ":1"):
            self.assertEqual(self.c.get_function_configuration(FunctionName=name)["FunctionName"], self.name, name)
        self.refused("InvalidParameterValueException", 400, "The derived qualifier from the function name does not match", self.c.invoke, FunctionName=self.name + ":1", Qualifier="2")
        self.refused("ResourceNotFoundException", 404, r"Functions from 'eu-west-1' are not reachable in this region \('us-east-1'\)", self.c.invoke,
                     FunctionName="arn:aws:lambda:eu-west-1:000000000000:function:" + self.name)
        self.refused("AccessDeniedException", 403, "is not authorized to perform: lambda:InvokeFunction", self.c.invoke, FunctionName="arn:aws:lambda:us-east-1:111111111111:function:" + self.name)
        for qualifier in ("7", "nobody"):
            self.refused("ResourceNotFoundException", 404, "^Function not found: " + ARN + self.name + ":" + qualifier + "$", self.c.invoke, FunctionName=self.name, Qualifier=qualifier)
        self.refused("ValidationException", 400, "^1 validation error detected: Value 'a b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: ",
                     self.c.get_function, FunctionName="a b")
        self.refused("InvalidParameterValueException", 400, "at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64", self.create, FunctionName="x" * 65)
        self.refused("ValidationException", 400, "Member must have length less than or equal to 140", self.create, FunctionName="x" * 141)

    def test_versions_and_aliases(self):
        self.create(Publish=True)
        self.assertEqual(self.c.publish_version(FunctionName=self.name)["Version"], "1")
        self.c.update_function_configuration(FunctionName=self.name, Environment={"Variables": {"VERSION": "2"}})
        self.refused("InvalidParameterValueException", 400, r"CodeSHA256 \(nonsense\) is different from current CodeSHA256 in \$LATEST", self.c.publish_version, FunctionName=self.name, CodeSha256="nonsense")
        second = self.c.publish_version(FunctionName=self.name, Description="second")
        self.assertEqual((second["Version"], second["Description"], second["State"]), ("2", "second", "Active"))
        self.c.get_waiter("published_version_active").wait(FunctionName=self.name, Qualifier="2")
        self.assertEqual(self.c.get_function_configuration(FunctionName=self.name, Qualifier="1").get("Environment"), None)
        pages = self.c.get_paginator("list_versions_by_function").paginate(FunctionName=self.name, PaginationConfig={"PageSize": 1})
        self.assertEqual([v["Version"] for p in pages for v in p["Versions"]], ["$LATEST", "1", "2"])
        alias = self.c.create_alias(FunctionName=self.name, Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
        self.assertEqual(alias["AliasArn"], ARN + self.name + ":live")
        self.assertEqual({self.c.invoke(FunctionName=self.name, Qualifier="live")["ExecutedVersion"] for _ in range(40)}, {"1", "2"})
        self.refused("ResourceConflictException", 409, "Alias already exists: " + alias["AliasArn"], self.c.create_alias, FunctionName=self.name, Name="live", FunctionVersion="1")
        self.refused("ResourceConflictException", 409, r"the following aliases reference it: \[live\]", self.c.delete_function, FunctionName=self.name, Qualifier="2")
        self.refused("InvalidParameterValueException", 400, "Function version 1 is already included", self.c.update_alias, FunctionName=self.name, Name="live",
                     RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})
        moved = self.c.update_alias(FunctionName=self.name, Name="live", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {}}, RevisionId=alias["RevisionId"])
        self.assertEqual((moved["FunctionVersion"], moved.get("RoutingConfig")), ("2", None))
        self.refused("PreconditionFailedException", 412, "Revision Id", self.c.update_alias, FunctionName=self.name, Name="live", RevisionId=alias["RevisionId"])
        self.assertEqual([a["Name"] for a in self.c.list_aliases(FunctionName=self.name, FunctionVersion="2")["Aliases"]], ["live"])
        self.c.delete_function(FunctionName=self.name, Qualifier="1")
        self.refused("ResourceNotFoundException", 404, "Function not found", self.c.get_function, FunctionName=self.name, Qualifier="1")
        self.refused("InvalidParameterValueException", 400, r"\$LATEST version cannot be deleted", self.c.delete_function, FunctionName=self.name, Qualifier="$LATEST")
        for _ in range(2):
            self.c.delete_alias(FunctionName=self.name, Name="live")
        self.refused("ResourceNotFoundException", 404, "Cannot find alias arn: ", self.c.get_alias, FunctionName=self.name, Name="live")
        self.c.delete_function(FunctionName=self.name, Qualifier="2")
        self.c.update_function_configuration(FunctionName=self.name, Description="third")
        self.assertEqual(self.c.publish_version(FunctionName=self.name)["Version"], "3")

    def test_reserved_concurrency(self):
        self.create()
        self.assertEqual(self.c.put_function_concurrency(FunctionName=self.name, ReservedConcurrentExecutions=0)["ReservedConcurrentExecutions"], 0)
        answer = self.refused("TooManyRequestsException", 429, r"Rate Exceeded\.", self.c.invoke, FunctionName=self.name)
        self.assertEqual((answer["Reason"], answer["Type"]), ("ReservedFunctionConcurrentInvocationLimitExceeded", "User"))
        self.assertGreaterEqual(int(answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"]), 1)
        self.c.put_function_concurrency(FunctionName=self.name, ReservedConcurrentExecutions=2)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            def call(_):
                try:
                    return client().invoke(FunctionName=self.name, Payload='{"sleep": 1}')["StatusCode"]
                except ClientError as e:
                    return e.response["ResponseMetadata"]["HTTPStatusCode"]
            self.assertEqual(sorted(pool.map(call, range(6))), [200, 200, 429, 429, 429, 429])
        self.refused("InvalidParameterValueException", 400, r"below its minimum value of \[100\]", self.c.put_function_concurrency, FunctionName=self.name, ReservedConcurrentExecutions=901)
        settings = self.c.get_account_settings()["AccountLimit"]
        self.assertEqual((settings["ConcurrentExecutions"], settings["UnreservedConcurrentExecutions"]), (1000, 998))
        self.c.delete_function_concurrency(FunctionName=self.name)
        self.assertNotIn("ReservedConcurrentExecutions", self.c.get_function_concurrency(FunctionName=self.name))

    def test_policies(self):
        self.create(Publish=True)
        said = self.c.add_permission(FunctionName=self.name, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::bucket")
        want = {"Sid": "s3", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": ARN + self.name,
                "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"}}}
        self.assertEqual(json.loads(said["Statement"]), want)
        got = self.c.get_policy(FunctionName=self.name)
        self.assertEqual(json.loads(got["Policy"]), {"Version": "2012-10-17", "Id": "default", "Statement": [want]})
        self.assertEqual(got["RevisionId"], self.c.get_function_configuration(FunctionName=self.name)["RevisionId"])
        self.refused("ResourceConflictException", 409, r"The statement id \(s3\) provided already exists", self.c.add_permission, FunctionName=self.name, StatementId="s3",
                     Action="lambda:InvokeFunction", Principal="*")
        self.refused("InvalidParameterValueException", 400, "The provided principal was invalid", self.c.add_permission, FunctionName=self.name, StatementId="x",
                     Action="lambda:InvokeFunction", Principal="nobody")
        self.c.add_permission(FunctionName=self.name, Qualifier="1", StatementId="s3", Action="lambda:InvokeFunction", Principal="123456789012")
        self.refused("ResourceNotFoundException", 404, "Statement other is not found in resource policy", self.c.remove_permission, FunctionName=self.name, StatementId="other")
        self.c.remove_permission(FunctionName=self.name, StatementId="s3")
        self.refused("ResourceNotFoundException", 404, "The resource you requested does not exist", self.c.get_policy, FunctionName=self.name)
        self.assertEqual(json.loads(self.c.get_policy(FunctionName=self.name, Qualifier="1")["Policy"])["Statement"][0]["Principal"], {"AWS": "arn:aws:iam::123456789012:root"})

    def test_tags(self):
        arn = self.create(Tags={"a": "1"})["FunctionArn"]
        self.c.tag_resource(Resource=arn, Tags={"b": "2"})
        self.c.untag_resource(Resource=arn, TagKeys=["a", "none"])
        self.assertEqual(self.c.list_tags(Resource=arn)["Tags"], {"b": "2"})
        self.refused("InvalidParameterValueException", 400, "Number of tags exceeds resource tag limit", self.c.tag_resource, Resource=arn, Tags={str(i): "" for i in range(50)})
        self.refused("ResourceNotFoundException", 404, "Function not found", self.c.list_tags, Resource=ARN + "nobody")

    def test_layers(self):
        content = archive("X = 42", "python/of_layer.py")
        layer = self.c.publish_layer_version(LayerName=self.name, Content={"ZipFile": content}, CompatibleRuntimes=["python3.11"])
        self.assertEqual(urllib.request.urlopen(layer["Content"]["Location"]).read(), content)
        self.assertEqual(self.c.get_layer_version_by_arn(Arn=layer["LayerVersionArn"])["Version"], layer["Version"])
        self.create(Layers=[layer["LayerVersionArn"]], Code={"ZipFile": archive("import of_layer\ndef handler(e, c): return of_layer.X")})
        self.assertEqual(self.c.invoke(FunctionName=self.name)["Payload"].read(), b"42")
        self.c.delete_layer_version(LayerName=self.name, VersionNumber=layer["Version"])
        self.refused("ResourceNotFoundException", 404, "The resource you requested does not exist", self.c.get_layer_version, LayerName=self.name, VersionNumber=layer["Version"])
        self.assertEqual(self.c.invoke(FunctionName=self.name)["Payload"].read(), b"42")
        again = self.c.publish_layer_version(LayerName=self.name, Content={"ZipFile": content})
        self.assertEqual(again["Version"], layer["Version"] + 1)
        self.refused("InvalidParameterValueException", 400, "Layer version .* does not exist", self.c.update_function_configuration, FunctionName=self.name, Layers=[layer["LayerVersionArn"]])
        self.c.delete_layer_version(LayerName=self.name, VersionNumber=again["Version"])

    def test_pages_cannot_be_forged(self):
        names = [self.name + str(i) for i in range(3)]
        for name in names:
            self.create(FunctionName=name)
            self.addCleanup(self.c.delete_function, FunctionName=name)
        found, marker = [], None
        while marker or not found:
            page = self.c.list_functions(MaxItems=1, **({"Marker": marker} if marker else {}))
            found += [f["FunctionName"] for f in page["Functions"]]
            marker = page.get("NextMarker")
            last = marker or last
        self.assertEqual(found, sorted(set(found)))
        self.assertLessEqual(set(names), set(found))
        raw = bytearray(base64.b64decode(last))
        raw[-1] ^= 1
        for forged in ("x", base64.b64encode(bytes(raw)).decode()):
            self.refused("InvalidParameterValueException", 400, "Marker", self.c.list_functions, Marker=forged)
        self.refused("InvalidParameterValueException", 400, "Marker", self.c.list_versions_by_function, FunctionName=names[0], Marker=last)

    def test_input_that_is_refused_leaves_nothing(self):
        def bad(code, status, message, **more):
            given = dict(FunctionName=self.name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Code={"ZipFile": archive()})
            given.update(more)
            given = {k: v for k, v in given.items() if v is not None}
            self.refused(code, status, message, self.unchecked.create_function, **given)
        invalid, validation = "InvalidParameterValueException", "ValidationException"
        bad(validation, 400, "^1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:", Role="r1")
        bad(validation, 400, "^1 validation error detected: Value null at 'role' failed to satisfy constraint: Member must not be null$", Role=None)
        bad(validation, 400, "^2 validation errors detected: ", MemorySize=1, Timeout=0)
        bad(validation, 400, "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900", Timeout=901)
        bad(validation, 400, r"Value '\[riscv\]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: \[Member must satisfy enum value set: \[x86_64, arm64\], Member must not be null\]", Architectures=["riscv"])
        bad(validation, 400, r"at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint", Environment={"Variables": {"1": "x"}})
        bad(invalid, 400, "Value python2 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: .* or be a valid ARN", Runtime="python2")
        bad(invalid, 400, "Could not unzip uploaded file", Code={"ZipFile": b"no archive"})
        bad(invalid, 400, "Please provide a source for function code", Code={})
        bad(invalid, 400, "Runtime and Handler are mandatory parameters", Handler=None)
        bad(invalid, 400, "Reserved keys used in this request: AWS_REGION", Environment={"Variables": {"AWS_REGION": "x"}})
        bad(invalid, 400, "exceeded the 4KB limit", Environment={"Variables": {"KEY": "x" * 4097}})
        for setting in (dict(VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}), dict(KMSKeyArn="arn:aws:kms:us-east-1:000000000000:key/k"),
                        dict(FileSystemConfigs=[{"Arn": f"arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-{'0' * 17}", "LocalMountPath": "/mnt/a"}]), dict(Code={"S3Bucket": "bucket", "S3Key": "key"})):
            bad(invalid, 400, "not available in Rouse", **setting)
        bad(invalid, 400, "python3.11 is not supported for SnapStart enabled functions", SnapStart={"ApplyOn": "PublishedVersions"})
        bad("RequestEntityTooLargeException", 413, "Request must be smaller than 70167211 bytes for the CreateFunction operation", Code={"ZipFile": b"\0" * 60000000})
        bad("RequestEntityTooLargeException", 413, "Zipped size must be smaller than 52428800 bytes", Code={"ZipFile": b"\0" * 52428801})
        self.refused("ResourceNotFoundException", 404, "Function not found", self.c.get_function, FunctionName=self.name)

    def test_bodies_that_are_no_input(self):
        def post(body, path="/2015-03-31/functions", method="POST"):
            request = urllib.request.Request(ENDPOINT + path, data=body, method=method)
            try:
                return urllib.request.urlopen(request).status
            except urllib.error.HTTPError as e:
                return e.code, e.headers["x-amzn-ErrorType"], json.loads(e.read())
        self.assertEqual(post(b"{")[:2], (400, "InvalidRequestContentException"))
        self.assertEqual(post(b"{} {}")[:2], (400, "InvalidRequestContentException"))
        self.assertEqual(post(b"[]")[:2], (400, "SerializationException"))
        self.assertEqual(post(b'{"MemorySize": "128"}'), (400, "SerializationException", {"Message": "STRING_VALUE can not be converted to an Integer"}))
        self.assertEqual(post(b'{"Code": {"ZipFile": "%"}}')[:2], (400, "SerializationException"))
        self.assertEqual(post(b"", "/2015-03-31/nothing")[:2], (404, "UnknownOperationException"))

    def test_what_is_not_built_says_so(self):
        self.create()
        self.refused("NotImplementedException", 501, "CreateCapacityProvider is not available in Rouse", self.unchecked.create_capacity_provider, CapacityProviderName="x")
        self.assertNotIn("CodeSigningConfigArn", self.c.get_function_code_signing_config(FunctionName=self.name))
        self.assertEqual(self.c.get_runtime_management_config(FunctionName=self.name)["UpdateRuntimeOn"], "Auto")
        self.assertEqual(self.c.get_function_recursion_config(FunctionName=self.name)["RecursiveLoop"], "Terminate")

    def test_the_command_lines_function_is_the_same(self):
        name = os.environ["ROUSE_DEPLOYED"]
        got = self.c.get_function(FunctionName=name)
        self.assertEqual((got["Configuration"]["Runtime"], got["Configuration"]["MemorySize"]), ("provided", 64))
        self.assertTrue(zipfile.is_zipfile(io.BytesIO(urllib.request.urlopen(got["Code"]["Location"]).read())))
        self.c.update_function_configuration(FunctionName=name, Description="seen")
        self.assertEqual(self.c.get_function_configuration(FunctionName=name)["Description"], "seen")


if __name__ == "__main__":
    unittest.main(verbosity=2)
