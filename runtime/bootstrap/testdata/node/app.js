const wait = (ms) => new Promise((done) => setTimeout(done, ms));

let calls = 0;
exports.echo = async (event) => event;
exports.none = async () => {};
exports.count = async () => ++calls;
exports.nested = { api: { get: async () => 'nested' } };
exports.notFunction = 5;

exports.describe = async (event, context) => {
  const left = context.getRemainingTimeInMillis();
  const { getRemainingTimeInMillis, succeed, fail, done, ...rest } = context;
  return { ...rest, left: left > 0 && left <= 60000, functions: [typeof succeed, typeof fail, typeof done], trace: process.env._X_AMZN_TRACE_ID };
};
exports.environment = async () => [process.env._HANDLER];

exports.callback = (event, context, callback) => { setTimeout(() => callback(null, { event }), 5); };
exports.callbackError = (event, context, callback) => callback(new TypeError('bad ' + event));
exports.callbackString = (event, context, callback) => callback('only words');
exports.callbackWaits = (event, context, callback) => {
  const result = { late: false };
  setTimeout(() => { result.late = true; }, 30);
  callback(null, result);
};
exports.callbackNoWait = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  const result = { late: false };
  setTimeout(() => { result.late = true; }, 30);
  callback(null, result);
};
exports.neverCalls = (event) => { setTimeout(() => {}, 5); };
exports.returnsPlain = () => 'ignored';
exports.succeed = (event, context) => { context.succeed({ ok: event }); context.fail('too late'); };
exports.fail = (event, context) => context.fail(new Error('failed'));
exports.failNothing = (event, context) => context.fail();
exports.done = (event, context) => context.done(null, 'done');
exports.twice = (event, context, callback) => { callback(null, 1); callback(null, 2); };

class Custom extends Error {}
Custom.prototype.name = 'Custom';
exports.throwsAsync = async (event) => { await wait(1); throw new Custom('wrong: ' + event); };
exports.throwsSync = (event) => { throw new Custom('sync: ' + event); };
exports.throwsString = async () => { throw 'just a string'; };
exports.throwsUndefined = async () => { throw undefined; };
exports.throwsObject = async () => { throw { code: 5 }; };
exports.throwsDelete = async () => { throw new Error('a\x7Fb'); };
exports.circular = async () => { const a = {}; a.a = a; return a; };
exports.bigint = async () => 1n;
exports.aFunction = async () => () => 1;
exports.uncaught = async () => { setTimeout(() => { throw new Custom('from a timer'); }, 1); await wait(1000); };
exports.rejection = async () => { Promise.reject(new Custom('nobody listens')); await wait(1000); };
exports.exits = async (event) => process.exit(event);
exports.unicode = async () => 'grüße \u2028 \u{1f600}';
exports.logs = async (event) => {
  console.log('hello %s', event);
  console.error(new Custom('shown'));
  console.debug({ a: 1 });
  console.info();
};
exports.stream = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType('text/plain');
  stream.write('one,');
  await wait(1);
  stream.write(Buffer.from('two,'));
  stream.write({ three: 3 });
  stream.end();
});
exports.streamHttp = awslambda.streamifyResponse(async (event, stream) => {
  const out = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'x-a': 'b' } });
  out.write('body');
  out.end();
});
exports.streamThrows = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('partial');
  throw new Custom('midway');
});
exports.streamLater = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('now,');
  setTimeout(() => stream.end('later'), 5);
});
