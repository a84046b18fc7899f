"""Provisioned concurrency: its states, who uses it, and what it leaves to the others."""
import time

from support import *

SOURCE = """
import os, time
KIND = os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
if os.environ.get("FAIL") and KIND == "provisioned-concurrency": raise ValueError("no model")
def handler(event, context):
    time.sleep(event.get("sleep", 0))
    return [KIND, context.function_version]
"""


class Provisioned(Suite):
    def published(self, **more):
        self.create(Code={"ZipFile": archive(SOURCE)}, Publish=True, Timeout=10, **more)
        return "1"

    def put(self, qualifier, count):
        return self.c.put_provisioned_concurrency_config(FunctionName=self.name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count)

    def until(self, qualifier, *states):
        """What a waiter does, for botocore has none for this."""
        deadline = time.monotonic() + 60
        while True:
            got = self.c.get_provisioned_concurrency_config(FunctionName=self.name, Qualifier=qualifier)
            if got["Status"] in states:
                return got
            self.assertEqual(got["Status"], "IN_PROGRESS")
            self.assertLess(time.monotonic(), deadline, got)
            time.sleep(0.1)

    def counts(self, of):
        return tuple(of[k + "ProvisionedConcurrentExecutions"] for k in ("Requested", "Available", "Allocated"))

    def test_from_in_progress_to_ready(self):
        version = self.published()
        made = self.put(version, 2)
        self.assertEqual((made["ResponseMetadata"]["HTTPStatusCode"], made["Status"], self.counts(made)), (202, "IN_PROGRESS", (2, 0, 0)))
        self.assertEqual(self.counts(self.until(version, "READY")), (2, 2, 2))
        self.assertEqual(json.loads(self.invoke({}, Qualifier=version)["Text"]), ["provisioned-concurrency", "1"])
        self.assertEqual(json.loads(self.invoke({})["Text"]), ["on-demand", "$LATEST"])
        listed, = self.c.list_provisioned_concurrency_configs(FunctionName=self.name)["ProvisionedConcurrencyConfigs"]
        self.assertEqual((listed["FunctionArn"], listed["Status"]), (self.arn + ":1", "READY"))
        self.assertEqual(self.c.delete_provisioned_concurrency_config(FunctionName=self.name, Qualifier=version)["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.refused("ProvisionedConcurrencyConfigNotFoundException", 404, "No Provisioned Concurrency Config found for this function",
                     self.c.get_provisioned_concurrency_config, FunctionName=self.name, Qualifier=version)

    def test_an_aliases_instances_serve_its_version_too(self):
        self.c.create_alias(FunctionName=self.name, Name="live", FunctionVersion=self.published())
        self.put("live", 1)
        self.until("live", "READY")
        for qualifier in ("live", "1"):
            self.assertEqual(json.loads(self.invoke({}, Qualifier=qualifier)["Text"]), ["provisioned-concurrency", "1"])
        self.refused(CONFLICT, 409, "Version is pointed by a Provisioned Concurrency alias", self.put, "1", 1)

    def test_what_is_reserved_and_not_provisioned_is_left(self):
        version = self.published()
        self.c.put_function_concurrency(FunctionName=self.name, ReservedConcurrentExecutions=1)
        self.put(version, 1)
        self.until(version, "READY")
        with self.assertRaises(ClientError) as caught:
            self.c.invoke(FunctionName=self.name)
        answer = caught.exception.response
        self.assertEqual((answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Reason"]),
                         (429, "TooManyRequestsException", "ReservedFunctionConcurrentInvocationLimitExceeded"))
        self.assertEqual(json.loads(self.invoke({}, Qualifier=version)["Text"])[0], "provisioned-concurrency")
        self.refused(INVALID, 400, " ReservedConcurrentExecutions  0 should not be lower than function's total provisioned concurrency [1].",
                     self.c.put_function_concurrency, FunctionName=self.name, ReservedConcurrentExecutions=0)
        self.invalid("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function", self.put, qualifier=version, count=2)

    def test_latest_cannot_be_provisioned(self):
        self.published()
        self.invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.", self.put, qualifier="$LATEST", count=1)

    def test_an_init_that_fails(self):
        version = self.published(Environment={"Variables": {"FAIL": "1"}})
        self.put(version, 1)
        got = self.until(version, "FAILED")
        self.assertRegex(got["StatusReason"], "FUNCTION_ERROR_INIT_FAILURE")
        self.assertEqual(json.loads(self.invoke({}, Qualifier=version)["Text"]), ["on-demand", "1"])


if __name__ == "__main__":
    unittest.main()
