"""A handler that uses AWS from inside of its sandbox, as if it were there."""
import json
import os
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

once = Config(retries={"max_attempts": 0}, connect_timeout=2)


def handler(event, context):
    return globals()[event["do"]](event)


def invoke(event):
    answer = boto3.client("lambda", config=once).invoke(FunctionName=event["name"], Payload=json.dumps(event["payload"]))
    return [answer["StatusCode"], answer.get("FunctionError"), json.loads(answer["Payload"].read())]


def whoami(event):
    answer = boto3.client("sts", config=once).get_caller_identity()
    return [answer["Account"], answer["Arn"]]


def queue(event):
    sqs = boto3.client("sqs", config=once)
    url = sqs.get_queue_url(QueueName=event["name"])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="from inside")
    return [m["Body"] for m in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]]


def bucket(event):
    s3 = boto3.client("s3", config=once)
    s3.create_bucket(Bucket="metrics")
    s3.put_object(Bucket="metrics", Key="a b/ü+", Body=b"x" * 300000)
    return [len(s3.get_object(Bucket="metrics", Key="a b/ü+")["Body"].read()), [o["Key"] for o in s3.list_objects_v2(Bucket="metrics")["Contents"]]]


def refused(event):
    said = {}
    for service, operation, arguments in event["calls"]:
        try:
            getattr(boto3.client(service, config=once), operation)(**arguments)
            said[service + "." + operation] = "allowed"
        except ClientError as e:
            said[service + "." + operation] = e.response["Error"]["Code"]
    return said


def get(event):
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + event["path"], method=event.get("method", "GET"),
                                     headers={} if event.get("bare") else {"Authorization": "Bearer " + os.environ["AWS_SESSION_TOKEN"]})
    try:
        with urllib.request.urlopen(request) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as e:
        return [e.code, e.read().decode()]


def environment(event):
    return {k: v for k, v in os.environ.items() if k.startswith("AWS_")}
