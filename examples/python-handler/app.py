"""Tells whether a text is happy, as an AWS Lambda handler.

It shows what a function that carries a model does to start quickly and to
answer quickly: the model is loaded once, when it is first needed, and kept in a
global; a warm-up event loads it ahead of need; each answer says whether it came
from a cold start.
"""

import base64
import json
import re
import time
from pathlib import Path

_model = None
_cold = True


def load_model():
    """Reads the word list once for the life of the process."""
    global _model
    if _model is None:
        began = time.perf_counter()
        _model = json.loads(Path(__file__).with_name("words.json").read_text("utf-8"))
        print(f"model loaded in {(time.perf_counter() - began) * 1000:.1f} ms")
    return _model


def classify(text):
    weights = load_model()
    words = re.findall(r"[a-z']+", text.lower())
    score = sum(weights.get(word, 0) for word in words) / max(len(words), 1)
    return {"label": "happy" if score > 0 else "unhappy" if score < 0 else "neutral", "score": round(score, 3)}


def handler(event, context):
    global _cold
    cold, _cold = _cold, False
    if event.get("source") == "warmup" or event.get("detail-type") == "Scheduled Event":
        load_model()
        return {"warm": True}
    is_http = "requestContext" in event
    text = body_of(event).get("text", "") if is_http else event.get("text", "")
    if not isinstance(text, str) or not text.strip():
        if is_http:
            return reply(400, {"error": "text: must not be empty"})
        raise ValueError("text: must not be empty")
    answer = {**classify(text), "cold_start": cold, "request_id": context.aws_request_id}
    return reply(200, answer) if is_http else answer


def body_of(event):
    """The JSON object in an HTTP event, which may be encoded in base64."""
    body = event.get("body") or "{}"
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def reply(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
