"""The whole app as one Lambda function, behind Mangum."""

from mangum import Mangum

from app import app, model

adapter = Mangum(app, lifespan="off")


def handler(event, context):
    if event.get("source") == "warmup":
        model()
        return {"warm": True}
    return adapter(event, context)
