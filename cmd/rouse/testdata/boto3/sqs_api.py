"""What boto3 must find at Rouse: every operation of Amazon SQS."""
import hashlib
import io
import json
import os
import re
import threading
import time
import unittest
import urllib.error
import urllib.request
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["ROUSE_ENDPOINT"]
ARN = "arn:aws:sqs:us-east-1:000000000000:"


# It fails the messages that it does not like, and all when a record is not as AWS's.
WORKER = """
def handler(event, context):
    for r in event["Records"]:
        assert r["eventSource"] == "aws:sqs" and r["eventSourceARN"].endswith(context.function_name) and r["awsRegion"] == "us-east-1"
        assert r["messageAttributes"] == {"a": {"stringValue": "1", "stringListValues": [], "binaryListValues": [], "dataType": "String"}}
        assert set(r["attributes"]) >= {"ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"}
    return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in event["Records"] if "bad" in r["body"]]}
"""


class SQS(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.c = boto3.client("sqs", endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any",
                              config=Config(retries={"max_attempts": 0}))
        self.name = re.sub("[^a-z0-9]", "", self.id().rsplit(".", 1)[1])[-40:]

    def queue(self, suffix="", **attributes):
        name = self.name + suffix
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        url = self.c.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.addCleanup(lambda: self.c.delete_queue(QueueUrl=url) if url in self.c.list_queues().get("QueueUrls", []) else None)
        return url

    def receive(self, url, **options):
        return self.c.receive_message(QueueUrl=url, **options).get("Messages", [])

    def bodies(self, url, **options):
        return [m["Body"] for m in self.receive(url, **options)]

    def fails(self, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code, caught.exception)
        return caught.exception

    def test_queues_are_made_found_and_deleted(self):
        url = self.queue(VisibilityTimeout="2")
        self.assertEqual(self.c.create_queue(QueueName=self.name, Attributes={"VisibilityTimeout": "2"})["QueueUrl"], url)
        self.fails("QueueAlreadyExists", self.c.create_queue, QueueName=self.name, Attributes={"VisibilityTimeout": "3"})
        self.assertEqual(self.c.get_queue_url(QueueName=self.name)["QueueUrl"], url)
        error = self.fails("AWS.SimpleQueueService.NonExistentQueue", self.c.get_queue_url, QueueName="nope")
        self.assertIsInstance(error, self.c.exceptions.QueueDoesNotExist)
        for suffix in "ab":
            self.queue(suffix)
        first = self.c.list_queues(QueueNamePrefix=self.name, MaxResults=2)
        rest = self.c.list_queues(QueueNamePrefix=self.name, MaxResults=2, NextToken=first["NextToken"])
        self.assertEqual([u.rsplit("/", 1)[1] for u in first["QueueUrls"] + rest["QueueUrls"]], [self.name, self.name + "a", self.name + "b"])
        self.assertNotIn("NextToken", rest)
        self.c.delete_queue(QueueUrl=url)
        self.fails("AWS.SimpleQueueService.NonExistentQueue", self.c.delete_queue, QueueUrl=url)
        self.fails("InvalidParameterValue", self.c.create_queue, QueueName="bad name")
        self.fails("InvalidParameterValue", self.c.create_queue, QueueName="x.fifo")

    def test_the_host_of_a_url_is_ignored(self):
        self.queue()
        self.c.send_message(QueueUrl="https://sqs.us-east-1.amazonaws.com/000000000000/" + self.name, MessageBody="x")
        self.assertEqual(self.bodies("http://elsewhere:1/000000000000/" + self.name), ["x"])

    def test_attributes(self):
        url = self.queue()
        read = lambda *names: self.c.get_queue_attributes(QueueUrl=url, AttributeNames=list(names)).get("Attributes", {})
        every = read("All")
        self.assertEqual({k: v for k, v in every.items() if not k.endswith("Timestamp")}, {
            "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesDelayed": "0", "ApproximateNumberOfMessagesNotVisible": "0",
            "DelaySeconds": "0", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600", "QueueArn": ARN + self.name,
            "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "false", "VisibilityTimeout": "30"})
        self.c.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "1", "MaximumMessageSize": "1024", "ReceiveMessageWaitTimeSeconds": "2"})
        self.assertEqual(read("DelaySeconds", "MaximumMessageSize"), {"DelaySeconds": "1", "MaximumMessageSize": "1024"})
        self.fails("InvalidParameterValue", self.c.send_message, QueueUrl=url, MessageBody="x" * 1025)
        self.c.send_message(QueueUrl=url, MessageBody="later")
        self.assertEqual(read("ApproximateNumberOfMessagesDelayed")["ApproximateNumberOfMessagesDelayed"], "1")
        self.assertEqual(self.bodies(url), ["later"])  # it waits as long as the queue says
        for name, value in {"VisibilityTimeout": "43201", "DelaySeconds": "x", "MessageRetentionPeriod": "59", "KmsMasterKeyId": "k",
                            "SqsManagedSseEnabled": "true", "RedrivePolicy": "{}", "Policy": "{"}.items():
            self.fails("InvalidAttributeValue", self.c.set_queue_attributes, QueueUrl=url, Attributes={name: value})
        for name in ("Nonsense", "QueueArn", "ContentBasedDeduplication"):
            self.fails("InvalidAttributeName", self.c.set_queue_attributes, QueueUrl=url, Attributes={name: "true"})

    def test_tags_and_permissions(self):
        url = self.c.create_queue(QueueName=self.name, tags={"a": "1"})["QueueUrl"]
        self.c.tag_queue(QueueUrl=url, Tags={"b": "2"})
        self.c.untag_queue(QueueUrl=url, TagKeys=["a"])
        self.assertEqual(self.c.list_queue_tags(QueueUrl=url)["Tags"], {"b": "2"})
        self.c.add_permission(QueueUrl=url, Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
        policy = json.loads(self.c.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
        self.assertEqual(policy["Statement"][0]["Action"], ["SQS:SendMessage"])
        self.fails("InvalidParameterValue", self.c.add_permission, QueueUrl=url, Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
        self.c.remove_permission(QueueUrl=url, Label="l")
        self.assertNotIn("Attributes", self.c.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]))
        self.c.delete_queue(QueueUrl=url)

    def test_a_message_travels_with_its_attributes(self):
        url = self.queue()
        given = {"n.1": {"DataType": "Number", "StringValue": "1"}, "b": {"DataType": "Binary.x", "BinaryValue": b"\x00\x01"}, "s": {"DataType": "String", "StringValue": "ü"}}
        sent = self.c.send_message(QueueUrl=url, MessageBody="hello <&>", MessageAttributes=given,
                                   MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}})
        self.assertEqual(sent["MD5OfMessageBody"], hashlib.md5(b"hello <&>").hexdigest())
        self.assertEqual(sent["MD5OfMessageAttributes"], digest(given))
        m, = self.receive(url, AttributeNames=["All"], MessageAttributeNames=["All"], VisibilityTimeout=0)
        self.assertEqual(m["MessageAttributes"], given)
        self.assertEqual((m["MessageId"], m["MD5OfBody"], m["MD5OfMessageAttributes"]), (sent["MessageId"], sent["MD5OfMessageBody"], digest(given)))
        self.assertEqual((m["Attributes"]["AWSTraceHeader"], m["Attributes"]["ApproximateReceiveCount"]), ("Root=1", "1"))
        m, = self.receive(url, MessageSystemAttributeNames=["ApproximateReceiveCount"], MessageAttributeNames=["n.*"])
        self.assertEqual((m["Attributes"], list(m["MessageAttributes"])), ({"ApproximateReceiveCount": "2"}, ["n.1"]))
        for bad in ({"x": {"DataType": "Foo", "StringValue": "1"}}, {"AWS.x": given["s"]}, {"x": {"DataType": "Number", "StringValue": "one"}}, {"x": {"DataType": "String"}}):
            self.fails("InvalidParameterValue", self.c.send_message, QueueUrl=url, MessageBody="x", MessageAttributes=bad)
        self.fails("InvalidMessageContents", self.c.send_message, QueueUrl=url, MessageBody="\x01")

    def test_leases(self):
        url = self.queue(VisibilityTimeout="30")
        self.c.send_message(QueueUrl=url, MessageBody="x")
        first, = self.receive(url)
        self.assertEqual(self.receive(url), [])
        self.c.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
        second, = self.receive(url)
        self.c.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])  # outdated: nothing happens
        self.fails("InvalidParameterValue", self.c.change_message_visibility, QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=1)
        self.c.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
        self.c.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
        self.fails("AWS.SimpleQueueService.MessageNotInflight", self.c.change_message_visibility, QueueUrl=url, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=1)
        self.fails("ReceiptHandleIsInvalid", self.c.delete_message, QueueUrl=url, ReceiptHandle="nonsense")
        for name, value in {"MaxNumberOfMessages": 11, "WaitTimeSeconds": 21, "VisibilityTimeout": -1}.items():
            self.fails("InvalidParameterValue", self.c.receive_message, QueueUrl=url, **{name: value})

    def test_long_polls(self):
        url = self.queue()
        began = time.monotonic()
        self.assertEqual(self.receive(url, WaitTimeSeconds=1), [])
        self.assertGreater(time.monotonic() - began, 0.9)
        got, threads = [], []
        for _ in range(4):
            threads.append(threading.Thread(target=lambda: got.append(self.bodies(url, WaitTimeSeconds=20))))
            threads[-1].start()
        began = time.monotonic()
        for body in "abcd":
            self.c.send_message(QueueUrl=url, MessageBody=body)
        for thread in threads:
            thread.join()
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(sorted(got), [["a"], ["b"], ["c"], ["d"]])

    def test_batches(self):
        url = self.queue()
        out = self.c.send_message_batch(QueueUrl=url, Entries=[
            {"Id": "one", "MessageBody": "1"}, {"Id": "late", "MessageBody": "2", "DelaySeconds": 900}, {"Id": "bad", "MessageBody": "\x01"}])
        self.assertEqual([e["Id"] for e in out["Successful"]], ["one", "late"])
        self.assertEqual([(e["Id"], e["Code"], e["SenderFault"]) for e in out["Failed"]], [("bad", "InvalidMessageContents", True)])
        m, = self.receive(url, MaxNumberOfMessages=10)
        entries = [{"Id": "a", "ReceiptHandle": m["ReceiptHandle"]}, {"Id": "b", "ReceiptHandle": "x"}]
        out = self.c.change_message_visibility_batch(QueueUrl=url, Entries=[dict(e, VisibilityTimeout=9) for e in entries])
        self.assertEqual(([e["Id"] for e in out["Successful"]], [e["Code"] for e in out["Failed"]]), (["a"], ["ReceiptHandleIsInvalid"]))
        out = self.c.delete_message_batch(QueueUrl=url, Entries=entries)
        self.assertEqual(([e["Id"] for e in out["Successful"]], [e["Code"] for e in out["Failed"]]), (["a"], ["ReceiptHandleIsInvalid"]))
        prefix = "AWS.SimpleQueueService."
        entry = lambda id: {"Id": id, "MessageBody": "x"}
        for code, entries in {"EmptyBatchRequest": [], "TooManyEntriesInBatchRequest": [entry(str(i)) for i in range(11)],
                              "BatchEntryIdsNotDistinct": [entry("a"), entry("a")], "InvalidBatchEntryId": [entry("a b")],
                              "BatchRequestTooLong": [{"Id": str(i), "MessageBody": "x" * 600000} for i in range(2)]}.items():
            self.fails(prefix + code, self.c.send_message_batch, QueueUrl=url, Entries=entries)

    def test_a_purge_empties_and_is_allowed_once_a_minute(self):
        url = self.queue()
        self.c.send_message(QueueUrl=url, MessageBody="x")
        self.c.purge_queue(QueueUrl=url)
        self.assertEqual(self.receive(url), [])
        self.fails("AWS.SimpleQueueService.PurgeQueueInProgress", self.c.purge_queue, QueueUrl=url)

    def test_fifo(self):
        url = self.queue(".fifo", ContentBasedDeduplication="true")
        for body in ("a0", "b0", "a1", "b1", "a2"):
            sent = self.c.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=body[0])
        again = self.c.send_message(QueueUrl=url, MessageBody="a2", MessageGroupId="a")
        self.assertEqual((again["MessageId"], again["SequenceNumber"]), (sent["MessageId"], sent["SequenceNumber"]))
        first = self.receive(url, MaxNumberOfMessages=2, AttributeNames=["All"], ReceiveRequestAttemptId="attempt")
        self.assertEqual([m["Body"] for m in first], ["a0", "a1"])
        self.assertLess(first[0]["Attributes"]["SequenceNumber"], first[1]["Attributes"]["SequenceNumber"])
        self.assertEqual(first[0]["Attributes"]["MessageGroupId"], "a")
        same = self.receive(url, MaxNumberOfMessages=2, ReceiveRequestAttemptId="attempt")
        self.assertEqual([m["ReceiptHandle"] for m in same], [m["ReceiptHandle"] for m in first])
        self.assertEqual(self.bodies(url, MaxNumberOfMessages=10), ["b0", "b1"])  # group a waits for its receiver
        for m in first:
            self.c.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
        self.assertEqual(self.bodies(url), ["a2"])
        self.fails("MissingParameter", self.c.send_message, QueueUrl=url, MessageBody="x")
        self.fails("InvalidParameterValue", self.c.send_message, QueueUrl=url, MessageBody="x", MessageGroupId="g", DelaySeconds=1)

    def test_fifo_with_high_throughput_knows_duplicates_within_a_group(self):
        url = self.queue(".fifo")
        self.fails("InvalidParameterValue", self.c.send_message, QueueUrl=url, MessageBody="x", MessageGroupId="g")
        self.fails("InvalidAttributeValue", self.c.set_queue_attributes, QueueUrl=url, Attributes={"FifoThroughputLimit": "perMessageGroupId"})
        self.c.set_queue_attributes(QueueUrl=url, Attributes={"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"})
        for group in "aab":
            self.c.send_message(QueueUrl=url, MessageBody=group, MessageGroupId=group, MessageDeduplicationId="1")
        self.assertEqual(sorted(self.bodies(url, MaxNumberOfMessages=10)), ["a", "b"])

    def test_dead_letters_and_their_redrive(self):
        dead = self.queue("dead", RedriveAllowPolicy=json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [ARN + self.name]}))
        policy = json.dumps({"deadLetterTargetArn": ARN + self.name + "dead", "maxReceiveCount": "2"})
        self.fails("InvalidAttributeValue", self.c.create_queue, QueueName=self.name + "other", Attributes={"RedrivePolicy": policy})
        url = self.queue(VisibilityTimeout="0", RedrivePolicy=policy)
        self.c.send_message(QueueUrl=url, MessageBody="poison")
        self.assertEqual([self.bodies(url) for _ in range(3)], [["poison"], ["poison"], []])
        m, = self.receive(dead, AttributeNames=["All"], VisibilityTimeout=0)
        self.assertEqual(m["Attributes"]["DeadLetterQueueSourceArn"], ARN + self.name)
        self.assertEqual(self.c.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"], [url])
        self.fails("InvalidParameterValue", self.c.start_message_move_task, SourceArn=ARN + self.name)
        self.fails("ResourceNotFoundException", self.c.start_message_move_task, SourceArn=ARN + "nope")
        self.c.start_message_move_task(SourceArn=ARN + self.name + "dead")
        self.assertEqual(self.bodies(url, WaitTimeSeconds=5), ["poison"])
        ended = time.monotonic() + 10
        while (task := self.c.list_message_move_tasks(SourceArn=ARN + self.name + "dead")["Results"][0])["Status"] == "RUNNING":
            self.assertLess(time.monotonic(), ended)
        self.assertEqual((task["Status"], task["ApproximateNumberOfMessagesMoved"]), ("COMPLETED", 1))
        for body in "abcd":
            self.c.send_message(QueueUrl=dead, MessageBody=body)
        handle = self.c.start_message_move_task(SourceArn=ARN + self.name + "dead", DestinationArn=ARN + self.name, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
        error = self.fails("AWS.SimpleQueueService.UnsupportedOperation", self.c.start_message_move_task, SourceArn=ARN + self.name + "dead")
        self.assertIn("already a task running", str(error))
        self.c.cancel_message_move_task(TaskHandle=handle)
        self.fails("ResourceNotFoundException", self.c.cancel_message_move_task, TaskHandle="AAAA")

    def test_a_mapping_calls_a_function_with_messages(self):
        functions = boto3.client("lambda", endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any",
                                 config=Config(retries={"max_attempts": 0}))
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as z:
            z.writestr("app.py", WORKER)
        functions.create_function(FunctionName=self.name, Runtime="python3.11", Handler="app.handler", Role="arn:aws:iam::000000000000:role/any",
                                  Code={"ZipFile": code.getvalue()}, Timeout=1)
        self.addCleanup(functions.delete_function, FunctionName=self.name)
        dead = self.queue("dead")
        url = self.queue(VisibilityTimeout="1", RedrivePolicy=json.dumps({"deadLetterTargetArn": ARN + self.name + "dead", "maxReceiveCount": 2}))
        make = lambda **k: functions.create_event_source_mapping(**{"EventSourceArn": ARN + self.name, "FunctionName": self.name, **k})
        for words, arguments in {
            "NonExistentQueue": {"EventSourceArn": ARN + "nope"},
            "Invalid filter pattern definition": {"FilterCriteria": {"Filters": [{"Pattern": '{"body":{"kind":"x"}}'}]}},
            "Maximum batch window in seconds must be greater than 0": {"BatchSize": 11},
            "StartingPosition is not valid for SQS event sources": {"StartingPosition": "LATEST"},
        }.items():
            with self.assertRaisesRegex(ClientError, words):
                make(**arguments)
        made = make(FunctionResponseTypes=["ReportBatchItemFailures"], ScalingConfig={"MaximumConcurrency": 2},
                    FilterCriteria={"Filters": [{"Pattern": '{"body":{"kind":["good","bad"]}}'}]})
        self.assertEqual((made["State"], made["BatchSize"]), ("Creating", 10))
        self.fails("ResourceConflictException", make)
        for kind in ("good", "bad", "ugly"):
            self.c.send_message(QueueUrl=url, MessageBody=json.dumps({"kind": kind}), MessageAttributes={"a": {"DataType": "String", "StringValue": "1"}})
        m, = self.receive(dead, WaitTimeSeconds=20, AttributeNames=["All"])  # the bad one, after two receipts; the others are deleted
        self.assertEqual((json.loads(m["Body"]), m["Attributes"]["DeadLetterQueueSourceArn"]), ({"kind": "bad"}, ARN + self.name))
        counts = self.c.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        self.assertEqual((counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"]), ("0", "0"))
        now = functions.get_event_source_mapping(UUID=made["UUID"])
        self.assertEqual((now["State"], now.get("LastProcessingResult")), ("Enabled", None))
        self.assertEqual(functions.update_event_source_mapping(UUID=made["UUID"], Enabled=False)["State"], "Disabling")
        self.assertEqual([x["UUID"] for x in functions.list_event_source_mappings(EventSourceArn=ARN + self.name)["EventSourceMappings"]], [made["UUID"]])
        self.assertEqual(functions.delete_event_source_mapping(UUID=made["UUID"])["State"], "Deleting")

    def test_the_query_protocol_is_refused_with_words(self):
        headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"}
        request = urllib.request.Request(ENDPOINT, b"Action=ListQueues&Version=2012-11-05", headers)
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        body = caught.exception.read().decode()
        self.assertEqual(caught.exception.code, 400)
        self.assertRegex(body, "<Code>AWS.SimpleQueueService.UnsupportedOperation</Code><Message>.*query protocol.*JSON protocol")


def digest(attributes):
    h, part = hashlib.md5(), lambda b: len(b).to_bytes(4, "big") + b
    for name in sorted(attributes):
        a = attributes[name]
        h.update(part(name.encode()) + part(a["DataType"].encode()))
        h.update(b"\x02" + part(a["BinaryValue"]) if "BinaryValue" in a else b"\x01" + part(a["StringValue"].encode()))
    return h.hexdigest()


if __name__ == "__main__":
    unittest.main()
