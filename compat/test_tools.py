"""The sequences of calls that people's tools make: SAM, Terraform, Serverless."""
import hashlib

from support import *


class Tools(Suite):
    def test_terraforms_apply_refresh_and_destroy(self):
        """aws_lambda_function, aws_lambda_alias, aws_lambda_permission and aws_lambda_layer_version, as the provider reads and writes them."""
        self.missing(f"Function not found: {self.arn}", self.c.get_function, FunctionName=self.name)
        made = self.create(Publish=True, MemorySize=256, Timeout=10, Environment={"Variables": {"KEY": "value"}}, Tags={"managed": "yes"}, Architectures=["x86_64"], PackageType="Zip",
                           EphemeralStorage={"Size": 1024}, TracingConfig={"Mode": "PassThrough"}, LoggingConfig={"LogFormat": "Text"}, SnapStart={"ApplyOn": "None"})
        self.c.get_waiter("function_active_v2").wait(FunctionName=self.name)

        def refresh():
            got = self.c.get_function(FunctionName=self.name)
            self.assertEqual((got["Configuration"]["State"], got["Configuration"]["LastUpdateStatus"], got["Tags"]), ("Active", "Successful", {"managed": "yes"}))
            versions = [v for p in self.c.get_paginator("list_versions_by_function").paginate(FunctionName=self.name) for v in p["Versions"]]
            self.c.get_function_code_signing_config(FunctionName=self.name)
            return got["Configuration"], versions[-1]["Version"]
        self.assertEqual((made["Version"], refresh()[1], refresh()[0]["EphemeralStorage"]), ("1", "1", {"Size": 1024}))
        self.c.create_alias(FunctionName=self.name, Name="live", FunctionVersion="1")
        self.c.add_permission(FunctionName=self.name, StatementId="AllowS3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::b", Qualifier="live")
        self.assertEqual(json.loads(self.c.get_policy(FunctionName=self.name, Qualifier="live")["Policy"])["Statement"][0]["Sid"], "AllowS3")
        self.c.update_function_configuration(FunctionName=self.name, MemorySize=512)
        self.c.get_waiter("function_updated_v2").wait(FunctionName=self.name)
        self.c.update_function_code(FunctionName=self.name, ZipFile=archive("def handler(e, c): return 2"), DryRun=False, Publish=False)
        self.c.get_waiter("function_updated_v2").wait(FunctionName=self.name)
        version = self.c.publish_version(FunctionName=self.name)["Version"]
        self.c.update_alias(FunctionName=self.name, Name="live", FunctionVersion=version)
        self.assertEqual((refresh()[1], self.invoke(Qualifier="live")["Text"]), ("2", "2"))
        self.c.remove_permission(FunctionName=self.name, StatementId="AllowS3", Qualifier="live")
        self.c.delete_alias(FunctionName=self.name, Name="live")
        self.c.delete_function(FunctionName=self.name)
        self.missing(f"Function not found: {self.arn}", self.c.get_function, FunctionName=self.name)

    def test_serverless_deploys_again_only_what_changed(self):
        """serverless deploy function: it compares CodeSha256 and configuration, then updates one or the other."""
        code = archive()
        self.create(Code={"ZipFile": code})
        remote = self.c.get_function(FunctionName=self.name)["Configuration"]
        self.assertEqual(remote["CodeSha256"], base64.b64encode(hashlib.sha256(code).digest()).decode())
        again = self.c.update_function_code(FunctionName=self.name, ZipFile=code)
        self.assertEqual(again["CodeSha256"], remote["CodeSha256"])
        self.c.update_function_configuration(FunctionName=self.name, Handler="app.handler", Description="d", MemorySize=1024, Timeout=6, Role=ROLE, Environment={"Variables": {"STAGE": "dev"}})
        self.assertEqual(self.c.get_function(FunctionName=self.name)["Configuration"]["Environment"]["Variables"], {"STAGE": "dev"})
        self.c.update_function_configuration(FunctionName=self.name, Environment={"Variables": {}})
        self.assertEqual(self.c.get_function(FunctionName=self.name)["Configuration"]["Environment"], {"Variables": {}})
