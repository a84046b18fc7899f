"""Several AWS services behind one endpoint: Rouse's own, and another emulator's for the rest."""
import shutil
import tempfile

from support import *

ASK = """
import boto3

def handler(event, context):
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    body = s3.get_object(Bucket=event["bucket"], Key=event["key"])["Body"].read()
    url = sqs.get_queue_url(QueueName=event["queue"])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=str(len(body)))
    return boto3.client("sts").get_caller_identity()["Account"]
"""


class OtherServices(Suite):
    def test_a_table_of_the_other_emulator(self):
        tables = client("dynamodb")
        tables.create_table(TableName=self.name, BillingMode="PAY_PER_REQUEST", KeySchema=[dict(AttributeName="id", KeyType="HASH")],
                            AttributeDefinitions=[dict(AttributeName="id", AttributeType="S")])
        self.addCleanup(tables.delete_table, TableName=self.name)
        tables.put_item(TableName=self.name, Item={"id": {"S": "1"}, "n": {"N": "5"}})
        self.assertEqual(tables.get_item(TableName=self.name, Key={"id": {"S": "1"}})["Item"]["n"], {"N": "5"})

    def test_code_in_a_bucket(self):
        s3, bucket, key = client("s3"), "code-in-a-bucket", "a b/\u00fc+.zip"
        s3.create_bucket(Bucket=bucket)
        self.addCleanup(s3.delete_bucket, Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        first, second = (s3.put_object(Bucket=bucket, Key=key, Body=archive(f"def handler(event, context):\n    return {n}\n"))["VersionId"] for n in "12")
        for version in (first, second):
            self.addCleanup(s3.delete_object, Bucket=bucket, Key=key, VersionId=version)
        self.create(Code=dict(S3Bucket=bucket, S3Key=key, S3ObjectVersion=first))
        self.assertEqual(self.invoke()["Text"], "1")
        self.c.update_function_code(FunctionName=self.name, S3Bucket=bucket, S3Key=key)
        self.assertEqual(self.invoke()["Text"], "2")
        layer = self.c.publish_layer_version(LayerName=self.name, Content=dict(S3Bucket=bucket, S3Key=key))
        self.addCleanup(self.c.delete_layer_version, LayerName=self.name, VersionNumber=layer["Version"])
        for at, code in ((dict(S3Bucket=bucket, S3Key="none"), "NoSuchKey. S3 Error Message: The specified key does not exist."),
                         (dict(S3Bucket="no-such-bucket", S3Key=key), "NoSuchBucket. S3 Error Message: The specified bucket does not exist")):
            self.invalid("Error occurred while GetObject. S3 Error Code: " + code, self.c.update_function_code, FunctionName=self.name, **at)

    def test_a_function_without_network_reaches_all_of_them(self):
        s3, sqs = client("s3"), client("sqs")
        bucket, key, body = "from-inside", "a b/\u00fc+", os.urandom(300_000)
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        self.addCleanup(s3.delete_bucket, Bucket=bucket)
        self.addCleanup(s3.delete_object, Bucket=bucket, Key=key)
        url = sqs.create_queue(QueueName=self.name)["QueueUrl"]
        self.addCleanup(sqs.delete_queue, QueueUrl=url)
        self.create(Code={"ZipFile": packed(sdk(), **{"app.py": ASK})}, Timeout=60, MemorySize=512)
        answer = self.invoke({"bucket": bucket, "key": key, "queue": self.name})
        self.assertEqual((answer.get("FunctionError"), answer["Text"]), (None, json.dumps(ACCOUNT)))
        self.assertEqual([m["Body"] for m in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]], [str(len(body))])


def sdk():
    """A folder with boto3 and what it needs of itself, small enough for an upload."""
    clients, folder = os.environ["ROUSE_CLIENTS"], tempfile.mkdtemp()
    unittest.addModuleCleanup(shutil.rmtree, folder)
    wanted = ("s3", "sqs", "sts")
    for package in ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil"):
        def others(at, names):
            return [n for n in names if os.path.basename(at) == "data" and os.path.isdir(os.path.join(at, n)) and n not in wanted]
        shutil.copytree(os.path.join(clients, package), os.path.join(folder, package), ignore=others)
    shutil.copy(os.path.join(clients, "six.py"), folder)
    return folder


if __name__ == "__main__":
    unittest.main()
