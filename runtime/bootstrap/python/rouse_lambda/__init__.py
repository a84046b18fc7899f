"""A client of the AWS Lambda Runtime API that starts quickly.

It behaves as AWS's own client (awslambdaric) does. Starting is its purpose, so
it imports next to nothing: json (which every event needs) is the largest, and
logging, traceback and site-packages wait until the handler wants them.
It runs on Python 3.8 and later.
"""

# The event being handled, for log records.
request_id = None
tenant_id = None
