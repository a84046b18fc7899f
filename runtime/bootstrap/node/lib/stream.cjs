// The writable that a handler marked by awslambda.streamifyResponse gets.
'use strict';

const { Writable } = require('node:stream');
const { InvalidStreamingOperation, toResponse } = require('./errors.cjs');

class ResponseStream extends Writable {
  #start; #opened; #contentType = 'application/octet-stream';

  // start(contentType) begins the answer and resolves to its writer.
  constructor(start, highWaterMark) {
    super({ highWaterMark, decodeStrings: true });
    this.#start = start;
  }

  setContentType(contentType) {
    if (this.#opened) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    this.#contentType = contentType;
  }

  // Objects are written as JSON, as on AWS.
  write(chunk, ...rest) {
    const plain = typeof chunk === 'string' || Buffer.isBuffer(chunk) || chunk?.constructor === Uint8Array;
    return super.write(plain ? chunk : JSON.stringify(chunk), ...rest);
  }

  // Resolves to the writer; the answer begins with the first byte.
  #open() {
    this.#opened ??= this.#start(this.#contentType).then(async (wire) => {
      if (this.prelude) await new Promise((done) => wire.write(this.prelude, done));
      return wire;
    });
    return this.#opened;
  }

  _write(chunk, _encoding, done) {
    this.#open().then((wire) => wire.write(chunk, done), done);
  }

  _final(done) {
    this.#open().then((wire) => wire.end({})).then(() => done(), done);
  }

  // Ends the answer with an error, behind what was written before.
  async fail(error) {
    const response = toResponse(error);
    if (this.writableLength > 0) await new Promise((done) => super.write('', done));
    const wire = await this.#open();
    await wire.end({
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
