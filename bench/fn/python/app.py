"""The Python function that the benchmarks call: it echoes, or ends as asked."""

import os
import time


def handler(event, context):
    body = event.get("body") or ""
    if "please crash" in body:
        os._exit(1)
    if "please hang" in body:
        time.sleep(3600)
    return event
