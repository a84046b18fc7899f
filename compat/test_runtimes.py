"""The same cases on every client of the Runtime API: the project's own and AWS's."""
import shutil
import time

from support import *

PYTHON = """
import os, time
def handler(event, context):
    do = event.get("do")
    if do == "fail": raise ValueError("as asked")
    if do == "exit": os._exit(7)
    if do == "sleep": time.sleep(event["sleep"])
    return {"id": context.aws_request_id, "arn": context.invoked_function_arn, "name": context.function_name, "version": context.function_version,
            "memory": int(context.memory_limit_in_mb), "left": context.get_remaining_time_in_millis() / 1000, "custom": context.client_context and context.client_context.custom}
"""
NODE = """
exports.handler = async (event, context) => {
  if (event.do === "fail") throw new TypeError("as asked");
  if (event.do === "exit") process.exit(7);
  if (event.do === "sleep") await new Promise(r => setTimeout(r, 1000 * event.sleep));
  return {id: context.awsRequestId, arn: context.invokedFunctionArn, name: context.functionName, version: context.functionVersion,
          memory: Number(context.memoryLimitInMB), left: context.getRemainingTimeInMillis() / 1000, custom: context.clientContext && (context.clientContext.custom || context.clientContext.Custom)};
};
"""
STREAM = """
exports.stream = awslambda.streamifyResponse(async (event, out) => {
  out.write('first,');
  await new Promise(r => setTimeout(r, 1000));
  out.write('last');
  out.end();
});
"""
BOOTSTRAP = "#!/bin/sh\ncd /tmp\nexport PYTHONPATH=$LAMBDA_TASK_ROOT HOME=/tmp\nexec {} \n"


class Runtimes(Suite):
    def cases(self, failure):
        answer = self.invoke({}, ClientContext=base64.b64encode(b'{"custom": {"x": "y"}}').decode())
        got = json.loads(answer["Text"])
        self.assertTrue(0 < got.pop("left") <= 5, got)
        self.assertEqual(got, {"id": answer["ResponseMetadata"]["RequestId"], "arn": self.arn, "name": self.name, "version": "$LATEST", "memory": 256, "custom": {"x": "y"}})
        answer = self.invoke({"do": "fail"}, LogType="Tail")
        body = json.loads(answer["Text"])
        self.assertEqual((answer["FunctionError"], body["errorType"], body["errorMessage"]), ("Unhandled", failure, "as asked"))
        self.assertIn("REPORT RequestId: " + answer["ResponseMetadata"]["RequestId"], self.log(answer))
        answer = self.invoke({"do": "exit"})
        self.assertEqual(answer["Text"], '{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited with error: exit status 7"}' % answer["ResponseMetadata"]["RequestId"])
        answer = self.invoke({"do": "sleep", "sleep": 30})
        self.assertEqual(answer["Text"], '{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: %s Error: Task timed out after 5.00 seconds"}' % answer["ResponseMetadata"]["RequestId"])
        self.assertEqual(json.loads(self.invoke({})["Text"])["name"], self.name)

    def create(self, **more):
        return super().create(**dict(dict(Timeout=5, MemorySize=256), **more))

    def test_python(self):
        self.create(Code={"ZipFile": archive(PYTHON)})
        self.cases("ValueError")

    @unittest.skipIf(DRIVER == "process", "there each instance has a user of its own")
    def test_the_user_has_aws_s_name(self):
        self.create(Code={"ZipFile": archive("import getpass\ndef handler(e, c): return getpass.getuser()")})
        self.assertEqual(self.invoke({})["Text"], '"sbx_user1051"')
        self.c.update_function_configuration(FunctionName=self.name, Runtime="nodejs20.x")
        self.c.update_function_code(FunctionName=self.name, ZipFile=archive("exports.handler = async () => require('os').userInfo().username", "app.js"))
        self.assertEqual(self.invoke({})["Text"], '"sbx_user1051"')

    @unittest.skipIf(DRIVER == "process", "there it is the host's Python, with what is installed for it")
    def test_python_has_boto3_unless_the_code_brings_its_own(self):
        source = "import boto3\nsts = boto3.client('sts')\ndef handler(e, c): return sts.get_caller_identity()['Account']"
        self.create(Code={"ZipFile": archive(source)}, Timeout=20)
        self.assertEqual(self.invoke({})["Text"], f'"{ACCOUNT}"')
        self.c.update_function_code(FunctionName=self.name, ZipFile=archive("import boto3\ndef handler(e, c): return boto3.mine", **{"boto3/__init__.py": "mine = 'mine'"}))
        self.assertEqual(self.invoke({})["Text"], '"mine"')

    def test_node(self):
        self.create(Runtime="nodejs20.x", Handler="index.handler", Code={"ZipFile": archive(NODE, "index.js")})
        self.cases("TypeError")

    def test_aws_lambda_go(self):
        self.create(Runtime="provided.al2023", Handler="bootstrap", Code={"ZipFile": packed(os.environ["ROUSE_GO_FUNCTION"])})
        self.cases("errorString")

    @unittest.skipIf(DRIVER == "docker", "the base image of provided has no Python; test_images has one with awslambdaric")
    def test_awslambdaric(self):
        bootstrap = BOOTSTRAP.format(sys.executable + " -m awslambdaric app.handler")
        self.create(Runtime="provided.al2023", Handler="app.handler", Code={"ZipFile": packed(os.environ["ROUSE_AWSLAMBDARIC"], **{"bootstrap": bootstrap, "app.py": PYTHON})})
        self.cases("ValueError")

    @unittest.skipUnless(os.environ.get("ROUSE_NODE_RIC"), "aws-lambda-ric could not be built here")
    @unittest.skipIf(DRIVER == "docker", "the base image of provided has no Node.js")
    def test_aws_lambda_ric(self):
        ric = os.path.join(os.environ["ROUSE_NODE_RIC"], "node_modules", "aws-lambda-ric")
        files = {"index.js": NODE + STREAM}
        for path in ("package.json", "bin/index.mjs", "dist/index.mjs", "dist/rapid-client.node"):
            with open(os.path.join(ric, path), "rb") as f:
                files["aws-lambda-ric/" + path] = f.read()
        bootstrap = f"#!/bin/sh\ncd $LAMBDA_TASK_ROOT\nexport HOME=/tmp\nexec {shutil.which('node')} aws-lambda-ric/bin/index.mjs $_HANDLER\n"
        self.create(Runtime="provided.al2023", Handler="index.handler", Code={"ZipFile": archive(bootstrap, "bootstrap", 0o755, **files)})
        self.cases("TypeError")
        self.c.update_function_configuration(FunctionName=self.name, Handler="index.stream")
        self.c.invoke_with_response_stream(FunctionName=self.name)["EventStream"].close()
        came = []
        for event in self.c.invoke_with_response_stream(FunctionName=self.name)["EventStream"]:
            came.append((time.monotonic(), event.get("PayloadChunk", {}).get("Payload")))
        self.assertEqual(b"".join(part for _, part in came if part), b"first,last")
        self.assertGreater(came[-1][0] - came[0][0], 0.8)


