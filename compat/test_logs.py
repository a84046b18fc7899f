"""What tools print logs with: CloudWatch Logs' reading half, for functions."""
from support import *

SAYING = """
def handler(event, context):
    print("said", event["n"])
    return context.log_group_name, context.log_stream_name
"""


class FunctionLogs(Suite):
    def setUp(self):
        super().setUp()
        self.logs, self.group = client("logs"), "/aws/lambda/" + self.name
        self.create(Code={"ZipFile": archive(SAYING)})
        for n in range(3):
            group, self.stream = json.loads(self.invoke({"n": n})["Text"])
            self.assertEqual(group, self.group)

    def test_a_handlers_words_are_found(self):
        events = [e for page in self.logs.get_paginator("filter_log_events").paginate(logGroupName=self.group, PaginationConfig={"PageSize": 2}) for e in page["events"]]
        self.assertEqual([e["message"] for e in events if "said" in e["message"]], ["said 0\n", "said 1\n", "said 2\n"])
        self.assertEqual({e["logStreamName"] for e in events}, {self.stream})
        self.assertEqual(len({e["eventId"] for e in events}), len(events))
        self.assertEqual(sum(e["message"].startswith("REPORT RequestId: ") for e in events), 3)
        last = self.logs.filter_log_events(logGroupName=self.group, filterPattern='"said 2"')["events"]
        self.assertEqual([e["message"] for e in last], ["said 2\n"])

    def test_a_stream_is_read_to_its_end(self):
        stream, = self.logs.describe_log_streams(logGroupName=self.group)["logStreams"]
        self.assertEqual(stream["logStreamName"], self.stream)
        texts, more = [], {"startFromHead": True}
        while True:
            page = self.logs.get_log_events(logGroupName=self.group, logStreamName=self.stream, limit=3, **more)
            if page["nextForwardToken"] == more.get("nextToken"):
                break
            texts += [e["message"] for e in page["events"]]
            more = {"nextToken": page["nextForwardToken"]}
        self.assertEqual([t for t in texts if t.startswith("said")], ["said 0\n", "said 1\n", "said 2\n"])

    def test_groups_are_functions(self):
        group, = self.logs.describe_log_groups(logGroupNamePrefix=self.group)["logGroups"]
        self.assertEqual(group["arn"], f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{self.group}:*")
        tail = aws("logs", "tail", group["logGroupName"], "--format", "short", version=2)
        self.assertRegex(tail, "said 0\n(?s:.*)said 2\n")
        with self.assertRaises(self.logs.exceptions.ResourceNotFoundException):
            self.logs.filter_log_events(logGroupName=self.group + "-none")


    def test_a_group_of_another_name(self):
        mine = "/mine/" + self.name
        changed = self.c.update_function_configuration(FunctionName=self.name, LoggingConfig={"LogGroup": mine})
        self.assertEqual(changed["LoggingConfig"], {"LogFormat": "Text", "LogGroup": mine})
        self.assertEqual(json.loads(self.invoke({"n": 7})["Text"])[0], mine)
        self.assertEqual([e["message"] for e in self.logs.filter_log_events(logGroupName=mine, filterPattern='"said 7"')["events"]], ["said 7\n"])
        with self.assertRaisesRegex(ClientError, r"InvalidParameterValueException\).*: function " + self.name + " has it"):
            self.create(FunctionName=self.name[:50] + "other", LoggingConfig={"LogGroup": mine})


if __name__ == "__main__":
    unittest.main()
