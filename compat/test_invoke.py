"""Invocations: answers, errors, logs and what code finds around it, as AWS was recorded."""
import concurrent.futures
import threading
import time

from support import *

HANDLER = """
import os, tempfile, time
print("imported")
TMP = tempfile.gettempdir() + "/"
def handler(event, context):
    if not isinstance(event, dict): return event
    print("working on", event)
    if "raise" in event: raise ValueError("boom")
    if "exit" in event: os._exit(event["exit"])
    if "kill" in event: os.kill(os.getpid(), event["kill"])
    if "write" in event: open(TMP + event["write"], "w").write("kept")
    if "sleep" in event: time.sleep(event["sleep"])
    if "big" in event: return "x" * event["big"]
    if "none" in event: return None
    if "read" in event: return [os.getpid(), open(TMP + event["read"]).read()]
    if "env" in event: return dict(os.environ)
    if "left" in event: return context.get_remaining_time_in_millis()
    if "context" in event:
        c = context.client_context
        return [context.invoked_function_arn, context.function_name, context.function_version, context.memory_limit_in_mb, context.aws_request_id,
                context.log_group_name, c and c.custom]
    return event
"""


class Invoke(Suite):
    def create(self, **more):
        more.setdefault("Code", {"ZipFile": archive(HANDLER)})
        return super().create(**more)

    def fails(self, event, kind, message, **more):
        """Wants an error of the function's making, its body to the letter."""
        answer = self.invoke(event, **more)
        self.assertEqual((answer["StatusCode"], answer.get("FunctionError"), answer["ExecutedVersion"]), (200, "Unhandled", "$LATEST"))
        request = answer["ResponseMetadata"]["RequestId"]
        self.assertEqual(answer["Text"], '{"errorType":"%s","errorMessage":"%s"}' % (kind, message.replace("<id>", request)))
        return answer

    def test_statuses_and_bodies_of_each_type(self):
        self.create()
        answer = self.invoke({"a": "ü"})
        self.assertEqual((answer["StatusCode"], answer["ExecutedVersion"], json.loads(answer["Text"])), (200, "$LATEST", {"a": "ü"}))
        self.assertNotIn("FunctionError", answer)
        self.assertNotIn("LogResult", answer)
        self.assertEqual(self.invoke()["Text"], "{}")
        self.assertEqual(self.invoke({"none": 1})["Text"], "null")
        for scalar in (0, "text", [1, None], True):
            self.assertEqual(json.loads(self.invoke(scalar)["Text"]), scalar)
        dry = self.invoke(InvocationType="DryRun")
        self.assertEqual((dry["StatusCode"], dry["Text"]), (204, ""))
        event = self.invoke({"a": 1}, InvocationType="Event")
        self.assertEqual((event["StatusCode"], event["Text"]), (202, ""))
        self.assertEqual(client().invoke_async(FunctionName=self.name, InvokeArgs=b"{}")["Status"], 202)

    def test_what_the_handler_is_told(self):
        self.create(MemorySize=256)
        custom = base64.b64encode(b'{"custom": {"x": 1}}').decode()
        answer = self.invoke({"context": 1}, ClientContext=custom)
        self.assertEqual(json.loads(answer["Text"]), [self.arn, self.name, "$LATEST", "256", answer["ResponseMetadata"]["RequestId"], "/aws/lambda/" + self.name, {"x": 1}])
        self.c.publish_version(FunctionName=self.name)
        self.c.create_alias(FunctionName=self.name, Name="live", FunctionVersion="1")
        answer = self.invoke({"context": 1}, Qualifier="live")
        self.assertEqual((answer["ExecutedVersion"], json.loads(answer["Text"])[0], json.loads(answer["Text"])[2]), ("1", self.arn + ":live", "1"))
        left = json.loads(self.invoke({"left": 1})["Text"])
        self.assertTrue(2000 < left <= 3000, left)

    def test_errors_of_a_process_that_ends(self):
        self.create()
        exited = "RequestId: <id> Error: Runtime exited with"
        self.fails({"exit": 0}, "Runtime.ExitError", exited + "out providing a reason")
        self.fails({"exit": 127}, "Runtime.ExitError", exited + " error: exit status 127")
        self.fails({"kill": 9}, "Runtime.ExitError", exited + " error: signal: killed")
        self.assertEqual(self.invoke({"a": 1})["Text"], '{"a": 1}')

    def test_an_error_that_the_handler_raises_is_the_runtimes_own(self):
        self.create()
        answer = self.invoke({"raise": 1})
        body = json.loads(answer["Text"])
        self.assertEqual((answer["FunctionError"], body["errorMessage"], body["errorType"], body["requestId"]), ("Unhandled", "boom", "ValueError", answer["ResponseMetadata"]["RequestId"]))
        self.assertIn("in handler", body["stackTrace"][-1])

    def test_timeouts_end_at_the_deadline_and_keep_tmp(self):
        self.create(Timeout=1)
        self.invoke({"write": "f"})
        before = json.loads(self.invoke({"read": "f"})["Text"])
        began = time.monotonic()
        answer = self.fails({"sleep": 10}, "Sandbox.Timedout", "RequestId: <id> Error: Task timed out after 1.00 seconds", LogType="Tail")
        self.assertLess(time.monotonic() - began, 1.5)
        self.assertRegex(self.log(answer), r"Task timed out after 1\.00 seconds")
        after = json.loads(self.invoke({"read": "f"})["Text"])
        self.assertIsInstance(after, list, after)
        self.assertEqual(after[1], "kept")
        if DRIVER == "docker":
            return  # every process has the same number in a container of its own
        self.assertNotEqual(after[0], before[0])

    def test_errors_of_init(self):
        self.create(Code={"ZipFile": archive("import os\nos._exit(0)")})
        self.fails({}, "Runtime.ExitError", "RequestId: <id> Error: Runtime exited without providing a reason")
        self.c.update_function_code(FunctionName=self.name, ZipFile=archive("1/0"))
        for _ in range(2):
            answer = self.invoke({})
            body = json.loads(answer["Text"])
            self.assertEqual((answer["FunctionError"], body["errorType"], body["requestId"], body["errorMessage"]), ("Unhandled", "ZeroDivisionError", "", "division by zero"))
        self.c.update_function_code(FunctionName=self.name, ZipFile=archive("import nothing_of_this_name"))
        body = json.loads(self.invoke({})["Text"])
        self.assertEqual((body["errorType"], body["errorMessage"]), ("Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nothing_of_this_name'"))
        self.c.update_function_code(FunctionName=self.name, ZipFile=archive("x = 1"))
        body = json.loads(self.invoke({})["Text"])
        self.assertEqual((body["errorType"], body["errorMessage"]), ("Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"))
        self.c.update_function_configuration(FunctionName=self.name, Handler="app")
        body = json.loads(self.invoke({})["Text"])
        self.assertEqual((body["errorType"], body["errorMessage"]), ("Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"))

    def test_programs_that_cannot_start(self):
        self.create(Runtime="provided.al2023", Handler="any", Code={"ZipFile": archive("#!/bin/sh", "main", 0o755)})
        self.fails({}, "Runtime.InvalidEntrypoint", "RequestId: <id> Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")
        for source, mode, why in (("#!/missing\n", 0o755, "no such file or directory"), ("no program", 0o755, "exec format error"), ("#!/bin/sh", 0o644, "permission denied")):
            self.c.update_function_code(FunctionName=self.name, ZipFile=archive(source, "bootstrap", mode))
            answer = self.fails({}, "Runtime.InvalidEntrypoint", "RequestId: <id> Error: fork/exec /var/task/bootstrap: " + why, LogType="Tail")
            self.assertIn("Status: error\tError Type: Runtime.InvalidEntrypoint", self.log(answer))

    def test_limits_both_ways(self):
        self.create(MemorySize=512, Timeout=20)
        most = 6 * 1024 * 1024
        self.assertEqual(len(self.invoke("x" * (most - 2))["Text"]), most)
        answer = self.refused("RequestTooLargeException", 413, f"{most + 1} byte payload is too large for the RequestResponse invocation type (limit {most} bytes)",
                              self.c.invoke, FunctionName=self.name, Payload=json.dumps("x" * (most - 1)))
        self.assertEqual(answer["Type"], "User")
        self.assertEqual(len(self.invoke({"big": most - 2})["Text"]), most)
        self.assertEqual(len(self.invoke({"big": 6291556 - 2})["Text"]), 6291556)
        self.fails({"big": 6291556 - 1}, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).")
        with self.assertRaisesRegex(ClientError, r"RequestTooLargeException\).*payload is too large for the Event invocation type"):
            self.c.invoke(FunctionName=self.name, InvocationType="Event", Payload=json.dumps("x" * most))

    def test_bad_invocations(self):
        self.create()
        self.refused("InvalidRequestContentException", 400, "Could not parse request body into json: Could not parse payload into json: Unexpected character ('c' (code 99)): "
                     "was expecting double-quote to start field name\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 2]",
                     self.c.invoke, FunctionName=self.name, Payload="{client_id:1}")
        with self.assertRaisesRegex(ClientError, r"InvalidRequestContentException\).*: Client context must be a valid Base64-encoded JSON object."):
            self.c.invoke(FunctionName=self.name, ClientContext="%%")
        self.unlike("Value 'Never' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]",
                    self.c.invoke, FunctionName=self.name, InvocationType="Never")
        with self.assertRaisesRegex(ClientError, r"ValidationException\).*: 1 validation error detected: Value 'arn:aws:lambda:us-east-1:123400000000@function:myfn' at 'functionName' failed "
                                                 "to satisfy constraint: Member must satisfy regular expression pattern: "):
            self.c.invoke(FunctionName=f"arn:aws:lambda:{REGION}:123400000000@function:myfn")
        other = f"arn:aws:lambda:{REGION}:123456789012:function:{self.name}"
        self.refused("AccessDeniedException", 403, f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: lambda:InvokeFunction on resource: {other} because no resource-based "
                     "policy allows the lambda:InvokeFunction action", self.c.invoke, FunctionName=other)

    def test_log_lines(self):
        self.create()
        cold = self.invoke({"a": 1}, LogType="Tail")
        request = cold["ResponseMetadata"]["RequestId"]
        lines = self.log(cold).splitlines()
        self.assertEqual(lines[:3], [f"START RequestId: {request} Version: $LATEST", "working on {'a': 1}", f"END RequestId: {request}"])
        report = rf"^REPORT RequestId: {request}\tDuration: (\d+\.\d\d) ms\tBilled Duration: (\d+) ms\tMemory Size: 128 MB\tMax Memory Used: (\d+) MB\t"
        self.assertRegex(lines[3], report + r"Init Duration: \d+\.\d\d ms\t$")
        warm = self.invoke({"sleep": 0.1}, LogType="Tail")
        last = self.log(warm).splitlines()[-1]
        self.assertNotIn("Init Duration", last)
        took, billed, memory = re.search(r"Duration: (\d+\.\d\d) ms\tBilled Duration: (\d+) ms\t.*Max Memory Used: (\d+) MB", last).groups()
        self.assertTrue(100 <= float(took) < 400 and float(took) <= int(billed) < float(took) + 1 and 1 < int(memory) < 128, last)
        long = self.invoke({"text": "y" * 9000}, LogType="Tail")
        self.assertLessEqual(len(self.log(long).encode()), 4096)
        self.assertIn("REPORT RequestId", self.log(long))

    def test_logs_that_are_json(self):
        source = 'import logging\ndef handler(e, c):\n    logging.getLogger().info("told")\n    logging.getLogger().debug("untold")\n    if e: raise ValueError(e)'
        made = self.create(Code={"ZipFile": archive(source)}, LoggingConfig={"LogFormat": "JSON"})
        config = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", "LogGroup": "/aws/lambda/" + self.name}
        self.assertEqual(made["LoggingConfig"], config)
        answer = self.invoke(None, LogType="Tail")
        request = answer["ResponseMetadata"]["RequestId"]
        start, told, report = [json.loads(line) for line in self.log(answer).splitlines()]
        self.assertEqual((start["type"], start["record"]), ("platform.start", {"requestId": request, "version": "$LATEST"}))
        self.assertEqual((told["level"], told["message"], told["requestId"]), ("INFO", "told", request))
        self.assertEqual((report["type"], report["record"]["status"], report["record"]["metrics"]["memorySizeMB"]), ("platform.report", "success", 128))
        self.c.update_function_configuration(FunctionName=self.name, LoggingConfig={"ApplicationLogLevel": "ERROR", "SystemLogLevel": "WARN"})
        self.assertEqual(self.c.get_function_configuration(FunctionName=self.name)["LoggingConfig"], dict(config, ApplicationLogLevel="ERROR", SystemLogLevel="WARN"))
        error, done, report = [json.loads(line) for line in self.log(self.invoke("why", LogType="Tail")).splitlines()]
        self.assertEqual((error["level"], error["errorType"], error["errorMessage"]), ("ERROR", "ValueError", "why"))
        self.assertEqual((done["type"], report["type"], report["record"]["status"], report["record"]["errorType"]), ("platform.runtimeDone", "platform.report", "error", "ValueError"))
        self.c.update_function_configuration(FunctionName=self.name, LoggingConfig={"LogFormat": "Text"})
        self.assertIn("START RequestId", self.log(self.invoke(None, LogType="Tail")))

    def test_environment_of_the_code(self):
        self.create(Environment={"Variables": {"OWN": "value"}}, MemorySize=192)
        env = json.loads(self.invoke({"env": 1})["Text"])
        want = {"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11", "_HANDLER": "app.handler", "TZ": ":UTC", "OWN": "value",
                "AWS_LAMBDA_FUNCTION_NAME": self.name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "192",
                "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/" + self.name, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        self.assertEqual({k: env.get(k) for k in want}, want)
        for name in ("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "_X_AMZN_TRACE_ID", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"):
            self.assertTrue(env.get(name), name)
        self.assertNotIn("AWS_LAMBDA_FUNCTION_TIMEOUT", env)
        self.assertRegex(env["_X_AMZN_TRACE_ID"], "^Root=1-")
        if DRIVER == "docker":
            self.assertEqual((env["LAMBDA_TASK_ROOT"], env["LAMBDA_RUNTIME_DIR"]), ("/var/task", "/var/runtime"))

    def test_an_update_lets_the_running_invoke_finish_on_the_old_code(self):
        self.create(Timeout=20)
        self.invoke({})
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            old = pool.submit(self.invoke, {"sleep": 1.5, "old": True})
            time.sleep(0.3)
            self.c.update_function_code(FunctionName=self.name, ZipFile=archive("def handler(e, c): return 'new'"))
            self.assertEqual(self.invoke({})["Text"], '"new"')
            self.assertEqual(json.loads(old.result()["Text"]), {"sleep": 1.5, "old": True})

    def test_many_at_once_get_an_instance_each(self):
        self.create(Code={"ZipFile": archive("import time\ndef handler(e, c):\n    time.sleep(3)\n    return c.log_stream_name")}, Timeout=60)
        n = 8
        gate = threading.Barrier(n)

        def one(_):
            gate.wait()
            return self.invoke({})["Text"]
        with concurrent.futures.ThreadPoolExecutor(n) as pool:
            self.assertEqual(len(set(pool.map(one, range(n)))), n)

    def test_response_streams_come_as_they_are_written(self):
        source = ("exports.handler = awslambda.streamifyResponse(async (event, out) => { out.write('first,');\n"
                  "  await new Promise(r => setTimeout(r, 1500)); out.write('last'); out.end(); });")
        self.create(Runtime="nodejs20.x", Handler="index.handler", Code={"ZipFile": archive(source, "index.js")}, Timeout=20)
        self.c.invoke_with_response_stream(FunctionName=self.name)["EventStream"].close()
        began, first, parts = time.monotonic(), None, []
        for event in self.c.invoke_with_response_stream(FunctionName=self.name, LogType="Tail")["EventStream"]:
            if "PayloadChunk" in event:
                first = first or time.monotonic() - began
                parts.append(event["PayloadChunk"]["Payload"])
            else:
                done, complete = time.monotonic() - began, event["InvokeComplete"]
        self.assertEqual(b"".join(parts), b"first,last")
        self.assertTrue(done - first > 1.2, (first, done))
        self.assertNotIn("ErrorCode", complete)
        self.assertIn("REPORT RequestId", base64.b64decode(complete["LogResult"]).decode())