# As AWS's tutorial for custom runtimes has it: words of bash, and curl.
SHELL = """#!%s
set -euo pipefail
source "$LAMBDA_TASK_ROOT/$(echo "$_HANDLER" | cut -d. -f1).sh"
while true; do
  headers=$(mktemp)
  event=$(curl -sS -LD "$headers" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" -d "$($(echo "$_HANDLER" | cut -d. -f2) "$event")"
done
"""


class Shell(Suite):
    def test_a_bootstrap_of_shell(self):
        shell = "/bin/bash" if DRIVER == "process" else "/bin/sh"  # with which the host has its own say
        code = archive(SHELL % shell, "bootstrap", 0o755, **{"function.sh": "handler() { echo \"Echoing request: '$1'\"; }\n"})
        self.create(Runtime="provided.al2023", Handler="function.handler", Code={"ZipFile": code}, Timeout=5)
        for event in ({"a": 1}, {"b": "c d"}):
            self.assertEqual(self.invoke(event)["Text"], f"Echoing request: '{json.dumps(event)}'")


# As AWS's documentation writes them: an option goes before the last argument.
WRAPPER = """#!/bin/bash
args=("$@")
export WRAPPED=yes _HANDLER=app.other
exec "${args[@]:0:$#-1}" %s "${args[@]: -1}"
"""


class Wrappers(Suite):
    """AWS_LAMBDA_EXEC_WRAPPER, by which layers of observability tools come in."""

    def wrapped(self, option, **more):
        wrapper = self.c.publish_layer_version(LayerName=self.name, Content={"ZipFile": archive(WRAPPER % option, "wrap", 0o755)})
        self.addCleanup(self.c.delete_layer_version, LayerName=self.name, VersionNumber=wrapper["Version"])
        self.create(Layers=[wrapper["LayerVersionArn"]], Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}}, MemorySize=256, **more)
        return json.loads(self.invoke({})["Text"])

    def test_python(self):
        code = "import os, sys\ndef other(event, context): return [os.environ['WRAPPED'], sys.flags.optimize]\n"
        self.assertEqual(self.wrapped("-O", Code={"ZipFile": archive(code)}), ["yes", 1])

    def test_node(self):
        code = "exports.other = async () => [process.env.WRAPPED, process.execArgv]"
        self.assertEqual(self.wrapped("--expose-gc", Runtime="nodejs20.x", Code={"ZipFile": archive(code, "app.js")}), ["yes", ["--expose-gc"]])

    def test_one_that_is_not_there(self):
        self.create(Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/none"}})
        answer = self.invoke({}, LogType="Tail")
        self.assertEqual(json.loads(answer["Text"])["errorType"], "Runtime.ExitError")
        self.assertIn("exit status 127", answer["Text"])
        self.assertIn("none: does not exist", self.log(answer))


class NodeLayers(Suite):
    """Packages of a layer, by require and, as on AWS since Node.js 18, by import."""

    def layered(self, **code):
        package = {"nodejs/node_modules/plain/index.js": "exports.word = 'plain'", "nodejs/node20/node_modules/words/package.json": '{"type": "module", "exports": "./index.js"}',
                   "nodejs/node20/node_modules/words/index.js": "export const word = 'module'"}
        layer = self.c.publish_layer_version(LayerName=self.name, Content={"ZipFile": archive("", "nodejs/empty", **package)})
        self.addCleanup(self.c.delete_layer_version, LayerName=self.name, VersionNumber=layer["Version"])
        self.create(Layers=[layer["LayerVersionArn"]], Runtime="nodejs20.x", Handler="index.handler", Code={"ZipFile": archive("", "empty", **code)})
        return json.loads(self.invoke({})["Text"])

    def test_require(self):
        self.assertEqual(self.layered(**{"index.js": "const { word } = require('plain');\nexports.handler = async () => word"}), "plain")

    @unittest.skipIf(DRIVER == "process", "its layers lie where import does not look: docs/functions.md")
    def test_import(self):
        code = "import { word } from 'plain';\nimport * as words from 'words';\nexport const handler = async () => [word, words.word]"
        self.assertEqual(self.layered(**{"index.mjs": code}), ["plain", "module"])
