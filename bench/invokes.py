"""Prints the times of a function's invocations, in microseconds by side, as JSON."""
import json
import sys
import time

import boto3

rounds = int(sys.argv[1])
sides = dict(side.split("=", 1) for side in sys.argv[2:])
session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
clients = {side: session.client("lambda", endpoint_url=url) for side, url in sides.items()}
event = b'"' + 1022 * b"x" + b'"'


def invoke(side):
    began = time.perf_counter_ns()
    answer = clients[side].invoke(FunctionName="events", Payload=event)["Payload"].read()
    took = time.perf_counter_ns() - began
    if answer != event:
        raise SystemExit(f"{side} answered {answer[:200]}")
    return took / 1000


times = {side: [] for side in sides}
for n in range(100 + rounds):
    for side in sorted(sides, reverse=n % 2 == 0):
        took = invoke(side)
        if n >= 100:  # what grows on first use has grown
            times[side].append(took)
json.dump(times, sys.stdout)
