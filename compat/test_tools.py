"""The sequences of calls that people's tools make: the AWS CLI, SAM, Terraform, Serverless."""
import hashlib
import tempfile

from support import *


class CommandLine(Suite):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.zip, self.out = os.path.join(folder.name, "code.zip"), os.path.join(folder.name, "out.json")
        self.write(ECHO)

    def write(self, source):
        with open(self.zip, "wb") as f:
            f.write(archive(source))

    def test_from_create_to_delete(self):
        made = aws("lambda", "create-function", "--function-name", self.name, "--runtime", "python3.11", "--handler", "app.handler", "--role", ROLE,
                   "--zip-file", "fileb://" + self.zip, "--environment", "Variables={KEY=value}", "--tags", "team=a")
        self.assertEqual((made["State"], made["CodeSize"]), ("Pending", os.path.getsize(self.zip)))
        aws("lambda", "wait", "function-active-v2", "--function-name", self.name)
        answer = aws("lambda", "invoke", "--function-name", self.name, "--payload", '{"a": 1}', "--log-type", "Tail", self.out)
        self.assertEqual((answer["StatusCode"], answer["ExecutedVersion"]), (200, "$LATEST"))
        self.assertIn("REPORT RequestId", base64.b64decode(answer["LogResult"]).decode())
        with open(self.out) as f:
            self.assertEqual(json.load(f), {"a": 1})
        self.write("def handler(event, context): return 'new'\n")
        self.assertEqual(aws("lambda", "update-function-code", "--function-name", self.name, "--zip-file", "fileb://" + self.zip, "--publish")["Version"], "1")
        aws("lambda", "wait", "function-updated-v2", "--function-name", self.name)
        aws("lambda", "wait", "published-version-active", "--function-name", self.name, "--qualifier", "1")
        aws("lambda", "create-alias", "--function-name", self.name, "--name", "live", "--function-version", "1")
        self.assertEqual(aws("lambda", "invoke", "--function-name", self.name, "--qualifier", "live", self.out)["ExecutedVersion"], "1")
        with open(self.out) as f:
            self.assertEqual(json.load(f), "new")
        self.assertIn(self.name, aws("lambda", "list-functions", "--query", "Functions[].FunctionName", "--output", "json"))
        self.assertEqual(aws("lambda", "list-tags", "--resource", self.arn)["Tags"], {"team": "a"})
        refused = aws("lambda", "get-function", "--function-name", "doesnotexist", check=False)
        self.assertIn(refused.returncode, (254, 255))  # version 2, version 1
        self.assertIn(f"An error occurred (ResourceNotFoundException) when calling the GetFunction operation: Function not found: {ARN}doesnotexist", refused.stderr)
        aws("lambda", "delete-function", "--function-name", self.name)
        self.missing(f"Function not found: {self.arn}", self.c.get_function, FunctionName=self.name)


    def test_a_queue_and_what_it_calls(self):
        aws("lambda", "create-function", "--function-name", self.name, "--runtime", "python3.11", "--handler", "app.handler", "--role", ROLE, "--zip-file", "fileb://" + self.zip)
        url = aws("sqs", "create-queue", "--queue-name", self.name, "--attributes", "VisibilityTimeout=5,MessageRetentionPeriod=600")["QueueUrl"]
        self.addCleanup(aws, "sqs", "delete-queue", "--queue-url", url)
        source = aws("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]["QueueArn"]
        sent = aws("sqs", "send-message", "--queue-url", url, "--message-body", "x", "--message-attributes", "a={DataType=Number,StringValue=1}")
        message, = aws("sqs", "receive-message", "--queue-url", url, "--visibility-timeout", "0", "--message-attribute-names", "All")["Messages"]
        self.assertEqual((message["MessageId"], message["MessageAttributes"]["a"]["StringValue"]), (sent["MessageId"], "1"))
        made = aws("lambda", "create-event-source-mapping", "--function-name", self.name, "--event-source-arn", source, "--batch-size", "1")
        self.assertEqual((made["State"], made["BatchSize"]), ("Creating", 1))
        listed, = aws("lambda", "list-event-source-mappings", "--function-name", self.name)["EventSourceMappings"]
        self.assertEqual(listed["UUID"], made["UUID"])
        aws("lambda", "delete-event-source-mapping", "--uuid", made["UUID"])

    def test_an_address_of_its_own(self):
        aws("lambda", "create-function", "--function-name", self.name, "--runtime", "python3.11", "--handler", "app.handler", "--role", ROLE, "--zip-file", "fileb://" + self.zip)
        url = aws("lambda", "create-function-url-config", "--function-name", self.name, "--auth-type", "NONE")["FunctionUrl"]
        aws("lambda", "add-permission", "--function-name", self.name, "--statement-id", "url", "--action", "lambda:InvokeFunctionUrl", "--principal", "*", "--function-url-auth-type", "NONE")
        self.assertEqual(http("GET", url[len(ENDPOINT):] + "a")[0], 200)


class Tools(Suite):
    def test_terraforms_apply_refresh_and_destroy(self):
        """aws_lambda_function, aws_lambda_alias, aws_lambda_permission and aws_lambda_layer_version, as the provider reads and writes them."""
        self.missing(f"Function not found: {self.arn}", self.c.get_function, FunctionName=self.name)
        made = self.create(Publish=True, MemorySize=256, Timeout=10, Environment={"Variables": {"KEY": "value"}}, Tags={"managed": "yes"}, Architectures=["x86_64"], PackageType="Zip",
                           EphemeralStorage={"Size": 1024}, TracingConfig={"Mode": "PassThrough"}, LoggingConfig={"LogFormat": "Text"}, SnapStart={"ApplyOn": "None"})
        self.c.get_waiter("function_active_v2").wait(FunctionName=self.name)

        def refresh():
            got = self.c.get_function(FunctionName=self.name)
            self.assertEqual((got["Configuration"]["State"], got["Configuration"]["LastUpdateStatus"], got["Tags"]), ("Active", "Successful", {"managed": "yes"}))
            versions = [v for p in self.c.get_paginator("list_versions_by_function").paginate(FunctionName=self.name) for v in p["Versions"]]
            self.c.get_function_code_signing_config(FunctionName=self.name)
            return got["Configuration"], versions[-1]["Version"]
        self.assertEqual((made["Version"], refresh()[1], refresh()[0]["EphemeralStorage"]), ("1", "1", {"Size": 1024}))
        self.c.create_alias(FunctionName=self.name, Name="live", FunctionVersion="1")
        self.c.add_permission(FunctionName=self.name, StatementId="AllowS3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::b", Qualifier="live")
        self.assertEqual(json.loads(self.c.get_policy(FunctionName=self.name, Qualifier="live")["Policy"])["Statement"][0]["Sid"], "AllowS3")
        self.c.update_function_configuration(FunctionName=self.name, MemorySize=512)
        self.c.get_waiter("function_updated_v2").wait(FunctionName=self.name)
        self.c.update_function_code(FunctionName=self.name, ZipFile=archive("def handler(e, c): return 2"), DryRun=False, Publish=False)
        self.c.get_waiter("function_updated_v2").wait(FunctionName=self.name)
        version = self.c.publish_version(FunctionName=self.name)["Version"]
        self.c.update_alias(FunctionName=self.name, Name="live", FunctionVersion=version)
        self.assertEqual((refresh()[1], self.invoke(Qualifier="live")["Text"]), ("2", "2"))
        self.c.remove_permission(FunctionName=self.name, StatementId="AllowS3", Qualifier="live")
        self.c.delete_alias(FunctionName=self.name, Name="live")
        self.c.delete_function(FunctionName=self.name)
        self.missing(f"Function not found: {self.arn}", self.c.get_function, FunctionName=self.name)

    def test_serverless_deploys_again_only_what_changed(self):
        """serverless deploy function: it compares CodeSha256 and configuration, then updates one or the other."""
        code = archive()
        self.create(Code={"ZipFile": code})
        remote = self.c.get_function(FunctionName=self.name)["Configuration"]
        self.assertEqual(remote["CodeSha256"], base64.b64encode(hashlib.sha256(code).digest()).decode())
        again = self.c.update_function_code(FunctionName=self.name, ZipFile=code)
        self.assertEqual(again["CodeSha256"], remote["CodeSha256"])
        self.c.update_function_configuration(FunctionName=self.name, Handler="app.handler", Description="d", MemorySize=1024, Timeout=6, Role=ROLE, Environment={"Variables": {"STAGE": "dev"}})
        self.assertEqual(self.c.get_function(FunctionName=self.name)["Configuration"]["Environment"]["Variables"], {"STAGE": "dev"})
        self.c.update_function_configuration(FunctionName=self.name, Environment={"Variables": {}})
        self.assertEqual(self.c.get_function(FunctionName=self.name)["Configuration"]["Environment"], {"Variables": {}})
