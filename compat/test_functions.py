"""Functions and what describes them: the bodies of AWS's answers, member by member."""
import base64
import hashlib
import urllib.request

from support import *

CREATING = {"State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating"}
UPDATING = {"State": "Active", "LastUpdateStatus": "InProgress", "LastUpdateStatusReason": "The function is being created.", "LastUpdateStatusReasonCode": "Creating"}
DONE = {"State": "Active", "LastUpdateStatus": "Successful"}


class Functions(Suite):
    def configuration(self, code, state, **more):
        body = {
            "FunctionName": self.name, "FunctionArn": self.arn, "Runtime": "python3.11", "Role": ROLE, "Handler": "app.handler", "CodeSize": len(code),
            "Description": "", "Timeout": 3, "MemorySize": 128, "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(), "Version": "$LATEST",
            "TracingConfig": {"Mode": "PassThrough"}, "PackageType": "Zip", "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/" + self.name}, **state, **more}
        return {k: v for k, v in body.items() if v is not None}

    def described(self, got, want, runtime=True):
        got = dict(got)
        got.pop("ResponseMetadata", None)
        self.assertRegex(got.pop("RevisionId"), f"^{UUID}$")
        self.assertRegex(got.pop("LastModified"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$")
        if runtime:
            self.assertRegex(got.pop("RuntimeVersionConfig")["RuntimeVersionArn"], f"^arn:aws:lambda:{REGION}::runtime:[0-9a-f]{{64}}$")
        self.assertEqual(got, want)

    def test_life_of_a_function(self):
        code = archive()
        made = self.create(Code={"ZipFile": code}, Environment={"Variables": {}})
        self.assertEqual(made["ResponseMetadata"]["HTTPStatusCode"], 201)
        env = {"Environment": {"Variables": {}}}
        self.described(made, self.configuration(code, CREATING, **env))
        self.c.get_waiter("function_active_v2").wait(FunctionName=self.name)
        got = self.c.get_function(FunctionName=self.name)
        self.described(got["Configuration"], self.configuration(code, DONE, **env))
        self.assertEqual(set(got) - {"ResponseMetadata"}, {"Configuration", "Code"})
        self.assertEqual(got["Code"]["RepositoryType"], "S3")
        self.assertEqual(urllib.request.urlopen(got["Code"]["Location"]).read(), code)
        config = self.c.get_function_configuration(FunctionName=self.name)
        config.pop("ResponseMetadata")
        self.assertEqual(config, got["Configuration"])
        changed = dict(Description="changed", MemorySize=512, Timeout=10, Environment={"Variables": {"ENV_A": "a"}})
        updated = self.c.update_function_configuration(FunctionName=self.name, **changed)
        self.described(updated, self.configuration(code, UPDATING, **changed))
        self.c.get_waiter("function_updated_v2").wait(FunctionName=self.name)
        self.described(self.c.get_function(FunctionName=self.name)["Configuration"], self.configuration(code, DONE, **changed))
        other = archive("def handler(e, c): return 2")
        self.described(self.c.update_function_code(FunctionName=self.name, ZipFile=other), self.configuration(other, UPDATING, **changed))
        self.c.get_waiter("function_updated").wait(FunctionName=self.name)
        self.assertEqual(self.c.delete_function(FunctionName=self.name)["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.missing(f"Function not found: {self.arn}", self.c.get_function, FunctionName=self.name)
        self.missing(f"Function not found: {self.arn}", self.c.delete_function, FunctionName=self.name)
        self.missing(f"Function not found: {self.arn}", self.c.delete_function, FunctionName=self.name, Qualifier="1221")

    def test_members_that_were_not_given_are_absent(self):
        code = archive()
        self.described(self.create(Code={"ZipFile": code}), self.configuration(code, CREATING))
        got = self.c.get_function(FunctionName=self.name)
        self.described(got["Configuration"], self.configuration(code, DONE))
        self.assertNotIn("Tags", got)
        self.assertNotIn("Concurrency", got)

    def test_revision_ids_change_with_every_change_and_with_its_completion(self):
        seen = [self.create()["RevisionId"]]

        def new():
            seen.append(self.c.get_function(FunctionName=self.name)["Configuration"]["RevisionId"])
            self.assertEqual(len(set(seen)), len(seen), seen)
            self.assertEqual(self.c.get_function_configuration(FunctionName=self.name)["RevisionId"], seen[-1])
        new()
        self.stale(self.c.update_function_code, FunctionName=self.name, ZipFile=archive(), RevisionId="wrong")
        self.stale(self.c.update_function_code, FunctionName=self.name, ZipFile=archive(), RevisionId=seen[0])
        seen.append(self.c.update_function_code(FunctionName=self.name, ZipFile=archive(), RevisionId=seen[-1])["RevisionId"])
        new()
        self.stale(self.c.update_function_configuration, FunctionName=self.name, Runtime="python3.11", RevisionId="wrong")
        seen.append(self.c.update_function_configuration(FunctionName=self.name, Runtime="python3.11", RevisionId=seen[-1])["RevisionId"])
        new()
        self.stale(self.c.publish_version, FunctionName=self.name, RevisionId="wrong")
        seen.append(self.c.publish_version(FunctionName=self.name, RevisionId=seen[-1])["RevisionId"])
        self.assertEqual(self.c.get_function(FunctionName=self.name, Qualifier="1")["Configuration"]["RevisionId"], seen[-1])
        new()  # of $LATEST too
        self.c.tag_resource(Resource=self.arn, Tags={"a": "b"})
        new()
        self.c.untag_resource(Resource=self.arn, TagKeys=["a"])
        new()
        self.stale(self.c.add_permission, "GetPolicy", FunctionName=self.name, StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", RevisionId="wrong")
        self.c.add_permission(FunctionName=self.name, StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", RevisionId=seen[-1])
        new()
        self.assertEqual(self.c.get_policy(FunctionName=self.name)["RevisionId"], seen[-1])
        self.stale(self.c.remove_permission, "GetPolicy", FunctionName=self.name, StatementId="s", RevisionId="wrong")
        self.c.remove_permission(FunctionName=self.name, StatementId="s", RevisionId=seen[-1])
        new()
        alias = self.c.create_alias(FunctionName=self.name, Name="a", FunctionVersion="1")
        self.stale(self.c.update_alias, FunctionName=self.name, Name="a", RevisionId="wrong")
        other = self.c.update_alias(FunctionName=self.name, Name="a", RevisionId=alias["RevisionId"], Description="something changed")
        self.assertNotEqual(other["RevisionId"], alias["RevisionId"])
        self.assertEqual(self.c.get_function_configuration(FunctionName=self.name)["RevisionId"], seen[-1])

    def test_an_update_to_equal_values_is_an_update(self):
        self.create()
        first = self.c.update_function_configuration(FunctionName=self.name, Description="1st")
        self.assertEqual(self.c.update_function_configuration(FunctionName=self.name, Description="1st")["LastUpdateStatus"], "InProgress")
        self.assertNotEqual(self.c.get_function_configuration(FunctionName=self.name)["RevisionId"], first["RevisionId"])

    def test_tracing(self):
        self.create(TracingConfig={"Mode": "Active"}, Code={"ZipFile": archive("import os\ndef handler(e, c): return os.environ['_X_AMZN_TRACE_ID']")})
        self.assertEqual(self.c.get_function_configuration(FunctionName=self.name)["TracingConfig"], {"Mode": "Active"})
        answer = self.invoke(LogType="Tail")
        self.assertRegex(answer["Text"], "^\"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=1\"$")
        self.assertRegex(self.log(answer), "XRAY TraceId: 1-[0-9a-f]{8}-[0-9a-f]{24}\tSegmentId: [0-9a-f]{16}\tSampled: true\t")
        self.assertEqual(self.c.update_function_configuration(FunctionName=self.name, TracingConfig={"Mode": "PassThrough"})["TracingConfig"], {"Mode": "PassThrough"})
        answer = self.invoke(LogType="Tail")
        self.assertRegex(answer["Text"], "Sampled=0\"$")
        self.assertNotIn("XRAY", self.log(answer))

    def test_a_dry_run_changes_nothing(self):
        code, other = archive(), archive("def handler(e, c): return 2")
        self.create(Code={"ZipFile": code})
        before = self.c.get_function_configuration(FunctionName=self.name)
        dry = self.c.update_function_code(FunctionName=self.name, ZipFile=other, DryRun=True, Publish=True)
        self.assertEqual(dry["RevisionId"], before["RevisionId"])
        self.described(dry, self.configuration(other, DONE))
        after = self.c.get_function_configuration(FunctionName=self.name)
        self.assertEqual({**after, "ResponseMetadata": None}, {**before, "ResponseMetadata": None})
        self.assertEqual(len(self.c.list_versions_by_function(FunctionName=self.name)["Versions"]), 1)
        self.invalid("Could not unzip uploaded file. Please check your file, then try to upload again.", self.c.update_function_code, FunctionName=self.name, ZipFile=b"none", DryRun=True)

    def test_versions(self):
        code = archive()
        self.described(self.create(Code={"ZipFile": code}, Publish=True), self.configuration(code, CREATING, Version="1"))
        self.described(self.c.get_function(FunctionName=self.name)["Configuration"], self.configuration(code, DONE))
        self.described(self.c.get_function(FunctionName=self.name, Qualifier="1")["Configuration"], self.configuration(code, DONE, Version="1", FunctionArn=self.arn + ":1"))
        self.described(self.c.get_function(FunctionName=self.name, Qualifier="$LATEST")["Configuration"], self.configuration(code, DONE, FunctionArn=self.arn + ":$LATEST"))
        again = self.c.publish_version(FunctionName=self.name)
        self.assertEqual(again["ResponseMetadata"]["HTTPStatusCode"], 201)
        self.described(again, self.configuration(code, DONE, Version="1", FunctionArn=self.arn + ":1"))
        self.c.update_function_configuration(FunctionName=self.name, Description="second")
        second = self.c.publish_version(FunctionName=self.name)
        self.described(second, self.configuration(code, DONE, Version="2", FunctionArn=self.arn + ":2", Description="second"))
        self.assertEqual(self.c.publish_version(FunctionName=self.name)["RevisionId"], second["RevisionId"])
        self.c.update_function_configuration(FunctionName=self.name, Description="third")
        self.described(self.c.publish_version(FunctionName=self.name, Description="own"), self.configuration(code, DONE, Version="3", FunctionArn=self.arn + ":3", Description="own"))
        listed = self.c.list_versions_by_function(FunctionName=self.name)["Versions"]
        self.assertEqual([(v["Version"], v["FunctionArn"], v["Description"]) for v in listed],
                         [("$LATEST", self.arn + ":$LATEST", "third"), ("1", self.arn + ":1", ""), ("2", self.arn + ":2", "second"), ("3", self.arn + ":3", "own")])
        self.described(listed[1], self.configuration(code, {}, Version="1", FunctionArn=self.arn + ":1"), runtime=False)
        sha = self.c.get_function_configuration(FunctionName=self.name)["CodeSha256"]
        self.invalid(f"CodeSHA256 (somenonexistentsha256) is different from current CodeSHA256 in $LATEST ({sha}). Please try again with the CodeSHA256 in $LATEST.",
                     self.c.publish_version, FunctionName=self.name, CodeSha256="somenonexistentsha256")

    def test_an_update_that_publishes_answers_with_the_version(self):
        self.create()
        code = archive("def handler(e, c): return 2")
        self.described(self.c.update_function_code(FunctionName=self.name, ZipFile=code, Publish=True),
                       self.configuration(code, CREATING, Version="1", FunctionArn=self.arn + ":1"))

    def test_a_listing_tells_less_of_each(self):
        code = archive()
        self.create(Code={"ZipFile": code}, Publish=True)
        of = lambda **more: [f for p in self.c.get_paginator("list_functions").paginate(**more) for f in p["Functions"] if f["FunctionName"] == self.name]
        [listed] = of()
        self.described(listed, self.configuration(code, {}), runtime=False)
        latest, first = of(FunctionVersion="ALL")
        self.described(latest, self.configuration(code, {}, FunctionArn=self.arn + ":$LATEST"), runtime=False)
        self.described(first, self.configuration(code, {}, Version="1", FunctionArn=self.arn + ":1"), runtime=False)
        self.unlike("Value 'invalid' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]", self.raw.list_functions, FunctionVersion="invalid")

    def test_aliases(self):
        self.create(Publish=True)
        self.c.update_function_configuration(FunctionName=self.name, Description="2")
        self.c.publish_version(FunctionName=self.name)

        def alias(got, name, version, description="", **more):
            got = dict(got)
            got.pop("ResponseMetadata", None)
            self.assertRegex(got.pop("RevisionId"), f"^{UUID}$")
            self.assertEqual(got, {"AliasArn": f"{self.arn}:{name}", "Name": name, "FunctionVersion": version, "Description": description, **more})
        weighted = {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.2}}}
        made = self.c.create_alias(FunctionName=self.name, Name="a1_1", FunctionVersion="1", Description="custom", **weighted)
        self.assertEqual(made["ResponseMetadata"]["HTTPStatusCode"], 201)
        alias(made, "a1_1", "1", "custom", **weighted)
        alias(self.c.create_alias(FunctionName=self.name, Name="2024-01-02", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {}}), "2024-01-02", "1")
        alias(self.c.create_alias(FunctionName=self.name, Name="latest", FunctionVersion="$LATEST"), "latest", "$LATEST")
        alias(self.c.get_alias(FunctionName=self.name, Name="a1_1"), "a1_1", "1", "custom", **weighted)
        for arguments in (dict(FunctionName=self.name, Qualifier="a1_1"), dict(FunctionName=self.arn + ":a1_1")):
            got = self.c.get_function(**arguments)["Configuration"]
            self.assertEqual((got["FunctionArn"], got["Version"]), (self.arn + ":a1_1", "1"))
        alias(self.c.update_alias(FunctionName=self.name, Name="a1_1", RoutingConfig={}), "a1_1", "1", "custom")
        self.assertEqual([a["Name"] for a in self.c.list_aliases(FunctionName=self.name)["Aliases"]], ["2024-01-02", "a1_1", "latest"])
        self.assertEqual([a["Name"] for a in self.c.list_aliases(FunctionName=self.name, FunctionVersion="1")["Aliases"]], ["2024-01-02", "a1_1"])
        self.assertEqual(self.c.delete_alias(FunctionName=self.name, Name="a1_1")["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.missing(f"Cannot find alias arn: {self.arn}:a1_1", self.c.get_alias, FunctionName=self.name, Name="a1_1")
        self.missing(f"Function not found: {self.arn}:a1_1", self.c.get_function, FunctionName=self.name, Qualifier="a1_1")

    def test_an_aliases_weights_divide_its_invokes(self):
        self.create(Publish=True, Code={"ZipFile": archive("def handler(e, c): return c.function_version")})
        self.c.update_function_code(FunctionName=self.name, ZipFile=archive("def handler(e, c): return int(c.function_version)"), Publish=True)
        self.c.create_alias(FunctionName=self.name, Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}})
        answers = [self.invoke(Qualifier="live") for _ in range(200)]
        self.assertEqual({(a["ExecutedVersion"], a["Text"]) for a in answers}, {("1", '"1"'), ("2", "2")})
        second = sum(a["ExecutedVersion"] == "2" for a in answers)
        self.assertTrue(20 <= second <= 80, second)  # 50 are expected; once in a million runs it is less or more
        self.c.update_alias(FunctionName=self.name, Name="live", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {}})
        self.assertEqual({self.invoke(Qualifier="live")["ExecutedVersion"] for _ in range(20)}, {"2"})

    def test_aliases_that_are_refused(self):
        self.create(Publish=True)
        self.c.update_function_configuration(FunctionName=self.name, Description="2")
        self.c.publish_version(FunctionName=self.name)
        make = lambda name="custom", version="1", function=self.name, **weights: dict(
            FunctionName=function, Name=name, FunctionVersion=version, **({"RoutingConfig": {"AdditionalVersionWeights": weights}} if weights else {}))
        bounds = ("at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: "
                  "[Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]")
        self.invalid("Number of items in AdditionalVersionWeights cannot be greater than 1", self.raw.create_alias, **make(**{"1": 0.8, "2": 0.2}))
        self.unlike("Value '{2=2.0}' " + bounds, self.raw.create_alias, **make(**{"2": 2}))
        self.unlike("Value '{2=-1.0}' " + bounds, self.raw.create_alias, **make(**{"2": -1}))
        self.invalid("Invalid function version 1. Function version 1 is already included in routing configuration.", self.raw.create_alias, **make(**{"1": 0.5}))
        self.missing(f"Function not found: {self.arn}:10", self.raw.create_alias, **make(version="10", **{"2": 0.5}))
        self.missing(f"Function not found: {self.arn}:10", self.raw.create_alias, **make(**{"10": 0.5}))
        answer = self.refused(INVALID, 400, "$LATEST is not supported for an alias pointing to more than 1 version", self.raw.create_alias, **make(version="$LATEST", **{"1": 0.5}))
        self.assertNotIn("Type", answer)
        self.unlike("Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less "
                    "than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]",
                    self.raw.create_alias, **make(**{"$LATEST": 0.5}))
        self.missing(f"Function not found: {self.arn}-unknown:1", self.raw.create_alias, **make(function=self.name + "-unknown"))
        self.c.create_alias(**make())
        self.refused(CONFLICT, 409, f"Alias already exists: {self.arn}:custom", self.raw.create_alias, **make())
        self.unlike("Value '2024' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)", self.raw.create_alias, **make("2024"))
        self.missing(f"Alias not found: {self.arn}:nobody", self.c.update_alias, FunctionName=self.name, Name="nobody")

    def test_deleting_what_is_in_use(self):
        self.create(Publish=True)
        self.c.create_alias(FunctionName=self.name, Name="live", FunctionVersion="1")
        with self.assertRaises(ClientError) as caught:
            self.c.delete_function(FunctionName=self.name, Qualifier="1")
        self.assertEqual((caught.exception.response["Error"]["Code"], caught.exception.response["ResponseMetadata"]["HTTPStatusCode"]), (CONFLICT, 409))
        self.invalid("$LATEST version cannot be deleted without deleting the function.", self.c.delete_function, FunctionName=self.name, Qualifier="$LATEST")
        self.invalid(MISMATCH, self.c.delete_function, FunctionName=self.arn + ":$LATEST", Qualifier="1")
        self.assertEqual(self.invoke({"a": 1}, Qualifier="live")["Text"], '{"a": 1}')

    def test_tags(self):
        self.create(Tags={"testtag": "t"})
        self.assertEqual(self.c.get_function(FunctionName=self.name)["Tags"], {"testtag": "t"})
        self.assertEqual(self.c.tag_resource(Resource=self.arn, Tags={"A": "1", "B": "2"})["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.assertEqual(self.c.untag_resource(Resource=self.arn, TagKeys=["testtag", "none"])["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.assertEqual(self.c.list_tags(Resource=self.arn)["Tags"], {"A": "1", "B": "2"})
        self.c.untag_resource(Resource=self.arn, TagKeys=["A", "B"])
        self.assertEqual(self.c.list_tags(Resource=self.arn)["Tags"], {})
        self.assertNotIn("Tags", self.c.get_function(FunctionName=self.name))
        self.invalid("An error occurred and the request cannot be processed.", self.c.tag_resource, Resource=self.arn, Tags={})
        self.unlike("Value null at 'tagKeys' failed to satisfy constraint: Member must not be null", self.c.untag_resource, Resource=self.arn, TagKeys=[])
        many = "Number of tags exceeds resource tag limit."
        self.invalid(many, self.c.tag_resource, Resource=self.arn, Tags={f"{i}_key": "v" for i in range(51)})
        self.c.tag_resource(Resource=self.arn, Tags={f"{i}_key": "v" for i in range(50)})
        self.invalid(many, self.c.tag_resource, Resource=self.arn, Tags={"another": "v"})
        for qualifier in ("v1", "1", "$LATEST"):
            self.invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.", self.c.tag_resource, Resource=f"{self.arn}:{qualifier}", Tags={"a": "b"})
        for call, more in ((self.c.tag_resource, {"Tags": {"A": "B"}}), (self.c.untag_resource, {"TagKeys": ["A"]}), (self.c.list_tags, {})):
            self.missing(f"Function not found: {ARN}doesnotexist", call, Resource=ARN + "doesnotexist", **more)
        with self.assertRaisesRegex(ClientError, "Value 'arn:aws:something' at 'resource' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:"):
            self.c.tag_resource(Resource="arn:aws:something", Tags={"A": "B"})

    def test_reserved_concurrency(self):
        self.create()
        self.assertEqual(self.c.put_function_concurrency(FunctionName=self.name, ReservedConcurrentExecutions=0)["ReservedConcurrentExecutions"], 0)
        answer = self.refused("TooManyRequestsException", 429, "Rate Exceeded.", self.c.invoke, FunctionName=self.name)
        self.assertEqual((answer["Reason"], answer["Type"]), ("ReservedFunctionConcurrentInvocationLimitExceeded", "User"))
        self.assertGreaterEqual(int(answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"]), 1)
        self.c.put_function_concurrency(FunctionName=self.arn, ReservedConcurrentExecutions=1)
        self.assertEqual(self.c.get_function_concurrency(FunctionName=self.name)["ReservedConcurrentExecutions"], 1)
        self.assertEqual(self.c.get_function(FunctionName=self.name)["Concurrency"], {"ReservedConcurrentExecutions": 1})
        self.assertEqual(self.c.delete_function_concurrency(FunctionName=self.name)["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.assertNotIn("ReservedConcurrentExecutions", self.c.get_function_concurrency(FunctionName=self.name))
        for n in (1, 10 ** 6):
            self.missing(f"Function not found: {ARN}doesnotexist:$LATEST", self.c.put_function_concurrency, FunctionName="doesnotexist", ReservedConcurrentExecutions=n)
        self.invalid("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified "
                     "function ARN.", self.c.put_function_concurrency, FunctionName=self.arn + ":$LATEST", ReservedConcurrentExecutions=1)
        limit = self.c.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
        for n in (limit, limit - 99):
            answer = self.refused(INVALID, 400, "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
                                  self.c.put_function_concurrency, FunctionName=self.name, ReservedConcurrentExecutions=n)
            self.assertNotIn("Type", answer)

    def test_account_settings(self):
        before = self.c.get_account_settings()
        self.assertEqual(set(before["AccountLimit"]), {"CodeSizeUnzipped", "CodeSizeZipped", "ConcurrentExecutions", "TotalCodeSize", "UnreservedConcurrentExecutions"})
        code = archive()
        self.create(Code={"ZipFile": code})
        after = self.c.get_account_settings()["AccountUsage"]
        self.assertEqual((after["FunctionCount"], after["TotalCodeSize"]), (before["AccountUsage"]["FunctionCount"] + 1, before["AccountUsage"]["TotalCodeSize"] + len(code)))

    def test_code_signing_configurations(self):
        profile = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/test"
        made = self.c.create_code_signing_config(Description="d", AllowedPublishers={"SigningProfileVersionArns": [profile]}, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"}, Tags={"a": "b"})
        arn = made["CodeSigningConfig"]["CodeSigningConfigArn"]
        self.addCleanup(self.c.delete_code_signing_config, CodeSigningConfigArn=arn)
        self.assertEqual(made["ResponseMetadata"]["HTTPStatusCode"], 201)
        self.assertRegex(arn, f"^arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-[0-9a-f]{{17}}$")

        def described(got, **more):
            got = dict(got["CodeSigningConfig"])
            self.assertRegex(got.pop("LastModified"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$")
            self.assertEqual(got, {"CodeSigningConfigId": arn.rsplit(":", 1)[1], "CodeSigningConfigArn": arn, "Description": "d", "AllowedPublishers": {"SigningProfileVersionArns": [profile]},
                                   "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Enforce"}, **more})
        described(made)
        described(self.c.get_code_signing_config(CodeSigningConfigArn=arn))
        self.assertEqual(self.c.list_tags(Resource=arn)["Tags"], {"a": "b"})
        refused = f"Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is not configured to accept. Check the provided signature for {self.name}."
        self.refused("CodeVerificationFailedException", 400, refused, self.raw.create_function, **self.arguments(CodeSigningConfigArn=arn))
        self.create()
        put = self.c.put_function_code_signing_config(FunctionName=self.name, CodeSigningConfigArn=arn)
        self.assertEqual((put["CodeSigningConfigArn"], put["FunctionName"]), (arn, self.name))
        got = self.c.get_function_code_signing_config(FunctionName=self.name)
        self.assertEqual((got["CodeSigningConfigArn"], got["FunctionName"]), (arn, self.name))
        self.assertEqual(self.c.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"], [self.arn])
        self.assertIn(arn, [c["CodeSigningConfigArn"] for c in self.c.list_code_signing_configs()["CodeSigningConfigs"]])
        update = lambda source: self.c.update_function_code(FunctionName=self.name, ZipFile=archive(source))
        self.refused("CodeVerificationFailedException", 400, refused, update, "def handler(e, c): return 2")
        self.assertEqual(self.invoke({"a": 1})["Text"], '{"a": 1}')
        with self.assertRaisesRegex(ClientError, "ResourceConflictException"):
            self.c.delete_code_signing_config(CodeSigningConfigArn=arn)
        warn = {"UntrustedArtifactOnDeployment": "Warn"}
        described(self.c.update_code_signing_config(CodeSigningConfigArn=arn, Description="e", CodeSigningPolicies=warn), Description="e", CodeSigningPolicies=warn)
        update("def handler(e, c): return 3")
        self.assertEqual(self.invoke()["Text"], "3")
        self.assertEqual(self.c.delete_function_code_signing_config(FunctionName=self.name)["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.assertEqual(set(self.c.get_function_code_signing_config(FunctionName=self.name)), {"ResponseMetadata"})
        self.assertEqual(self.c.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"], [])

    def test_code_is_not_signed_here(self):
        self.create()
        csc = f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-" + "0" * 17
        self.assertEqual(set(self.c.get_function_code_signing_config(FunctionName=self.name)), {"ResponseMetadata"})
        self.assertEqual(self.c.delete_function_code_signing_config(FunctionName=self.name)["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.assertEqual(self.c.list_code_signing_configs()["CodeSigningConfigs"], [])
        unknown = f"The Lambda code signing configuration {csc} can not be found."
        for call in (self.c.get_code_signing_config, self.c.delete_code_signing_config, self.c.update_code_signing_config, self.c.list_functions_by_code_signing_config):
            self.assertNotIn("Type", self.refused(NOT_FOUND, 404, unknown, call, CodeSigningConfigArn=csc))
        for name in (self.name, "csc-test-doesnotexist"):
            self.refused("CodeSigningConfigNotFoundException", 404, f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {csc}.",
                         self.c.put_function_code_signing_config, FunctionName=name, CodeSigningConfigArn=csc)
        for call in (self.c.get_function_code_signing_config, self.c.delete_function_code_signing_config):
            self.missing(f"Function not found: {ARN}csc-test-doesnotexist", call, FunctionName="csc-test-doesnotexist")

    def test_names_in_every_form(self):
        self.create(Publish=True)
        for name in (self.name, self.arn, f"{ACCOUNT}:function:{self.name}", f"function:{self.name}", f"{self.name}:$LATEST", f"{self.arn}:1"):
            self.assertEqual(self.c.get_function_configuration(FunctionName=name)["FunctionName"], self.name, name)
            self.assertEqual(self.c.invoke(FunctionName=name)["StatusCode"], 200, name)
        partial = f"{ACCOUNT}:function:{self.name}-p"
        self.assertEqual(self.create(FunctionName=partial)["FunctionArn"], self.arn + "-p")
        self.assertEqual(self.c.update_function_configuration(FunctionName=partial, Timeout=9)["Timeout"], 9)
        away = "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')"
        other = f"arn:aws:lambda:ap-southeast-1:{ACCOUNT}:function:{self.name}"
        for call in (self.c.get_function, self.c.get_function_configuration, self.c.get_function_code_signing_config, self.c.get_function_concurrency, self.c.delete_function, self.c.invoke):
            self.missing(away, call, FunctionName=other)
        self.missing(away, self.raw.create_function, **self.arguments(FunctionName=other))
        with self.assertRaises(ClientError) as caught:
            self.raw.create_function(**self.arguments(FunctionName=f"arn:aws:lambda:{REGION}:123456789012:function:x"))
        self.assertEqual((caught.exception.response["Error"]["Code"], caught.exception.response["ResponseMetadata"]["HTTPStatusCode"]), ("AccessDeniedException", 403))
        whole = f"arn:aws:lambda:{REGION}:123456789012:function:x"
        for name in (whole, "123456789012:function:x"):
            self.refused("AccessDeniedException", 403, f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: lambda:GetFunction on resource: {whole} because no resource-based "
                         "policy allows the lambda:GetFunction action", self.c.get_function, FunctionName=name)
        for name in ("aaaaaaaaaa" * 6 + "aaaaa", f"{ARN}{'a' * 65}"):
            with self.assertRaisesRegex(ClientError, "failed to satisfy constraint: Member must have length less than or equal to 64"):
                self.raw.create_function(**self.arguments(FunctionName=name))
        with self.assertRaisesRegex(ClientError, r"ValidationException\).*at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 140"):
            self.raw.create_function(**self.arguments(FunctionName=ARN + "a" * 141))
        with self.assertRaisesRegex(ClientError, r"ValidationException\).*Value 'invalid:function:name' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression"):
            self.raw.create_function(**self.arguments(FunctionName="invalid:function:name"))

    def test_qualifiers_that_differ_or_lead_nowhere(self):
        for call in (self.c.get_function, self.c.get_function_configuration):
            self.invalid(MISMATCH, call, FunctionName=f"{ARN}some-function:$LATEST", Qualifier="not-latest")
            self.missing(f"Function not found: {ARN}some-function:$LATEST", call, FunctionName=f"{ARN}some-function:$LATEST", Qualifier="$LATEST")
        self.create()
        for call in (self.c.get_function, self.c.get_function_configuration, self.c.invoke):
            self.missing(f"Function not found: {self.arn}:1221", call, FunctionName=self.name, Qualifier="1221")
            self.missing(f"Function not found: {ARN}doesnotexist", call, FunctionName="doesnotexist")
        self.missing(f"Function not found: {ARN}doesnotexist", self.c.get_function_concurrency, FunctionName="doesnotexist")

    def test_runtime_management_and_recursion(self):
        self.create()
        got = self.c.get_runtime_management_config(FunctionName=self.name)
        self.assertEqual((got["UpdateRuntimeOn"], got["FunctionArn"]), ("Auto", self.arn + ":$LATEST"))
        self.assertEqual(self.c.get_function_recursion_config(FunctionName=self.name)["RecursiveLoop"], "Terminate")
        self.assertEqual(self.c.put_function_recursion_config(FunctionName=self.name, RecursiveLoop="Allow")["RecursiveLoop"], "Allow")
        self.assertEqual(self.c.get_function_recursion_config(FunctionName=self.name)["RecursiveLoop"], "Allow")
