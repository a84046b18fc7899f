// The writable that a handler marked by awslambda.streamifyResponse gets.
'use strict';

const { Writable } = require('node:stream');
const { InvalidStreamingOperation, toResponse } = require('./errors.cjs');

class ResponseStream extends Writable {
  #start; #wire; #contentType = 'application/octet-stream';

  // start(contentType) begins the answer and resolves to its writer.
  constructor(start, highWaterMark) {
    super({ highWaterMark, decodeStrings: true });
    this.#start = start;
  }

  setContentType(contentType) {
    if (this.#wire) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    this.#contentType = contentType;
  }

  // Objects are written as JSON, as on AWS.
  write(chunk, ...rest) {
    const plain = typeof chunk === 'string' || Buffer.isBuffer(chunk) || chunk?.constructor === Uint8Array;
    return super.write(plain ? chunk : JSON.stringify(chunk), ...rest);
  }

  async #open() {
    if (this.#wire) return;
    this.#wire = await this.#start(this.#contentType);
    if (this.prelude) await new Promise((done) => this.#wire.write(this.prelude, done));
  }

  _write(chunk, _encoding, done) {
    this.#open().then(() => this.#wire.write(chunk, done), done);
  }

  _final(done) {
    this.#open().then(() => this.#wire.end({})).then(() => done(), done);
  }

  // Ends the answer with an error, whatever was sent before.
  async fail(error) {
    const response = toResponse(error);
    await this.#open();
    await this.#wire.end({
      'Lambda-Runtime-Function-Error-Type': response.errorType,
      'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(response)).toString('base64'),
    });
  }
}

// Puts status and headers before the body of an HTTP answer.
class HttpResponseStream {
  static from(stream, prelude) {
    stream.setContentType('application/vnd.awslambda.http-integration-response');
    stream.prelude = Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]);
    return stream;
  }
}

module.exports = { ResponseStream, HttpResponseStream };
