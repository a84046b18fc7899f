// Loads the handler and answers events until the process ends.
'use strict';

const errors = require('./errors.cjs');
const logs = require('./console.cjs');
const { Client } = require('./client.cjs');
const { describe } = require('./context.cjs');
const { reply, whenEmpty } = require('./reply.cjs');
const handlers = require('./handler.cjs');
const streams = require('./stream.cjs');

// How an error that nobody caught is reported: as the init's, the event's, or
// between events not at all.
let report = null;

async function main(name) {
  const address = process.env.AWS_LAMBDA_RUNTIME_API;
  if (!address) {
    process.stderr.write(
      'bootstrap: AWS_LAMBDA_RUNTIME_API is not set: this runs inside Rouse, or beside a runtime interface emulator\n',
    );
    process.exit(1);
  }
  process.env._HANDLER = name;
  const client = new Client(address);
  report = (error) => client.failInit(...encode(error));
  logs.patch();
  process.on('uncaughtException', (error) => die('Uncaught Exception', error, 129));
  process.on('unhandledRejection', (reason, promise) =>
    die('Unhandled Promise Rejection', new errors.UnhandledPromiseRejection(reason, promise), 128));
  if (!/^(1|true)$/.test(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA ?? '')) {
    globalThis.awslambda = {
      streamifyResponse: handlers.streamifyResponse,
      HttpResponseStream: streams.HttpResponseStream,
    };
  }
  try {
    const handler = await handlers.load(process.env.LAMBDA_TASK_ROOT || process.cwd(), name);
    const answer = handlers.isStreaming(handler) ? answerStreaming : answerOnce;
    report = null;
    poll(client, handler, answer);
  } catch (error) {
    die('Uncaught Exception', error, 129);
  }
}

// Ends the process after the host has heard why.
function die(title, error, status) {
  logs.logError(title, error);
  const tell = report;
  report = null;
  const exit = () => process.exit(status);
  if (tell) tell(error).then(exit, exit);
  else exit();
}

// The body and the type of an error, as the Runtime API takes them.
function encode(error) {
  const response = errors.toResponse(error);
  return [JSON.stringify(response), response.errorType];
}

// Takes the next event, once what the last one left in this turn of the event
// loop has run.
function poll(client, handler, answer) {
  const again = () => poll(client, handler, answer);
  setImmediate(async () => {
    report = null;
    try {
      const { headers, body } = await client.next();
      const id = headers['lambda-runtime-aws-request-id'];
      Object.assign(logs.current, { requestId: id, tenantId: headers['lambda-runtime-aws-tenant-id'] });
      report = (error) => client.fail(id, ...encode(error));
      answer(client, handler, id, headers, body, again);
    } catch (error) {
      die('Runtime API', error, 1);
    }
  });
}

function answerOnce(client, handler, id, headers, body, again) {
  const lost = (error) => die('Runtime API', error, 1);
  const post = (result) => {
    let text;
    try {
      text = JSON.stringify(result === undefined ? null : result) ?? 'null';
    } catch {
      throw new Error('Unable to stringify response body');
    }
    client.respond(id, text).then(again, lost);
  };
  const { callback, context, markDone } = reply(post, (error) => client.fail(id, ...encode(error)).then(again, lost));
  // A handler that neither returns a promise nor calls back answers null once
  // nothing is left to run.
  whenEmpty(() => {
    markDone();
    whenEmpty(() => {});
    client.respond(id, 'null').then(again, lost);
  });
  try {
    const result = handler(JSON.parse(body), Object.assign(context, describe(headers)), callback);
    if (typeof result?.then === 'function') {
      result.then(context.succeed, context.fail).catch(context.fail);
    }
  } catch (error) {
    callback(error);
  }
}

async function answerStreaming(client, handler, id, headers, body, again) {
  let waits = true;
  const stream = new streams.ResponseStream((type) => client.stream(id, type), handlers.highWaterMark(handler));
  const context = {
    get callbackWaitsForEmptyEventLoop() { return waits; },
    set callbackWaitsForEmptyEventLoop(value) { waits = value; },
  };
  const next = () => {
    if (waits) whenEmpty(() => { whenEmpty(() => {}); again(); });
    else again();
  };
  report = (error) => stream.fail(error);
  stream.on('error', () => {}); // the host ended the exchange; the next poll says so
  try {
    const result = handler(JSON.parse(body), stream, Object.assign(context, describe(headers)));
    if (typeof result?.then !== 'function') throw 'Streaming does not support non-async handlers.';
    if (await result !== undefined) console.warn('Streaming handlers ignore return values.');
    if (!stream.writableEnded) throw 'Response stream is not finished.';
    if (!stream.writableFinished) await new Promise((done) => stream.once('close', done));
    next();
  } catch (error) {
    logs.logError('Invoke Error', error);
    stream.fail(error).then(next, next);
  }
}

module.exports = { main };
