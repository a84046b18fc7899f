"""Functions from container images, one of them laid out like AWS's base images."""
import shutil
import tempfile

from support import *

# What AWS's base images have: an entry point that runs the runtime's bootstrap when
# AWS_LAMBDA_RUNTIME_API says that there is one, and else starts their emulator.
ENTRY = """#!/bin/sh
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" 1>&2
  exit 142
fi
export _HANDLER="$1"
RUNTIME_ENTRYPOINT=/var/runtime/bootstrap
if [ -z "${AWS_LAMBDA_RUNTIME_API}" ]; then
  exec /usr/local/bin/aws-lambda-rie $RUNTIME_ENTRYPOINT
else
  exec $RUNTIME_ENTRYPOINT
fi
"""
BOOTSTRAP = """#!/bin/sh
export PYTHONPATH=/var/runtime/ric:$LAMBDA_TASK_ROOT HOME=/tmp
exec /var/runtime/interpreter -m awslambdaric "$_HANDLER"
"""
FILE = """FROM rouse/python3.11
COPY lambda-entrypoint.sh /
COPY bootstrap /var/runtime/bootstrap
COPY ric /var/runtime/ric
COPY app.py /var/task/
WORKDIR /var/task
ENTRYPOINT ["/lambda-entrypoint.sh"]
CMD ["app.handler"]
"""
APP = """
import os
def handler(event, context):
    if "fail" in event: raise ValueError("as asked")
    return ["image", os.environ["LAMBDA_TASK_ROOT"], os.getcwd(), os.environ.get("CUSTOM_ENV")]
def other(event, context):
    return ["other", os.getcwd()]
"""


@unittest.skipUnless(DRIVER == "docker", "images need Docker")
class Images(Suite):
    @classmethod
    def setUpClass(cls):
        cls.image = f"rouse-compat-{os.getpid()}:latest"
        with tempfile.TemporaryDirectory() as folder:
            for name, text, mode in (("lambda-entrypoint.sh", ENTRY, 0o755), ("bootstrap", BOOTSTRAP, 0o755), ("app.py", APP, 0o644), ("Dockerfile", FILE, 0o644)):
                path = os.path.join(folder, name)
                with open(path, "w") as f:
                    f.write(text)
                os.chmod(path, mode)
            shutil.copytree(os.environ["ROUSE_AWSLAMBDARIC"], os.path.join(folder, "ric"))
            subprocess.run(["docker", "build", "-q", "-t", cls.image, folder], check=True, capture_output=True, timeout=300)

    @classmethod
    def tearDownClass(cls):
        subprocess.run(["docker", "rmi", "-f", cls.image], capture_output=True, timeout=60)

    def image_function(self, **more):
        return self.create(**dict(dict(Runtime=None, Handler=None, PackageType="Image", Code={"ImageUri": self.image}, Environment={"Variables": {"CUSTOM_ENV": "test"}}, Timeout=10), **more))

    def active(self, name):
        self.c.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})

    def test_life_of_an_image_function(self):
        made = self.image_function()
        self.assertEqual((made["PackageType"], made["State"], made["CodeSize"]), ("Image", "Pending", 0))
        for member in ("Runtime", "Handler", "RuntimeVersionConfig", "ImageConfigResponse"):
            self.assertNotIn(member, made)
        self.active(self.name)
        got = self.c.get_function(FunctionName=self.name)
        self.assertEqual((got["Code"]["RepositoryType"], got["Code"]["ImageUri"]), ("ECR", self.image))
        self.assertRegex(got["Code"]["ResolvedImageUri"], "@sha256:" + got["Configuration"]["CodeSha256"] + "$")
        self.assertEqual(json.loads(self.invoke({})["Text"]), ["image", "/var/task", "/var/task", "test"])
        body = json.loads(self.invoke({"fail": 1})["Text"])
        self.assertEqual((body["errorType"], body["errorMessage"]), ("ValueError", "as asked"))
        self.invalid("Please provide ImageUri when updating a function with packageType Image.", self.c.update_function_code, FunctionName=self.name, ZipFile=archive())
        self.assertEqual(self.c.update_function_code(FunctionName=self.name, ImageUri=self.image)["LastUpdateStatus"], "InProgress")

    def test_overrides_of_an_image(self):
        config = {"Command": ["app.other"], "WorkingDirectory": "/tmp"}
        made = self.image_function(ImageConfig=config)
        self.assertEqual(made["ImageConfigResponse"], {"ImageConfig": config})
        self.active(self.name)
        self.assertEqual(json.loads(self.invoke({})["Text"]), ["other", "/tmp"])
        entry = {"EntryPoint": ["/bin/sh", "-c"], "Command": ["exec /lambda-entrypoint.sh app.handler"]}
        self.assertEqual(self.c.update_function_configuration(FunctionName=self.name, ImageConfig=entry)["ImageConfigResponse"], {"ImageConfig": entry})
        self.assertEqual(json.loads(self.invoke({})["Text"])[0], "image")
        self.assertNotIn("ImageConfigResponse", self.c.update_function_configuration(FunctionName=self.name, ImageConfig={}))
        self.assertEqual(json.loads(self.invoke({})["Text"])[:3], ["image", "/var/task", "/var/task"])

    def test_images_that_are_refused(self):
        self.create()
        self.invalid("Please don't provide ImageUri when updating a function with packageType Zip.", self.c.update_function_code, FunctionName=self.name, ImageUri=self.image)
        other = self.name + "2"
        self.image_function(FunctionName=other, Code={"ImageUri": "rouse-compat-no-such-image:latest"})
        with self.assertRaises(WaiterError):
            self.active(other)
        failed = self.c.get_function_configuration(FunctionName=other)
        self.assertEqual(failed["State"], "Failed")
        self.assertIn("rouse-compat-no-such-image", failed["StateReason"])
        self.refused("ResourceConflictException", 409, "The operation cannot be performed at this time. The function is currently in the following state: Failed",
                     self.c.invoke, FunctionName=other)
        self.c.update_function_code(FunctionName=other, ImageUri=self.image)
        self.active(other)
        self.assertEqual(self.c.invoke(FunctionName=other)["StatusCode"], 200)
        self.c.delete_function(FunctionName=other)

    def test_read_only_but_for_tmp_under_another_user(self):
        source = ("import os, pwd\ndef handler(e, c):\n    out = []\n    for path in ('/var/task/x', '/x', '/tmp/x'):\n        try:\n            open(path, 'w').close(); out.append(True)\n"
                  "        except OSError: out.append(False)\n    return [os.getuid() != 0, out, oct(os.stat('/tmp').st_mode & 0o7777), os.stat('/var/task').st_uid]\n")
        self.create(Code={"ZipFile": archive(source)})
        self.assertEqual(json.loads(self.invoke({})["Text"]), [True, [False, False, True], "0o1777", 0])

    def test_tmp_is_as_large_as_asked(self):
        source = ("def handler(e, c):\n    try:\n        with open('/tmp/f', 'wb') as f:\n            for _ in range(e['mb']): f.write(b'x' * 1048576)\n        return 'fits'\n"
                  "    except OSError as e: return e.errno\n")
        self.create(Code={"ZipFile": archive(source)}, Timeout=60, MemorySize=1024)
        self.assertEqual(self.invoke({"mb": 500})["Text"], '"fits"')
        self.assertEqual(self.invoke({"mb": 520})["Text"], "28")  # ENOSPC
