"""Lambda's asynchronous side: event-invoke configuration, destinations, dead letters, with AWS's records."""
from support import *

SOURCE = """
def handler(event, context):
    if event.get("fail"): raise ValueError("boom")
    return {"done": event}
"""


class Later(Suite):
    def setUp(self):
        super().setUp()
        self.sqs = client("sqs")
        self.url, self.queue = self.made_queue("q")

    def made_queue(self, suffix):
        url = self.sqs.create_queue(QueueName=self.name + suffix)["QueueUrl"]
        self.addCleanup(self.sqs.delete_queue, QueueUrl=url)
        return url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}{suffix}"

    def received(self, url=None):
        m, = self.sqs.receive_message(QueueUrl=url or self.url, WaitTimeSeconds=20, MessageAttributeNames=["All"], AttributeNames=["All"])["Messages"]
        self.sqs.delete_message(QueueUrl=url or self.url, ReceiptHandle=m["ReceiptHandle"])
        return m

    def event(self, event):
        answer = self.c.invoke(FunctionName=self.name, InvocationType="Event", Payload=json.dumps(event))
        self.assertEqual((answer["StatusCode"], answer["Payload"].read()), (202, b""))
        return answer["ResponseMetadata"]["RequestId"]

    def test_configurations(self):
        self.create()
        key = dict(FunctionName=self.name)
        absent = f"The function {self.arn}:$LATEST doesn't have an EventInvokeConfig"
        self.missing(absent, self.c.get_function_event_invoke_config, **key)
        self.missing(absent, self.c.update_function_event_invoke_config, **key, MaximumRetryAttempts=1)
        self.invalid("You must specify at least one of error handling or destination setting.", self.c.put_function_event_invoke_config, **key)
        made = self.c.put_function_event_invoke_config(**key, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": self.queue}})
        self.assertEqual((made["FunctionArn"], made["MaximumRetryAttempts"], made["DestinationConfig"]["OnFailure"]), (self.arn + ":$LATEST", 1, {"Destination": self.queue}))
        self.assertNotIn("MaximumEventAgeInSeconds", made)
        changed = self.c.update_function_event_invoke_config(**key, MaximumEventAgeInSeconds=100)
        self.assertEqual((changed["MaximumRetryAttempts"], changed["MaximumEventAgeInSeconds"]), (1, 100))
        self.assertEqual(self.c.put_function_event_invoke_config(**key, MaximumRetryAttempts=0)["DestinationConfig"], {"OnSuccess": {}, "OnFailure": {}})
        self.assertEqual(len(self.c.list_function_event_invoke_configs(**key)["FunctionEventInvokeConfigs"]), 1)
        self.assertEqual(self.c.delete_function_event_invoke_config(**key)["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.missing(absent, self.c.delete_function_event_invoke_config, **key)
        for member, value, problem in (("maximumRetryAttempts", 3, "less than or equal to 2"), ("maximumEventAgeInSeconds", 59, "greater than or equal to 60")):
            self.unlike(f"Value '{value}' at '{member}' failed to satisfy constraint: Member must have value {problem}",
                        self.raw.put_function_event_invoke_config, **key, **{member[0].upper() + member[1:]: value})

    def test_a_success_is_told_with_its_record(self):
        self.create(Code={"ZipFile": archive(SOURCE)})
        self.c.put_function_event_invoke_config(FunctionName=self.name, DestinationConfig={"OnSuccess": {"Destination": self.queue}})
        id = self.event({"a": 1})
        record = json.loads(self.received()["Body"])
        self.assertRegex(record.pop("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(record, {
            "version": "1.0", "requestContext": {"requestId": id, "functionArn": self.arn + ":$LATEST", "condition": "Success", "approximateInvokeCount": 1},
            "requestPayload": {"a": 1}, "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"}, "responsePayload": {"done": {"a": 1}}})

    def test_a_failure_is_told_with_its_record_and_its_dead_letter(self):
        dead, arn = self.made_queue("dead")
        self.create(Code={"ZipFile": archive(SOURCE)}, DeadLetterConfig={"TargetArn": arn})
        self.c.put_function_event_invoke_config(FunctionName=self.name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": self.queue}})
        id = self.event({"fail": 1})
        record = json.loads(self.received()["Body"])
        self.assertEqual((record["requestContext"]["condition"], record["requestContext"]["approximateInvokeCount"], record["responseContext"]),
                         ("RetriesExhausted", 1, {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}))
        self.assertEqual((record["responsePayload"]["errorType"], record["responsePayload"]["errorMessage"]), ("ValueError", "boom"))
        letter = self.received(dead)
        self.assertEqual(json.loads(letter["Body"]), {"fail": 1})
        self.assertEqual({k: (v["DataType"], v["StringValue"]) for k, v in letter["MessageAttributes"].items()},
                         {"RequestID": ("String", id), "ErrorCode": ("Number", "200"), "ErrorMessage": ("String", "boom")})

    def test_an_event_that_would_grow_too_old_and_one_that_nothing_is_reserved_for(self):
        self.create(Code={"ZipFile": archive(SOURCE)})
        self.c.put_function_event_invoke_config(FunctionName=self.name, MaximumEventAgeInSeconds=60, DestinationConfig={"OnFailure": {"Destination": self.queue}})
        self.event({"fail": 1})
        about = json.loads(self.received()["Body"])["requestContext"]
        self.assertEqual((about["condition"], about["approximateInvokeCount"]), ("EventAgeExceeded", 1))
        self.c.put_function_concurrency(FunctionName=self.name, ReservedConcurrentExecutions=0)
        self.event({})
        record = json.loads(self.received()["Body"])
        self.assertEqual((record["requestContext"]["condition"], record["requestContext"]["approximateInvokeCount"]), ("ZeroReservedConcurrency", 0))
        self.assertEqual({"responseContext", "responsePayload"} & set(record), set())

    def test_an_event_that_was_queued_before_an_update_runs_the_new_code(self):
        self.create(Code={"ZipFile": archive(SOURCE)})
        self.c.put_function_event_invoke_config(FunctionName=self.name, DestinationConfig={"OnSuccess": {"Destination": self.queue}})
        rouse = lambda *words: subprocess.run([os.environ["ROUSE"], *words], check=True, capture_output=True, timeout=60, env=dict(os.environ, ROUSE_SERVER=ENDPOINT))
        rouse("jobs", "pause", self.name)
        id = self.event({"a": 1})
        self.c.update_function_code(FunctionName=self.name, ZipFile=archive("def handler(e, c): return 'new'"))
        self.c.get_waiter("function_updated_v2").wait(FunctionName=self.name)
        rouse("jobs", "resume", self.name)
        record = json.loads(self.received()["Body"])
        self.assertEqual((record["requestContext"]["requestId"], record["responsePayload"]), (id, "new"))

    def test_a_function_as_destination(self):
        other = self.name[:40] + "2"
        self.create(Code={"ZipFile": archive(SOURCE)})
        self.create(FunctionName=other, Code={"ZipFile": archive(SOURCE)})
        self.c.put_function_event_invoke_config(FunctionName=self.name, DestinationConfig={"OnSuccess": {"Destination": ARN + other}})
        self.c.put_function_event_invoke_config(FunctionName=other, DestinationConfig={"OnSuccess": {"Destination": self.queue}})
        self.event({"a": 1})
        outer = json.loads(self.received()["Body"])
        self.assertEqual((outer["requestContext"]["functionArn"], outer["requestPayload"]["responsePayload"]), (ARN + other + ":$LATEST", {"done": {"a": 1}}))

    def test_destinations_that_are_refused(self):
        self.create()
        for destination in (ARN + "nobody", self.queue + "nobody", self.queue + ".fifo", "arn:aws:sqs:eu-west-1:000000000000:q", "arn:aws:sns:us-east-1:000000000000:topic", self.arn):
            with self.subTest(destination), self.assertRaisesRegex(ClientError, "InvalidParameterValueException"):
                self.c.put_function_event_invoke_config(FunctionName=self.name, DestinationConfig={"OnSuccess": {"Destination": destination}})
        with self.assertRaisesRegex(ClientError, "InvalidParameterValueException"):
            self.c.update_function_configuration(FunctionName=self.name, DeadLetterConfig={"TargetArn": self.queue + "nobody"})


if __name__ == "__main__":
    unittest.main()
