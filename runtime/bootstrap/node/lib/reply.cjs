// The ways in which a handler that does not stream may answer: a promise, the
// callback, or the context's succeed, fail and done. The first one counts.
'use strict';

const { logError } = require('./console.cjs');

// What to do when the event loop runs empty; it may be replaced at any time.
let onEmpty = () => {};
const whenEmpty = (then) => { onEmpty = then; };
process.on('beforeExit', () => onEmpty());

// makes { callback, context, markDone } around post(result) and fail(error).
function reply(post, fail) {
  let posted = false;
  let waits = true; // callbackWaitsForEmptyEventLoop

  const complete = (result) => {
    if (posted) {
      console.error('Invocation has already been reported as done. Cannot call complete more than once per invocation.');
      return;
    }
    posted = true;
    post(result);
  };
  const isError = (err) => err !== undefined && err !== null;
  const failed = (err) => {
    logError('Invoke Error', err);
    fail(err);
  };
  const callback = (err, result) => {
    whenEmpty(() => {});
    if (isError(err)) failed(err);
    else if (waits) whenEmpty(() => setImmediate(complete, result));
    else complete(result);
  };
  const done = (err, result) => {
    whenEmpty(() => {});
    if (isError(err)) failed(err);
    else complete(result);
  };

  let finished = false;
  const once = (fn) => (...args) => {
    if (finished) return;
    fn(...args); // one that throws has not finished: its error may follow
    finished = true;
  };
  const context = {
    get callbackWaitsForEmptyEventLoop() { return waits; },
    set callbackWaitsForEmptyEventLoop(value) { waits = value; },
    succeed: once((result) => done(null, result)),
    fail: once((err) => done(err ?? 'handled', null)),
    done: once(done),
  };
  return { callback: once(callback), context, markDone: () => { posted = true; } };
}

module.exports = { reply, whenEmpty };
