"""Function URLs: who may call them, and what the function and its caller see."""
import botocore.auth
import botocore.awsrequest
from botocore.credentials import Credentials

from support import *

SOURCE = """
import json
def handler(event, context):
    if event["rawPath"] == "/fail": raise ValueError("secret")
    if event["rawPath"] == "/plain": return "just text"
    return {"statusCode": 201, "headers": {"x-a": "b", "content-type": "application/json"}, "cookies": ["c=d"], "body": json.dumps(event)}
"""
STREAM = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const out = awslambda.HttpResponseStream.from(stream, { statusCode: 202, headers: { "x-a": "b" } });
  out.write("one\\n");
  await new Promise((r) => setTimeout(r, 500));
  out.end("two\\n");
});
"""
OPEN = dict(StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE")


class URLs(Suite):
    def url(self, **more):
        made = self.c.create_function_url_config(FunctionName=self.name, **{"AuthType": "NONE", **more})
        return made["FunctionUrl"][len(ENDPOINT):]

    def test_life_of_a_url(self):
        self.create()
        cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 10}
        made = self.c.create_function_url_config(FunctionName=self.name, AuthType="NONE", Cors=cors)
        self.assertEqual(made["ResponseMetadata"]["HTTPStatusCode"], 201)
        self.assertEqual((made["FunctionArn"], made["AuthType"], made["Cors"], made["InvokeMode"]), (self.arn, "NONE", cors, "BUFFERED"))
        self.refused(CONFLICT, 409, f"Failed to create function url config for [functionArn = {self.arn}]. Error message:  FunctionUrlConfig exists for this Lambda function",
                     self.c.create_function_url_config, FunctionName=self.name, AuthType="NONE")
        updated = self.c.update_function_url_config(FunctionName=self.name, AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM")
        self.assertEqual((updated["FunctionUrl"], updated["AuthType"], updated["InvokeMode"], updated["Cors"]), (made["FunctionUrl"], "AWS_IAM", "RESPONSE_STREAM", made["Cors"]))
        got = self.c.get_function_url_config(FunctionName=self.name)
        self.assertEqual((got["CreationTime"], got["FunctionUrl"]), (made["CreationTime"], made["FunctionUrl"]))
        self.assertEqual([u["FunctionUrl"] for u in self.c.list_function_url_configs(FunctionName=self.name)["FunctionUrlConfigs"]], [made["FunctionUrl"]])
        self.assertEqual(self.c.delete_function_url_config(FunctionName=self.name)["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.missing("The resource you requested does not exist.", self.c.get_function_url_config, FunctionName=self.name)
        self.assertEqual(self.c.list_function_url_configs(FunctionName=self.name)["FunctionUrlConfigs"], [])

    def test_a_url_that_asks_nobody(self):
        self.create(Code={"ZipFile": archive(SOURCE)})
        path = self.url(Cors={"AllowOrigins": ["https://a.example"], "AllowMethods": ["PUT"]})
        status, headers, body = http("GET", path)
        forbidden = b'{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}'
        self.assertEqual((status, headers["x-amzn-ErrorType"], body), (403, "AccessDeniedException", forbidden))  # until the policy allows it
        self.c.add_permission(FunctionName=self.name, **OPEN)
        status, headers, body = http("PUT", path + "a%20b?x=1&x=2", b"hello", Cookie="k=v", Origin="https://a.example", Content_Type="text/plain")
        event = json.loads(body)
        self.assertEqual((status, headers["x-a"], headers["set-cookie"], headers["access-control-allow-origin"]), (201, "b", "c=d", "https://a.example"))
        self.assertEqual((event["version"], event["rawPath"], event["rawQueryString"], event["cookies"], event["body"], event["isBase64Encoded"]),
                         ("2.0", "/a%20b", "x=1&x=2", ["k=v"], "hello", False))
        self.assertEqual(event["requestContext"]["http"]["method"], "PUT")
        self.assertEqual((event["headers"]["x-forwarded-proto"], event["headers"]["x-forwarded-port"]), ("http", ENDPOINT.rsplit(":", 1)[1]))
        self.assertRegex(event["headers"]["x-amzn-trace-id"], "^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$")
        self.assertNotIn("authorizer", event["requestContext"])
        status, headers, body = http("OPTIONS", path, Origin="https://a.example", Access_Control_Request_Method="PUT")
        self.assertEqual((status, headers["access-control-allow-methods"], body), (200, "PUT", b""))
        status, headers, body = http("GET", path + "plain")
        self.assertEqual((status, headers["content-type"], body), (200, "application/json", b'"just text"'))
        status, headers, body = http("GET", path + "fail")
        self.assertEqual((status, body), (502, b"Internal Server Error"))
        self.c.delete_function_url_config(FunctionName=self.name)
        status, headers, body = http("GET", path)
        self.assertEqual((status, headers["x-amzn-ErrorType"], body), (403, "AccessDeniedException", b'{"Message":null}'))

    def test_a_url_that_wants_a_signature(self):
        self.create(Code={"ZipFile": archive(SOURCE)})
        path = self.url(AuthType="AWS_IAM")
        status, headers, body = http("GET", path)
        self.assertEqual((status, headers["x-amzn-ErrorType"]), (403, "AccessDeniedException"), body)
        who = Credentials("any", "any")
        for method, data, sign in (("POST", b"hello", botocore.auth.SigV4Auth(who, "lambda", REGION)), ("GET", b"", botocore.auth.SigV4QueryAuth(who, "lambda", REGION, expires=60))):
            request = botocore.awsrequest.AWSRequest(method, ENDPOINT + path + "x", data=data, headers={"Content-Type": "text/plain"})
            sign.add_auth(request)
            status, headers, body = http(method, request.url[len(ENDPOINT):], data, **dict(request.headers.items()))
            self.assertEqual(status, 201, body)
            event = json.loads(body)
            self.assertEqual((event.get("body", ""), event["requestContext"]["authorizer"]["iam"]["accountId"]), (data.decode(), ACCOUNT))

    def test_a_streamed_answer(self):
        self.create(Runtime="nodejs20.x", Handler="index.handler", Code={"ZipFile": archive(STREAM, "index.js")})
        path = self.url(InvokeMode="RESPONSE_STREAM")
        self.c.add_permission(FunctionName=self.name, **OPEN)
        with urllib.request.urlopen(ENDPOINT + path, timeout=60) as answer:
            self.assertEqual((answer.status, answer.headers["x-a"], answer.readline()), (202, "b", b"one\n"))
            self.assertEqual(answer.read(), b"two\n")


if __name__ == "__main__":
    unittest.main()
