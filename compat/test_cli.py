"""What people type: the AWS CLI in both of its major versions, which parse, sign, page and print with code of their own."""
import tempfile

from support import *


class Version1(Suite):
    version = 1

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.zip, self.out, self.event = (os.path.join(folder.name, name) for name in ("code.zip", "out.json", "event.json"))
        self.write(ECHO)
        with open(self.event, "w") as f:
            json.dump({"a": 1}, f)

    def write(self, source):
        with open(self.zip, "wb") as f:
            f.write(archive(source))

    def aws(self, *words, **more):
        return aws(*words, version=self.version, **more)

    def on(self, command, *words, **more):
        """One of Lambda's commands for this test's function."""
        return self.aws("lambda", *command.split(), "--function-name", self.name, *words, **more)

    def make(self, *words):
        return self.on("create-function", "--runtime", "python3.11", "--handler", "app.handler", "--role", ROLE, "--zip-file", "fileb://" + self.zip, *words)

    def called(self, *words):
        """What an invoke prints, and what it wrote."""
        printed = self.on("invoke", *words, self.out)
        with open(self.out) as f:
            return printed, json.load(f)

    def refusal(self, code, message, *words):
        """Wants the service's error, and not one of the CLI's own."""
        done = self.aws(*words, check=False)
        self.assertEqual(done.returncode, 255 if self.version == 1 else 254)
        self.assertIn(f"An error occurred ({code}) when calling the", done.stderr)
        self.assertIn(message, done.stderr)

    def test_from_create_to_delete(self):
        made = self.make("--environment", "Variables={KEY=value}", "--tags", "team=a")
        self.assertEqual((made["State"], made["CodeSize"]), ("Pending", os.path.getsize(self.zip)))
        self.on("wait function-active-v2")
        printed, wrote = self.called("--payload", "fileb://" + self.event, "--log-type", "Tail")
        self.assertEqual((printed["StatusCode"], printed["ExecutedVersion"], wrote), (200, "$LATEST", {"a": 1}))
        self.assertIn("REPORT RequestId", base64.b64decode(printed["LogResult"]).decode())
        self.write("def handler(event, context): return 'new'\n")
        self.assertEqual(self.on("update-function-code", "--zip-file", "fileb://" + self.zip, "--publish")["Version"], "1")
        self.on("wait function-updated-v2")
        self.on("wait published-version-active", "--qualifier", "1")
        self.on("create-alias", "--name", "live", "--function-version", "1")
        printed, wrote = self.called("--qualifier", "live")
        self.assertEqual((printed["ExecutedVersion"], wrote), ("1", "new"))
        self.assertEqual(self.aws("lambda", "list-tags", "--resource", self.arn)["Tags"], {"team": "a"})
        self.refusal(NOT_FOUND, f"Function not found: {ARN}doesnotexist", "lambda", "get-function", "--function-name", "doesnotexist")
        self.on("delete-function")
        self.missing(f"Function not found: {self.arn}", self.c.get_function, FunctionName=self.name)

    def test_two_versions_behind_an_alias(self):
        self.make("--publish")
        self.on("update-function-configuration", "--memory-size", "256")
        self.on("wait function-updated-v2")
        self.assertEqual(self.on("publish-version")["Version"], "2")
        alias = self.on("create-alias", "--name", "live", "--function-version", "1", "--routing-config", "AdditionalVersionWeights={2=1.0}")
        self.assertEqual(alias["RoutingConfig"], {"AdditionalVersionWeights": {"2": 1.0}})
        self.assertEqual(self.called("--qualifier", "live")[0]["ExecutedVersion"], "2")
        self.on("update-alias", "--name", "live", "--routing-config", "AdditionalVersionWeights={}")
        self.assertEqual(self.called("--qualifier", "live")[0]["ExecutedVersion"], "1")
        self.assertEqual(self.on("put-function-concurrency", "--reserved-concurrent-executions", "0"), {"ReservedConcurrentExecutions": 0})
        self.refusal("TooManyRequestsException", "Rate Exceeded.", "lambda", "invoke", "--function-name", self.name, self.out)

    def test_pages(self):
        self.make()
        for description in "12":
            self.on("update-function-configuration", "--description", description)
            self.on("publish-version")
        first = self.on("list-versions-by-function", "--max-items", "2")
        self.assertEqual([v["Version"] for v in first["Versions"]], ["$LATEST", "1"])
        rest = self.on("list-versions-by-function", "--max-items", "2", "--starting-token", first["NextToken"])
        self.assertEqual(([v["Version"] for v in rest["Versions"]], rest.get("NextToken")), (["2"], None))
        self.assertEqual(len(self.on("list-versions-by-function", "--page-size", "1")["Versions"]), 3)

    def test_a_queue_and_what_it_calls(self):
        self.make()
        url = self.aws("sqs", "create-queue", "--queue-name", self.name, "--attributes", "VisibilityTimeout=5,MessageRetentionPeriod=600")["QueueUrl"]
        self.addCleanup(self.aws, "sqs", "delete-queue", "--queue-url", url)
        source = self.aws("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]["QueueArn"]
        sent = self.aws("sqs", "send-message", "--queue-url", url, "--message-body", "x", "--message-attributes", "a={DataType=Number,StringValue=1}")
        message, = self.aws("sqs", "receive-message", "--queue-url", url, "--visibility-timeout", "0", "--message-attribute-names", "All")["Messages"]
        self.assertEqual((message["MessageId"], message["MessageAttributes"]["a"]["StringValue"]), (sent["MessageId"], "1"))
        made = self.on("create-event-source-mapping", "--event-source-arn", source, "--batch-size", "1")
        self.assertEqual((made["State"], made["BatchSize"]), ("Creating", 1))
        listed, = self.on("list-event-source-mappings")["EventSourceMappings"]
        self.assertEqual(listed["UUID"], made["UUID"])
        self.aws("lambda", "delete-event-source-mapping", "--uuid", made["UUID"])

    def test_an_address_of_its_own(self):
        self.make()
        url = self.on("create-function-url-config", "--auth-type", "NONE")["FunctionUrl"]
        self.on("add-permission", "--statement-id", "url", "--action", "lambda:InvokeFunctionUrl", "--principal", "*", "--function-url-auth-type", "NONE")
        self.assertEqual(http("GET", url[len(ENDPOINT):] + "a")[0], 200)


class Version2(Version1):
    version = 2

    def test_an_event_as_it_is_typed(self):
        self.make()
        self.assertEqual(self.called("--cli-binary-format", "raw-in-base64-out", "--payload", '{"name": "Ada"}')[1], {"name": "Ada"})
        self.assertEqual(self.called("--payload", base64.b64encode(b'{"name": "Eve"}').decode())[1], {"name": "Eve"})


if __name__ == "__main__":
    unittest.main()
