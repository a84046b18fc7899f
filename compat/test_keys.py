"""Rouse with --auth keys: what boto3 and the AWS CLI sign is verified."""
import datetime
import unittest.mock

import botocore.auth

from support import *

WRONG = ("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. "
         "Consult the service documentation for details.")


@unittest.skipUnless(os.environ.get("ROUSE_KEY"), "the Rouse of the other tests asks nobody for a key")
class Keys(Suite):
    def signed_at(self, shift):
        """Has botocore believe that it is another time."""
        now = botocore.auth.get_current_datetime
        return unittest.mock.patch("botocore.auth.get_current_datetime", lambda *a, **k: now(*a, **k) + shift)

    def rouse(self, *words):
        done = subprocess.run([os.environ["ROUSE"], *words], env=dict(os.environ, ROUSE_SERVER=ENDPOINT, ROUSE_TOKEN=os.environ["ROUSE_KEY"]), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused_with(self, code, message, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code)
        self.assertRegex(error["Message"], message)

    def test_the_right_key_opens_every_service(self):
        self.create()
        self.assertEqual(json.loads(self.invoke({"a": "\u00fc"})["Text"]), {"a": "\u00fc"})
        sqs = client("sqs")
        url = sqs.create_queue(QueueName=self.name)["QueueUrl"]
        self.addCleanup(sqs.delete_queue, QueueUrl=url)
        sqs.send_message(QueueUrl=url, MessageBody="x")
        self.assertEqual(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"], "x")
        self.assertEqual(client("sts").get_caller_identity()["Account"], ACCOUNT)
        self.assertEqual(client("iam").get_role(RoleName="any")["Role"]["RoleName"], "any")

    def test_a_function_inside_needs_no_key(self):
        source = "import os, urllib.request\ndef handler(e, c): return urllib.request.urlopen(urllib.request.Request(os.environ['AWS_ENDPOINT_URL'] + '/fn/' + e['name'] + '/', b'{}', {'Authorization': 'Bearer ' + os.environ['AWS_SESSION_TOKEN']})).status\n"
        self.create(Code={"ZipFile": archive(source)})
        self.create(FunctionName=self.name[:40] + "2")
        self.assertEqual(self.invoke({"name": self.name[:40] + "2"})["Text"], "200")

    def test_other_secrets_and_unknown_keys(self):
        id = os.environ["ROUSE_KEY"].split(":")[0]
        for service, call in (("lambda", "list_functions"), ("sqs", "list_queues"), ("sts", "get_caller_identity")):
            with self.subTest(service):
                mine = client(service, key=id + ":another")
                self.refused_with("SignatureDoesNotMatch" if service == "sts" else "InvalidSignatureException", WRONG, getattr(mine, call))
                stranger = client(service, key="AKIASTRANGER:secret")
                self.refused_with("InvalidClientTokenId" if service == "sts" else "UnrecognizedClientException", "The security token included in the request is invalid", getattr(stranger, call))
        status, headers, body = http("GET", "/2015-03-31/functions")
        self.assertEqual((status, headers["x-amzn-ErrorType"]), (403, "MissingAuthenticationTokenException"), body)

    def test_clocks_that_are_wrong(self):
        for shift in (datetime.timedelta(minutes=-4), datetime.timedelta(minutes=4)):
            with self.signed_at(shift):
                self.c.list_functions()
        with self.signed_at(datetime.timedelta(minutes=-20)):
            self.refused_with("InvalidSignatureException", r"Signature expired: \d{8}T\d{6}Z is now earlier than", self.c.list_functions)
        with self.signed_at(datetime.timedelta(minutes=20)):
            self.refused_with("InvalidSignatureException", r"Signature not yet current: \d{8}T\d{6}Z is still later than", self.c.list_functions)

    def test_presigned_urls(self):
        self.create()
        url = self.c.generate_presigned_url("get_function", Params={"FunctionName": self.name}, ExpiresIn=60)[len(ENDPOINT):]
        status, _, body = http("GET", url)
        self.assertEqual((status, json.loads(body)["Configuration"]["FunctionName"]), (200, self.name))
        tampered = url.replace("X-Amz-Expires=60", "X-Amz-Expires=61")
        self.assertNotEqual(url, tampered)
        status, headers, body = http("GET", tampered)
        self.assertEqual((status, headers["x-amzn-ErrorType"]), (403, "InvalidSignatureException"), body)
        with self.signed_at(datetime.timedelta(minutes=-2)):
            late = self.c.generate_presigned_url("get_function", Params={"FunctionName": self.name}, ExpiresIn=60)[len(ENDPOINT):]
        status, headers, body = http("GET", late)
        self.assertEqual((status, headers["x-amzn-ErrorType"]), (403, "InvalidSignatureException"), body)
        self.assertIn(b"Signature expired", body)

    def test_a_key_that_is_made_and_taken_away(self):
        made = json.loads(self.rouse("keys", "create", "--name", "compat", "--json"))
        mine = client(key=made["id"] + ":" + made["secret"])
        mine.list_functions()
        self.rouse("keys", "rm", made["id"])
        self.refused_with("UnrecognizedClientException", "security token", mine.list_functions)

    def test_the_command_line_signs(self):
        self.create()
        self.assertIn(self.name, aws("lambda", "list-functions", "--query", "Functions[].FunctionName", "--output", "json"))
        url = aws("sqs", "create-queue", "--queue-name", self.name)["QueueUrl"]
        aws("sqs", "send-message", "--queue-url", url, "--message-body", "x y \u00fc")
        self.assertEqual(aws("sqs", "receive-message", "--queue-url", url)["Messages"][0]["Body"], "x y \u00fc")
        aws("sqs", "delete-queue", "--queue-url", url)
        refused = aws("lambda", "list-functions", check=False, key="AKIASTRANGER:secret")
        self.assertIn("(UnrecognizedClientException) when calling the ListFunctions operation: The security token included in the request is invalid", refused.stderr)


if __name__ == "__main__":
    unittest.main()
