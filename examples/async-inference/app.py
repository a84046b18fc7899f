"""Inference that outlasts an HTTP request: a queue in the middle, a table for the results.

submit takes requests and tells of them, infer works on them, redrive gives those that failed another chance.
boto3 is as it comes from PyPI and has nothing configured: Rouse is what it finds around the function.
"""
import base64
import json
import os
import uuid

import boto3

QUEUE, DEAD, TABLE = os.environ["QUEUE"], os.environ["QUEUE"] + "-dead", "results"
HAPPY, SAD = {"good", "great", "fast", "happy", "love"}, {"bad", "slow", "broken", "sad", "hate"}

sqs, dynamodb = boto3.client("sqs"), boto3.client("dynamodb")
queue = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
try:
    dynamodb.create_table(TableName=TABLE, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                          AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
except dynamodb.exceptions.ResourceInUseException:
    pass  # another instance was first


def submit(event, context):
    """POST / puts a text into the queue and answers at once; GET /ID tells what has become of it."""
    http = event["requestContext"]["http"]
    if http["method"] == "GET":
        found = read(event["rawPath"].strip("/"))
        return reply(200, found) if found else reply(404, {"error": "no such request"})
    body = event.get("body") or ""
    text = json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body)["text"]
    request = {"id": str(uuid.uuid4()), "status": "pending"}
    write(request)
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"id": request["id"], "text": text}))
    return reply(202, request)


def infer(event, context):
    """Works on a batch of messages. Those that it names as failed come back, the third time to the dead letters."""
    failed = []
    for message in event["Records"]:
        request = json.loads(message["body"])
        attempts = message["attributes"]["ApproximateReceiveCount"]
        try:
            write({"id": request["id"], "status": "succeeded", "attempts": attempts, "mood": mood(request["text"])})
        except Exception as e:
            print(f"{request['id']}: attempt {attempts}: {e}")
            write({"id": request["id"], "status": "failing", "attempts": attempts, "error": str(e)})
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def mood(text):
    """The model of this example."""
    words = text.lower().split()
    if len(words) > int(os.environ["MAX_WORDS"]):
        raise ValueError(f"{len(words)} words are too many")
    score = sum(w in HAPPY for w in words) - sum(w in SAD for w in words)
    return "happy" if score > 0 else "unhappy" if score < 0 else "calm"


def redrive(event, context):
    """Moves the dead letters back to their queue, with a task of SQS's."""
    url = sqs.get_queue_url(QueueName=DEAD)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "ApproximateNumberOfMessages"])["Attributes"]
    sqs.start_message_move_task(SourceArn=attributes["QueueArn"])
    return {"moved": int(attributes["ApproximateNumberOfMessages"])}


def write(item):
    dynamodb.put_item(TableName=TABLE, Item={name: {"S": value} for name, value in item.items()})


def read(id):
    item = dynamodb.get_item(TableName=TABLE, Key={"id": {"S": id or "-"}}).get("Item", {})
    return {name: value["S"] for name, value in item.items()}


def reply(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
