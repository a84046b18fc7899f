"""What AWS refuses, in its words: bad input, what does not exist, what is too large. Nothing of it is half done."""
import concurrent.futures

from support import *


class Refusals(Suite):
    def tearDown(self):
        # Whatever was refused left nothing behind.
        if not getattr(self, "made", False):
            self.missing(f"Function not found: {self.arn}", self.c.get_function, FunctionName=self.name)

    def create(self, **more):
        self.made = True
        return super().create(**more)

    def bad(self, message, **more):
        self.invalid(message, self.raw.create_function, **self.arguments(**more))

    def unfit(self, problems, **more):
        self.unlike(problems, self.raw.create_function, **self.arguments(**more))

    def test_members_out_of_bounds(self):
        from botocore.session import get_session
        pattern = get_session().get_service_model("lambda").shape_for("RoleArn").metadata["pattern"]
        self.unfit(f"Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}", Role="r1")
        self.unfit("Value null at 'role' failed to satisfy constraint: Member must not be null", Role=None)
        self.unfit("Value null at 'code' failed to satisfy constraint: Member must not be null", Code=None)
        self.unfit("Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1", Architectures=["x86_64", "arm64"])
        self.unfit("Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], "
                   "Member must not be null]", Architectures=["X86_64"])
        self.unfit("Value 'invalidOption' at 'snapStart.applyOn' failed to satisfy constraint: Member must satisfy enum value set: [PublishedVersions, None]",
                   SnapStart={"ApplyOn": "invalidOption"})
        self.unfit("Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1", Timeout=0)
        self.unfit("Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900", Timeout=901)
        self.unfit("Value '127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128", MemorySize=127)
        self.unfit("Value '511' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value greater than or equal to 512", EphemeralStorage={"Size": 511})
        self.unfit("Value '10241' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value less than or equal to 10240", EphemeralStorage={"Size": 10241})
        self.unfit(f"Value '{'d' * 257}' at 'description' failed to satisfy constraint: Member must have length less than or equal to 256", Description="d" * 257)

    def test_runtimes_that_do_not_exist(self):
        for runtime in ("non-existent-runtime", "PYTHON3.9"):
            with self.assertRaisesRegex(ClientError, rf"InvalidParameterValueException\).*: Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
                                                     r"\[.*python3.11.*\] or be a valid ARN$"):
                self.raw.create_function(**self.arguments(Runtime=runtime))
        for runtime, instead in (("python3.7", "python3.12"), ("java8", "java21"), ("go1.x", "provided.al2023"), ("nodejs14.x", "nodejs20.x"), ("ruby2.7", "ruby3.2")):
            self.bad(f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
                     f"We recommend you use the new runtime ({instead}) while creating or updating functions.", Runtime=runtime)

    def test_code_that_is_none(self):
        self.bad("Could not unzip uploaded file. Please check your file, then try to upload again.", Code={"ZipFile": b"this is no archive"})
        self.bad("Please provide a source for function code.", Code={})
        self.bad("Runtime and Handler are mandatory parameters for functions created with deployment packages.", Handler=None)
        self.create()
        self.invalid("Could not unzip uploaded file. Please check your file, then try to upload again.", self.c.update_function_code, FunctionName=self.name, ZipFile=b"this is no archive")
        self.assertEqual(self.invoke({"a": 1})["Text"], '{"a": 1}')

    def test_sizes(self):
        large = "RequestEntityTooLargeException"
        answer = self.refused(large, 413, "Request must be smaller than 70167211 bytes for the CreateFunction operation", self.raw.create_function, **self.arguments(Code={"ZipFile": b"\0" * 60_000_000}))
        self.assertNotIn("Type", answer)
        answer = self.refused(large, 413, "Zipped size must be smaller than 52428800 bytes", self.raw.create_function, **self.arguments(Code={"ZipFile": b"\0" * 52428801}))
        self.assertNotIn("Type", answer)
        b = io.BytesIO()
        with zipfile.ZipFile(b, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
            for i in range(3):
                z.writestr(str(i), bytes(100_000_000))
        self.bad("Unzipped size must be smaller than 262144000 bytes", Code={"ZipFile": b.getvalue()})

    def test_environments(self):
        unable = "Lambda was unable to configure your environment variables because the environment variables you have provided "
        value = "x" * 4096
        self.bad(unable + f'exceeded the 4KB limit. String measured: {{"LARGE_VAR":"{value}"}}', Environment={"Variables": {"LARGE_VAR": value}})
        self.bad(unable + f'exceeded the 4KB limit. String measured: {{"SMALL_VAR":"ok","LARGE_VAR":"{value}"}}', Environment={"Variables": {"SMALL_VAR": "ok", "LARGE_VAR": value}})
        self.bad(unable + "contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION", Environment={"Variables": {"AWS_REGION": "x"}})
        fits = {"Variables": {"LARGE_VAR": "x" * (4096 - len('{"LARGE_VAR":""}'))}}
        self.assertEqual(self.create(Environment=fits)["Environment"], fits)

    def test_settings_that_could_only_be_ignored(self):
        self.bad("python3.11 is not supported for SnapStart enabled functions.", SnapStart={"ApplyOn": "PublishedVersions"})
        self.create()
        self.invalid("python3.11 is not supported for SnapStart enabled functions.", self.c.update_function_configuration, FunctionName=self.name, SnapStart={"ApplyOn": "PublishedVersions"})
        self.c.delete_function(FunctionName=self.name)
        self.made = False
        for setting in (dict(VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}), dict(KMSKeyArn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k")):
            with self.assertRaisesRegex(ClientError, r"InvalidParameterValueException\).* is not available in Rouse"):
                self.raw.create_function(**self.arguments(**setting))

    def test_statements(self):
        self.create()
        add = lambda function=self.name, **more: dict(dict(FunctionName=function, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"), **more)
        with self.assertRaisesRegex(ClientError, r"ValidationException\).*1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy constraint: Member must satisfy"):
            self.raw.add_permission(**add(StatementId="example.com"))
        self.invalid(MISMATCH, self.raw.add_permission, **add(self.name + ":alias-not-42", Qualifier="42"))
        self.invalid("We currently do not support adding policies for $LATEST.", self.raw.add_permission, **add(Qualifier="$LATEST"))
        self.invalid("The provided principal was invalid. Please check the principal and try again.", self.raw.add_permission, **add(Principal="invalid.nonaws.com"))
        self.missing(f"Function not found: {ARN}doesnotexist", self.raw.add_permission, **add("doesnotexist"))
        self.missing(f"Cannot find alias arn: {self.arn}:alias-doesnotexist", self.raw.add_permission, **add(Qualifier="alias-doesnotexist"))
        self.missing(f"Function not found: {self.arn}:42", self.raw.add_permission, **add(Qualifier="42"))
        self.missing(f"Function not found: {self.arn}:valid-with-$-but-doesnotexist", self.raw.add_permission, **add(Qualifier="valid-with-$-but-doesnotexist"))
        with self.assertRaisesRegex(ClientError, r"ValidationException\).*Value 'invalid-with-\?' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern"):
            self.raw.add_permission(**add(Qualifier="invalid-with-?"))
        self.missing("No policy is associated with the given resource.", self.c.remove_permission, FunctionName=self.name, StatementId="s3")
        self.missing(f"No policy found for: {ARN}doesnotexist", self.c.remove_permission, FunctionName="doesnotexist", StatementId="s3")
        self.missing(f"Cannot find alias arn: {self.arn}:nobody", self.c.remove_permission, FunctionName=self.name, StatementId="s3", Qualifier="nobody")
        gone = "The resource you requested does not exist."
        self.missing(f"Function not found: {ARN}doesnotexist", self.c.get_policy, FunctionName="doesnotexist")
        self.missing(gone, self.c.get_policy, FunctionName=self.name, Qualifier="42")
        self.missing(gone, self.c.get_policy, FunctionName=self.name)
        made = self.raw.add_permission(**add(SourceArn="arn:aws:s3:::b"))
        want = {"Sid": "s3", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction", "Resource": self.arn,
                "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}}}
        self.assertEqual(json.loads(made["Statement"]), want)
        self.refused(CONFLICT, 409, "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing statement.", self.raw.add_permission, **add())
        account = {"StringEquals": {"AWS:SourceAccount": ACCOUNT}}
        for more, principal, condition in (
                (dict(Principal="*", SourceAccount=ACCOUNT), "*", account), (dict(Principal=ACCOUNT), {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, None),
                (dict(Principal=f"arn:aws:iam::{ACCOUNT}:user/u", SourceAccount=ACCOUNT), {"AWS": f"arn:aws:iam::{ACCOUNT}:user/u"}, account),
                (dict(Principal="*", Action="lambda:InvokeFunctionUrl", SourceAccount=ACCOUNT, SourceArn="arn:aws:s3:::b", FunctionUrlAuthType="NONE", PrincipalOrgID="o-1234567890"), "*",
                 {"StringEquals": {"AWS:SourceAccount": ACCOUNT, "lambda:FunctionUrlAuthType": "NONE", "aws:PrincipalOrgID": "o-1234567890"}, "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}}),
                (dict(Principal="*", EventSourceToken="amzn1.ask.skill.x"), "*", {"StringEquals": {"lambda:EventSourceToken": "amzn1.ask.skill.x"}})):
            got = json.loads(self.raw.add_permission(**add(StatementId="other", **more))["Statement"])
            self.assertEqual((got["Principal"], got.get("Condition")), (principal, condition))
            self.c.remove_permission(FunctionName=self.name, StatementId="other")
        self.missing("Statement non-existent is not found in resource policy.", self.c.remove_permission, FunctionName=self.name, StatementId="non-existent")
        self.assertEqual(json.loads(self.c.get_policy(FunctionName=self.arn)["Policy"]), {"Version": "2012-10-17", "Id": "default", "Statement": [want]})
        self.c.publish_version(FunctionName=self.name)
        self.missing(gone, self.c.get_policy, FunctionName=self.name, Qualifier="1")
        self.raw.add_permission(**add(Qualifier="1"))
        self.assertEqual(json.loads(self.c.get_policy(FunctionName=self.name, Qualifier="1")["Policy"])["Statement"][0]["Resource"], self.arn + ":1")
        self.c.remove_permission(FunctionName=self.name, StatementId="s3")
        self.missing(gone, self.c.get_policy, FunctionName=self.name)

    def test_tokens_that_were_tampered_with(self):
        for i in range(3):
            self.create(FunctionName=self.name + str(i))
        marker = self.c.list_functions(MaxItems=1)["NextMarker"]
        raw = bytearray(base64.b64decode(marker))
        raw[-1] ^= 1
        for call, forged in ((self.c.list_functions, "x"), (self.c.list_functions, base64.b64encode(bytes(raw)).decode()), (self.c.list_layers, marker)):
            with self.assertRaisesRegex(ClientError, r"InvalidParameterValueException\).*Marker"):
                call(Marker=forged)
        self.made = False

    def test_bodies_that_are_no_input(self):
        def post(body, path="/2015-03-31/functions"):
            status, headers, answer = http("POST", path, body)
            return status, headers["x-amzn-ErrorType"], json.loads(answer)
        self.assertEqual(post(b"{")[:2], (400, "InvalidRequestContentException"))
        self.assertIn("Could not parse request body into json", post(b"{")[2]["message"])
        self.assertEqual(post(b"{} {}")[:2], (400, "InvalidRequestContentException"))
        self.assertEqual(post(b"\xff\xfe")[:2], (400, "InvalidRequestContentException"))
        self.assertEqual(post(b"[]")[:2], (400, "SerializationException"))
        self.assertEqual(post(b'{"MemorySize": "128"}'), (400, "SerializationException", {"Message": "STRING_VALUE can not be converted to an Integer"}))
        self.assertEqual(post(b'{"Publish": 1}'), (400, "SerializationException", {"Message": "NUMBER_VALUE can not be converted to a Boolean"}))
        self.assertEqual(post(b'{"Environment": []}')[:2], (400, "SerializationException"))
        self.assertEqual(post(b'{"Code": {"ZipFile": "%"}}')[:2], (400, "SerializationException"))
        self.assertEqual(post(b'{"MemorySize": 1e400}')[0], 400)
        self.assertEqual(post(b'{"a":' * 20000)[0], 400)
        self.assertEqual(post(b"", "/2015-03-31/nothing")[:2], (404, "UnknownOperationException"))
        body = json.dumps(dict(self.arguments(Code={"ZipFile": base64.b64encode(archive()).decode()}), Unknown={"members": "are ignored"})).encode()
        self.made = True
        self.assertEqual(http("POST", "/2015-03-31/functions", body)[0], 201)

    def test_what_is_not_built_names_the_operation(self):
        self.refused("NotImplementedException", 501, "CreateCapacityProvider is not available in Rouse; docs/lambda.md lists what is", self.raw.create_capacity_provider, CapacityProviderName="x")

    def test_updates_deletes_and_invokes_at_once(self):
        """Every answer is a right one, and what is left is whole."""
        self.create()
        versions = [archive(f"def handler(e, c): return {i}") for i in range(4)]

        def one(i):
            try:
                if i % 4 == 0:
                    self.c.update_function_code(FunctionName=self.name, ZipFile=versions[i // 4 % 4])
                elif i % 4 == 1:
                    self.c.update_function_configuration(FunctionName=self.name, Description=str(i))
                else:
                    answer = self.c.invoke(FunctionName=self.name)
                    body = json.loads(answer["Payload"].read())
                    return None if "FunctionError" not in answer and body in ({}, 0, 1, 2, 3) else (answer, body)
            except ClientError as e:
                code = e.response["Error"]["Code"]
                return None if code in (CONFLICT, NOT_FOUND, "TooManyRequestsException") else e
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual([r for r in pool.map(one, range(48)) if r], [])
            self.assertIn(self.invoke()["Text"], ("{}", "0", "1", "2", "3"))
            running = [pool.submit(one, 2) for _ in range(8)]
            self.c.delete_function(FunctionName=self.name)
            self.assertEqual([r for r in (f.result() for f in running) if r], [])
        self.made = False


class Layers(Suite):
    def publish(self, **more):
        return self.raw.publish_layer_version(**dict(dict(LayerName=self.name, Content={"ZipFile": archive("X = 42", "python/of_layer.py")}), **more))

    def tearDown(self):
        for name in (self.name, self.name + "2"):
            for v in self.c.list_layer_versions(LayerName=name)["LayerVersions"]:
                self.c.delete_layer_version(LayerName=name, VersionNumber=v["Version"])

    def test_life_of_a_layer(self):
        layer = LAYER + self.name
        made = self.publish(CompatibleRuntimes=["python3.11"], CompatibleArchitectures=["x86_64"], Description="d", LicenseInfo="l")
        self.assertEqual(made["ResponseMetadata"]["HTTPStatusCode"], 201)
        self.assertEqual(set(made) - {"ResponseMetadata"}, {"Content", "LayerArn", "LayerVersionArn", "Description", "CreatedDate", "Version", "CompatibleRuntimes", "LicenseInfo", "CompatibleArchitectures"})
        self.assertEqual((made["LayerArn"], made["Description"], made["LicenseInfo"]), (layer, "d", "l"))
        first = made["Version"]
        self.assertRegex(made["CreatedDate"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$")
        plain = self.publish()
        self.assertEqual((plain["Version"], plain["Description"]), (first + 1, ""))
        for member in ("CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo"):
            self.assertNotIn(member, plain)
        empty = self.publish(CompatibleRuntimes=[], CompatibleArchitectures=[])
        self.assertEqual((empty["CompatibleRuntimes"], empty["CompatibleArchitectures"]), ([], []))
        listed = self.c.list_layer_versions(LayerName=self.name)["LayerVersions"]
        self.assertEqual([v["Version"] for v in listed], [first + 2, first + 1, first])
        self.assertNotIn("Content", listed[0])
        self.create(Layers=[made["LayerVersionArn"]], Code={"ZipFile": archive("import of_layer\ndef handler(e, c): return of_layer.X")})
        self.assertEqual(self.c.get_function_configuration(FunctionName=self.name)["Layers"], [{"Arn": made["LayerVersionArn"], "CodeSize": made["Content"]["CodeSize"]}])
        self.assertEqual(self.invoke()["Text"], "42")
        self.assertEqual(self.c.delete_layer_version(LayerName=self.name, VersionNumber=first)["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.assertEqual(self.c.delete_layer_version(LayerName=self.name, VersionNumber=first)["ResponseMetadata"]["HTTPStatusCode"], 204)
        self.assertEqual(self.invoke()["Text"], "42")  # who has it keeps it

    def test_layers_that_are_refused(self):
        gone = "The resource you requested does not exist."
        made = self.publish()
        arn, one = LAYER + self.name, made["LayerVersionArn"]
        two = self.publish()["LayerVersionArn"]
        self.assertEqual(self.c.list_layer_versions(LayerName="doesnotexist")["LayerVersions"], [])
        self.missing(gone, self.c.get_layer_version, LayerName="doesnotexist", VersionNumber=1)
        for n in (-1, 0):
            self.invalid("Layer Version Cannot be less than 1", self.c.get_layer_version, LayerName=self.name, VersionNumber=n)
            self.invalid("Layer Version Cannot be less than 1", self.c.delete_layer_version, LayerName=self.name, VersionNumber=n)
        self.missing(gone, self.c.get_layer_version, LayerName=self.name, VersionNumber=99)
        self.missing(gone, self.c.get_layer_version_by_arn, Arn=arn + ":99")
        with self.assertRaisesRegex(ClientError, r"ValidationException\).*1 validation error detected: Value '" + arn + "' at 'arn' failed to satisfy constraint: Member must satisfy regular"):
            self.raw.get_layer_version_by_arn(Arn=arn)
        with self.assertRaisesRegex(ClientError, r"ValidationException\).*Value 'runtimedoesnotexist' at 'compatibleRuntime' failed to satisfy constraint: Member must satisfy enum value set"):
            self.raw.list_layers(CompatibleRuntime="runtimedoesnotexist")
        with self.assertRaisesRegex(ClientError, r"Value 'archdoesnotexist' at 'compatibleArchitecture' failed to satisfy constraint: Member must satisfy enum value set: \[x86_64, arm64\]"):
            self.raw.list_layers(CompatibleArchitecture="archdoesnotexist")
        with self.assertRaisesRegex(ClientError, r"ValidationException\).*2 validation errors detected: Value '\[invalidruntime\]' at 'compatibleRuntimes' failed to satisfy constraint: "
                                                 r"Member must satisfy enum value set: \[.*\]; Value '\[invalidarch\]' at 'compatibleArchitectures' failed to satisfy constraint: "
                                                 r"Member must satisfy constraint: \[Member must satisfy enum value set: \[x86_64, arm64\]\]$"):
            self.publish(CompatibleRuntimes=["invalidruntime"], CompatibleArchitectures=["invalidarch"])
        self.create()
        use = lambda *arns: dict(FunctionName=self.name, Layers=list(arns))
        twice = "Two different versions of the same layer are not allowed to be referenced in the same function. {} and {} are versions of the same layer."
        self.invalid(twice.format(one, two), self.raw.update_function_configuration, **use(one, two))
        self.invalid(twice.format(one, one), self.raw.update_function_configuration, **use(one, one))
        self.invalid(f"Layer version {LAYER}doesnotexist:1 does not exist.", self.raw.update_function_configuration, **use(LAYER + "doesnotexist:1"))
        self.invalid(f"Layer version {arn}:99 does not exist.", self.raw.update_function_configuration, **use(arn + ":99"))
        self.invalid("Cannot reference more than 5 layers.", self.raw.update_function_configuration, **use(*(f"{arn}{i}:1" for i in range(6))))
        self.invalid(f"Layers are not in the same region as the function. Layers are expected to be in region {REGION}.", self.raw.update_function_configuration,
                     **use(one.replace(REGION, "eu-west-1")))
        with self.assertRaisesRegex(ClientError, r"ValidationException\).*Value '\[" + arn + r"\]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: \[Member must have length "):
            self.raw.update_function_configuration(**use(arn))
        self.assertNotIn("Layers", self.c.get_function_configuration(FunctionName=self.name))

    def test_policies_of_layers(self):
        version = self.publish()["Version"]
        arn = f"{LAYER}{self.name}:{version}"
        key = dict(LayerName=self.name, VersionNumber=version)
        add = lambda **more: dict(dict(key, StatementId="s1", Action="lambda:GetLayerVersion", Principal="*"), **more)
        self.missing("No policy is associated with the given resource.", self.c.get_layer_version_policy, **key)
        made = self.c.add_layer_version_permission(**add())
        statement = {"Sid": "s1", "Effect": "Allow", "Principal": "*", "Action": "lambda:GetLayerVersion", "Resource": arn}
        self.assertEqual((json.loads(made["Statement"]), made["ResponseMetadata"]["HTTPStatusCode"]), (statement, 201))
        got = self.c.get_layer_version_policy(**key)
        self.assertEqual((json.loads(got["Policy"]), got["RevisionId"]), ({"Version": "2012-10-17", "Id": "default", "Statement": [statement]}, made["RevisionId"]))
        self.unlike("Value '*' at 'action' failed to satisfy constraint: Member must satisfy regular expression pattern: lambda:GetLayerVersion", self.raw.add_layer_version_permission, **add(StatementId="s2", Action="*"))
        self.refused(CONFLICT, 409, "The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing statement.", self.raw.add_layer_version_permission, **add())
        self.stale(self.raw.add_layer_version_permission, "GetLayerPolicy", **add(StatementId="s2", RevisionId="wrong"))
        self.stale(self.raw.remove_layer_version_permission, "GetLayerPolicy", **key, StatementId="s1", RevisionId="wrong")
        for other, of in ((dict(LayerName=self.name + "-doesnotexist", VersionNumber=1), f"{LAYER}{self.name}-doesnotexist:1"), (dict(key, VersionNumber=99), f"{LAYER}{self.name}:99")):
            absent = f"Layer version {of} does not exist."
            self.missing(absent, self.raw.add_layer_version_permission, **add(**other))
            self.missing(absent, self.raw.get_layer_version_policy, **other)
            self.missing(absent, self.raw.remove_layer_version_permission, **other, StatementId="s1")
        self.missing("Statement doesnotexist is not found in resource policy.", self.raw.remove_layer_version_permission, **key, StatementId="doesnotexist")
        self.c.remove_layer_version_permission(**key, StatementId="s1", RevisionId=made["RevisionId"])
