// The SDK for JavaScript, version 3. scripts/compat.sh runs this against a Rouse of its own.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

const sdk = createRequire(process.env.ROUSE_JS_SDK + "/")("@aws-sdk/client-lambda");
const archive = readFileSync(process.env.ROUSE_JS_FUNCTION);
const client = new sdk.LambdaClient({
  endpoint: process.env.ROUSE_ENDPOINT, region: "us-east-1", credentials: { accessKeyId: "any", secretAccessKey: "any" }, maxAttempts: 1,
});
const send = (command, input) => client.send(new sdk[command + "Command"](input));

/** A function that is gone after the test. */
async function deployed(t, FunctionName, more) {
  const made = await send("CreateFunction", {
    FunctionName, Runtime: "nodejs20.x", Handler: "index.whole", Role: "arn:aws:iam::000000000000:role/any", Code: { ZipFile: archive }, ...more,
  });
  t.after(() => send("DeleteFunction", { FunctionName }));
  return made;
}

test("from create to delete", async (t) => {
  const FunctionName = "js-life";
  const made = await deployed(t, FunctionName, { Publish: true });
  assert.deepEqual([made.State, made.Version, made.CodeSize], ["Pending", "1", archive.length]);
  assert.equal((await sdk.waitUntilFunctionActiveV2({ client, maxWaitTime: 60 }, { FunctionName })).state, "SUCCESS");
  const answer = await send("Invoke", { FunctionName, Payload: JSON.stringify({ a: 1 }), LogType: "Tail" });
  assert.deepEqual([answer.StatusCode, answer.ExecutedVersion, answer.FunctionError], [200, "$LATEST", undefined]);
  assert.deepEqual(JSON.parse(answer.Payload.transformToString()), { got: { a: 1 }, version: "$LATEST" });
  assert.match(Buffer.from(answer.LogResult, "base64").toString(), /called[^]*REPORT RequestId/);
  const failed = await send("Invoke", { FunctionName, Payload: '{"fail": true}' });
  assert.equal(failed.FunctionError, "Unhandled");
  assert.equal(JSON.parse(failed.Payload.transformToString()).errorType, "RangeError");
  assert.equal((await send("Invoke", { FunctionName, InvocationType: "Event", Payload: "{}" })).StatusCode, 202);
  await send("UpdateFunctionConfiguration", { FunctionName, MemorySize: 256 });
  assert.equal((await sdk.waitUntilFunctionUpdatedV2({ client, maxWaitTime: 60 }, { FunctionName })).state, "SUCCESS");
  assert.equal((await send("PublishVersion", { FunctionName })).Version, "2");
  const versions = [];
  for await (const page of sdk.paginateListVersionsByFunction({ client, pageSize: 1 }, { FunctionName })) {
    versions.push(page.Versions.map((v) => v.Version));
  }
  assert.deepEqual(versions, [["$LATEST"], ["1"], ["2"]]);
});

test("a response stream", async (t) => {
  const FunctionName = "js-stream";
  await deployed(t, FunctionName, { Handler: "index.pieces" });
  const read = async (event) => {
    const pieces = [];
    const answer = await send("InvokeWithResponseStream", { FunctionName, Payload: JSON.stringify(event) });
    for await (const e of answer.EventStream) {
      pieces.push(e.PayloadChunk ? Buffer.from(e.PayloadChunk.Payload).toString() : e.InvokeComplete);
    }
    return pieces;
  };
  assert.deepEqual(await read({}), ["one", "two", {}]);
  const [first, end] = await read({ fail: true });
  assert.deepEqual([first, end.ErrorCode, JSON.parse(end.ErrorDetails).errorType], ["one", "Unhandled", "RangeError"]);
});

test("errors have their types", async (t) => {
  const FunctionName = "js-errors";
  await assert.rejects(send("GetFunction", { FunctionName }), (e) => e instanceof sdk.ResourceNotFoundException && e.Type === "User"
    && e.message === "Function not found: arn:aws:lambda:us-east-1:000000000000:function:js-errors");
  await deployed(t, FunctionName);
  await assert.rejects(deployed(t, FunctionName), sdk.ResourceConflictException);
  await assert.rejects(send("PublishVersion", { FunctionName, RevisionId: "old" }), sdk.PreconditionFailedException);
  await assert.rejects(send("UpdateFunctionCode", { FunctionName, ZipFile: Buffer.from("none") }), sdk.InvalidParameterValueException);
  await assert.rejects(send("Invoke", { FunctionName, Payload: "{no" }), sdk.InvalidRequestContentException);
  await send("PutFunctionConcurrency", { FunctionName, ReservedConcurrentExecutions: 0 });
  await assert.rejects(send("Invoke", { FunctionName }), (e) => e instanceof sdk.TooManyRequestsException
    && e.Reason === "ReservedFunctionConcurrentInvocationLimitExceeded" && e.retryAfterSeconds !== undefined);
});
