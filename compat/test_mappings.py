"""Event source mappings: their API, and the messages that functions get by them."""
import time

from support import *

# It tells of what it gets in its other queue, and fails what says so.
SOURCE = """
import json, os, urllib.request
def handler(event, context):
    print(json.dumps([r["body"] for r in event["Records"]]))
    told = json.dumps({"QueueUrl": "/" + os.environ["TOLD"], "MessageBody": json.dumps(event)}).encode()
    urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], told, {
        "X-Amz-Target": "AmazonSQS.SendMessage", "X-Amz-Security-Token": os.environ["AWS_SESSION_TOKEN"]}))
    failed = [r["messageId"] for r in event["Records"] if "fail" in r["body"]]
    if failed and os.environ.get("RAISE"): raise ValueError("as asked")
    return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}
"""


class Mappings(Suite):
    def setUp(self):
        super().setUp()
        self.sqs = client("sqs")
        self.told = self.queue("told")

    def queue(self, suffix, **attributes):
        url = self.sqs.create_queue(QueueName=self.name + suffix, Attributes=attributes)["QueueUrl"]
        self.addCleanup(self.sqs.delete_queue, QueueUrl=url)
        return url

    def source(self, suffix):
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}{suffix}"

    def worker(self, **env):
        self.create(Code={"ZipFile": archive(SOURCE)}, MemorySize=512, Environment={"Variables": {"TOLD": self.name + "told", **env}})

    def map(self, source, **more):
        made = self.c.create_event_source_mapping(EventSourceArn=source, FunctionName=self.name, **more)
        self.addCleanup(self.unmap, made["UUID"])
        return made

    def unmap(self, id):
        try:
            self.c.delete_event_source_mapping(UUID=id)
        except ClientError:
            pass

    def events(self, count):
        """The next events that the function was called with."""
        events, deadline = [], time.monotonic() + 60
        while len(events) < count and time.monotonic() < deadline:
            for m in self.sqs.receive_message(QueueUrl=self.told, WaitTimeSeconds=5, MaxNumberOfMessages=min(10, count - len(events))).get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.told, ReceiptHandle=m["ReceiptHandle"])
                events.append(json.loads(m["Body"])["Records"])
        self.assertEqual(len(events), count)
        return events

    def left(self, url):
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])

    def until_empty(self, url):
        deadline = time.monotonic() + 30
        while self.left(url) > 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_life_of_a_mapping(self):
        self.worker()
        self.queue("q")
        pattern = '{"body":{"kind":["a"]}}'
        made = self.map(self.source("q"), BatchSize=20, MaximumBatchingWindowInSeconds=1, FunctionResponseTypes=["ReportBatchItemFailures"],
                        ScalingConfig={"MaximumConcurrency": 2}, FilterCriteria={"Filters": [{"Pattern": pattern}]}, Enabled=False)
        self.assertEqual(made["ResponseMetadata"]["HTTPStatusCode"], 202)
        want = {"BatchSize": 20, "MaximumBatchingWindowInSeconds": 1, "EventSourceArn": self.source("q"), "FunctionArn": self.arn, "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "ScalingConfig": {"MaximumConcurrency": 2}, "FilterCriteria": {"Filters": [{"Pattern": pattern}]}, "StateTransitionReason": "USER_INITIATED",
                "EventSourceMappingArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{made['UUID']}"}
        self.assertEqual({k: made[k] for k in want}, want)
        self.assertEqual(set(made) - set(want), {"UUID", "LastModified", "State", "ResponseMetadata"})
        got = self.c.get_event_source_mapping(UUID=made["UUID"])
        self.assertEqual({k: got[k] for k in want}, want)
        changed = self.c.update_event_source_mapping(UUID=made["UUID"], BatchSize=5, FilterCriteria={}, ScalingConfig={}, FunctionResponseTypes=[], Enabled=True)
        self.assertEqual((changed["BatchSize"], changed["State"], changed.get("FilterCriteria"), changed.get("ScalingConfig"), changed["FunctionResponseTypes"]), (5, "Enabling", None, None, []))
        message = f'An event source mapping with SQS arn (" {self.source("q")} ") and function (" {self.name} ") already exists. Please update or delete the existing mapping with UUID {made["UUID"]}'
        self.refused(CONFLICT, 409, message, self.c.create_event_source_mapping, EventSourceArn=self.source("q"), FunctionName=self.name)
        self.queue("r")
        other = self.map(self.source("r"))
        self.invalid("Function does not exist", self.c.update_event_source_mapping, UUID=other["UUID"], FunctionName="nobody")
        pages = list(self.c.get_paginator("list_event_source_mappings").paginate(FunctionName=self.name, PaginationConfig={"PageSize": 1}))
        self.assertEqual(sorted(m["UUID"] for p in pages for m in p["EventSourceMappings"]), sorted([made["UUID"], other["UUID"]]))
        self.assertEqual([m["UUID"] for m in self.c.list_event_source_mappings(EventSourceArn=self.source("r"))["EventSourceMappings"]], [other["UUID"]])
        deleted = self.c.delete_event_source_mapping(UUID=made["UUID"])
        self.assertEqual((deleted["ResponseMetadata"]["HTTPStatusCode"], deleted["State"]), (202, "Deleting"))
        deadline = time.monotonic() + 10
        while made["UUID"] in [m["UUID"] for m in self.c.list_event_source_mappings(FunctionName=self.name)["EventSourceMappings"]]:
            self.assertLess(time.monotonic(), deadline)
        self.missing("The resource you requested does not exist.", self.c.get_event_source_mapping, UUID=made["UUID"])
        self.missing("The resource you requested does not exist.", self.c.update_event_source_mapping, UUID=made["UUID"], BatchSize=1)

    def test_records_are_those_of_the_messages(self):
        self.worker()
        url = self.queue("q")
        sent = self.sqs.send_message(QueueUrl=url, MessageBody="hello", MessageAttributes={
            "s": {"DataType": "String", "StringValue": "text"}, "b": {"DataType": "Binary", "BinaryValue": b"\x00\x01"}})
        self.map(self.source("q"))
        (record,), = self.events(1)
        self.assertRegex(record.pop("receiptHandle"), ".")
        attributes = record.pop("attributes")
        self.assertEqual((attributes["ApproximateReceiveCount"], attributes["SenderId"]), ("1", ACCOUNT))
        self.assertEqual(record, {
            "messageId": sent["MessageId"], "body": "hello", "md5OfBody": sent["MD5OfMessageBody"], "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
            "messageAttributes": {"s": {"stringValue": "text", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
                                  "b": {"binaryValue": "AAE=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"}},
            "eventSource": "aws:sqs", "eventSourceARN": self.source("q"), "awsRegion": REGION})
        self.until_empty(url)

    def test_a_window_gathers_a_batch(self):
        self.worker()
        url = self.queue("q")
        for i in range(30):
            self.sqs.send_message(QueueUrl=url, MessageBody=str(i))
        self.map(self.source("q"), BatchSize=30, MaximumBatchingWindowInSeconds=3)
        records, = self.events(1)
        self.assertEqual(sorted(int(r["body"]) for r in records), list(range(30)))

    def test_only_what_failed_of_a_batch_comes_again(self):
        self.worker()
        dead = self.queue("dead")
        url = self.queue("q", VisibilityTimeout="3", RedrivePolicy=json.dumps({"deadLetterTargetArn": self.source("dead"), "maxReceiveCount": "2"}))
        self.sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(i), "MessageBody": body} for i, body in enumerate(["a", "fail b", "c"])])
        self.map(self.source("q"), FunctionResponseTypes=["ReportBatchItemFailures"], ScalingConfig={"MaximumConcurrency": 2})
        letter, = self.sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=20)["Messages"]
        self.assertEqual(letter["Body"], "fail b")
        calls = [r for records in self.events(2) for r in records]
        self.assertEqual(sorted((r["body"], r["attributes"]["ApproximateReceiveCount"]) for r in calls), [("a", "1"), ("c", "1"), ("fail b", "1"), ("fail b", "2")])
        self.until_empty(url)

    def test_messages_that_no_filter_wants_are_deleted(self):
        self.worker()
        url = self.queue("q")
        self.map(self.source("q"), FilterCriteria={"Filters": [{"Pattern": '{"body":{"n":[{"numeric":[">",1]}]}}'}, {"Pattern": '{"body":{"kind":[{"prefix":"good"}]}}'}]})
        for body in ({"n": 1}, {"n": 2}, {"kind": "goodness"}, {"kind": "bad"}, "text"):
            self.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
        self.until_empty(url)
        got = set()
        while len(got) < 2:
            got |= {r["body"] for records in self.events(1) for r in records}
        self.assertEqual(got, {'{"n": 2}', '{"kind": "goodness"}'})

    def test_a_fifo_queues_groups_keep_their_order(self):
        self.worker(RAISE="1")
        url = self.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout="3")
        dead = self.queue("dead.fifo", FifoQueue="true")
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": self.source("dead.fifo"), "maxReceiveCount": 2})})
        for group in "ab":
            for i in range(4):
                self.sqs.send_message(QueueUrl=url, MessageBody=f"{group}{i}" + (" fail" if (group, i) == ("a", 1) else ""), MessageGroupId=group)
        self.map(self.source("q.fifo"), BatchSize=1)
        letter, = self.sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=20)["Messages"]
        self.assertEqual(letter["Body"], "a1 fail")
        self.until_empty(url)
        order = [r["body"] for records in self.events(9) for r in records]
        self.assertEqual([b for b in order if b[0] == "a"], ["a0", "a1 fail", "a1 fail", "a2", "a3"])
        self.assertEqual([b for b in order if b[0] == "b"], ["b0", "b1", "b2", "b3"])

    def test_a_disabled_mapping_leaves_its_queue_alone(self):
        self.worker()
        url = self.queue("q")
        made = self.map(self.source("q"))
        self.sqs.send_message(QueueUrl=url, MessageBody="first")
        self.events(1)
        self.c.update_event_source_mapping(UUID=made["UUID"], Enabled=False)
        while self.c.get_event_source_mapping(UUID=made["UUID"])["State"] != "Disabled":
            pass
        self.sqs.send_message(QueueUrl=url, MessageBody="second")
        message, = self.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
        self.assertEqual((message["Body"], self.left(url)), ("second", 1))
        self.c.update_event_source_mapping(UUID=made["UUID"], Enabled=True)
        self.assertEqual(self.events(1)[0][0]["body"], "second")

    def test_a_queue_of_another_server(self):
        elsewhere = boto3.client("sqs", endpoint_url=os.environ["ROUSE_MOTO"], region_name=REGION, aws_access_key_id="any", aws_secret_access_key="any")
        url = elsewhere.create_queue(QueueName=self.name)["QueueUrl"]
        self.addCleanup(elsewhere.delete_queue, QueueUrl=url)
        self.worker()
        made = self.map(url, FunctionResponseTypes=["ReportBatchItemFailures"])
        elsewhere.send_message(QueueUrl=url, MessageBody="from there", MessageAttributes={"s": {"DataType": "String", "StringValue": "text"}})
        (record,), = self.events(1)
        self.assertEqual((record["body"], record["messageAttributes"]["s"]["stringValue"], record["eventSource"]), ("from there", "text", "aws:sqs"))
        deadline = time.monotonic() + 20
        while any(elsewhere.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][a] != "0"
                  for a in ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.assertNotIn("LastProcessingResult", self.c.get_event_source_mapping(UUID=made["UUID"]))

    def test_mappings_that_are_refused(self):
        self.worker()
        self.queue("q", VisibilityTimeout="1")
        self.queue("f.fifo", FifoQueue="true")
        make = lambda **more: dict(dict(FunctionName=self.name, EventSourceArn=self.source("told")), **more)
        for message, more in (
            ("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10", dict(BatchSize=11)),
            ("Queue visibility timeout: 1 seconds is less than Function timeout: 3 seconds", dict(EventSourceArn=self.source("q"))),
            ("Batching window is not supported for FIFO queues", dict(EventSourceArn=self.source("f.fifo"), MaximumBatchingWindowInSeconds=1)),
            ("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.",
             dict(EventSourceArn=self.source("nobody"))),
        ):
            with self.subTest(message):
                self.invalid(message, self.c.create_event_source_mapping, **make(**more))
        for pattern in ('{"body":{"kind":"x"}}', '{"body":', '{"messageAttributes":{"a":["x"]}}'):
            self.invalid("Invalid filter pattern definition.", self.c.create_event_source_mapping, **make(FilterCriteria={"Filters": [{"Pattern": pattern}]}))
        self.invalid("Function does not exist", self.c.create_event_source_mapping, **make(FunctionName="nobody"))
        self.invalid("Unrecognized event source.", self.c.create_event_source_mapping, FunctionName=self.name)
        self.invalid("StartingPosition is not valid for SQS event sources.", self.c.create_event_source_mapping, **make(StartingPosition="LATEST"))
        for side in ("OnSuccess", "OnFailure"):
            self.invalid("Unsupported DestinationConfig parameter for given event source mapping type.", self.c.create_event_source_mapping,
                         **make(DestinationConfig={side: {"Destination": self.source("told")}}))
        self.assertEqual(self.c.list_event_source_mappings(FunctionName=self.name)["EventSourceMappings"], [])


if __name__ == "__main__":
    unittest.main()
