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
    new Runtime(client, handler).poll();
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

// Runtime feeds events to one handler. The handler is called as its method, as
// AWS's client does, which users see in stack traces.
class Runtime {
  constructor(client, handler) {
    this.client = client;
    this.handler = handler;
    this.answer = handlers.isStreaming(handler) ? this.answerStreaming : this.answerOnce;
  }

  // Takes the next event, once what the last one left in this turn of the event
  // loop has run.
  poll() {
    setImmediate(async () => {
      report = null;
      try {
        const { headers, body } = await this.client.next();
        const id = headers['lambda-runtime-aws-request-id'];
        Object.assign(logs.current, { requestId: id, tenantId: headers['lambda-runtime-aws-tenant-id'] });
        report = (error) => this.client.fail(id, ...encode(error));
        this.answer(id, headers, body);
      } catch (error) {
        lost(error);
      }
    });
  }

  answerOnce(id, headers, body) {
    const again = () => this.poll();
    const post = (result) => {
      let text;
      try {
        text = JSON.stringify(result === undefined ? null : result) ?? 'null';
      } catch {
        throw new Error('Unable to stringify response body');
      }
      this.client.respond(id, text).then(again, lost);
    };
    const fail = (error) => void this.client.fail(id, ...encode(error)).then(again, lost);
    const { callback, context, markDone } = reply(post, fail);
    // A handler that neither returns a promise nor calls back answers null once
    // nothing is left to run.
    whenEmpty(() => {
      markDone();
      whenEmpty(() => {});
      this.client.respond(id, 'null').then(again, lost);
    });
    try {
      const result = this.handler(JSON.parse(body), Object.assign(context, describe(headers)), callback);
      if (typeof result?.then === 'function') {
        result.then(context.succeed, context.fail).catch(context.fail);
      }
    } catch (error) {
      callback(error);
    }
  }

  async answerStreaming(id, headers, body) {
    let waits = true;
    const start = (contentType) => this.client.stream(id, contentType);
    const stream = new streams.ResponseStream(start, handlers.highWaterMark(this.handler));
    report = (error) => stream.fail(error);
    stream.on('error', lost);
    const context = {
      get callbackWaitsForEmptyEventLoop() { return waits; },
      set callbackWaitsForEmptyEventLoop(value) { waits = value; },
    };
    const next = () => {
      if (!waits) return this.poll();
      whenEmpty(() => { whenEmpty(() => {}); this.poll(); });
    };
    try {
      const result = this.handler(JSON.parse(body), stream, Object.assign(context, describe(headers)));
      if (typeof result?.then !== 'function') throw 'Streaming does not support non-async handlers.';
      if (await result !== undefined) console.warn('Streaming handlers ignore return values.');
      // What the handler left running may still be writing.
      if (!stream.writableFinished) await new Promise((done) => stream.once('finish', done));
      next();
    } catch (error) {
      logs.logError('Invoke Error', error);
      stream.fail(error).then(next, lost);
    }
  }
}

// Without the Runtime API there is nothing left to do.
function lost(error) {
  report = null;
  die('Runtime API', error, 1);
}

module.exports = { main };
