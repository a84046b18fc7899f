// The Runtime API over one kept connection. The http module would load slower,
// and would not let the connection be ignored while a handler runs.
'use strict';

const net = require('node:net');

const VERSION = '/2018-06-01/runtime';
const ATTEMPTS = 3;

class Client {
  constructor(address) {
    const colon = address.lastIndexOf(':');
    this.host = address.slice(0, colon);
    this.port = Number(address.slice(colon + 1));
    this.address = address;
    this.socket = null;
  }

  // Resolves to the next event's headers, with lower-case names, and its body.
  async next() {
    let response;
    // Asking again is safe: an event that was handed out on a lost connection is
    // the host's to fail.
    for (let attempt = 1; !response; attempt++) {
      try {
        response = await this.exchange(this.head('GET', '/invocation/next', {}));
      } catch (err) {
        if (attempt === ATTEMPTS) throw err;
      }
    }
    if (response.status !== 200) {
      throw new Error(`next event: status ${response.status}: ${response.body.toString().slice(0, 200)}`);
    }
    return response;
  }

  // What the host thinks of an answer (too large, too late) it has told the
  // caller; the next poll says whether this process may go on.
  respond(id, text) {
    return this.post(`/invocation/${encodeURIComponent(id)}/response`, text);
  }

  fail(id, text, errorType) {
    return this.post(`/invocation/${encodeURIComponent(id)}/error`, text, errorType);
  }

  failInit(text, errorType) {
    return this.post('/init/error', text, errorType);
  }

  // Starts an answer of unknown length; the caller writes chunks and ends it.
  async stream(id, contentType) {
    await this.connect();
    this.socket.ref();
    this.socket.write(this.head('POST', `/invocation/${encodeURIComponent(id)}/response`, {
      'Content-Type': contentType,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
    }));
    const answered = this.answer();
    answered.catch(() => {}); // reported by end, or by the next poll
    return {
      write: (chunk, done) => {
        if (chunk.length === 0) return done();
        this.socket.cork();
        this.socket.write(chunk.length.toString(16) + '\r\n');
        this.socket.write(chunk);
        this.socket.write('\r\n', done);
        this.socket.uncork();
      },
      end: (trailers) => {
        const lines = Object.entries(trailers).map(([k, v]) => `${k}: ${v}\r\n`);
        this.socket.write(`0\r\n${lines.join('')}\r\n`);
        return answered;
      },
    };
  }

  post(path, text, errorType) {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
    if (errorType) {
      headers['Lambda-Runtime-Function-Error-Type'] = errorType.replace(/[^ -~]/g, '_').slice(0, 256);
    }
    return this.exchange(this.head('POST', path, headers) + text);
  }

  head(method, path, headers) {
    const lines = Object.entries(headers).map(([k, v]) => `${k}: ${v}\r\n`);
    return `${method} ${VERSION}${path} HTTP/1.1\r\nHost: ${this.address}\r\n${lines.join('')}\r\n`;
  }

  async exchange(request) {
    await this.connect();
    this.socket.ref();
    const answered = this.answer();
    this.socket.write(request);
    return answered;
  }

  connect() {
    if (this.socket) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: this.host, port: this.port, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        this.socket = socket;
        resolve();
      });
    });
  }

  // Resolves to the response that arrives next on the connection. From then on
  // the connection does not keep the process alive: an empty event loop is how a
  // callback handler ends.
  answer() {
    const socket = this.socket;
    return new Promise((resolve, reject) => {
      let received = [];
      let size = 0;
      let needed = 0; // bytes before looking again is worth it
      const finish = (settle, value) => {
        socket.off('data', onData).off('error', onEnd).off('close', onEnd);
        socket.unref();
        settle(value);
      };
      const onEnd = (err) => {
        socket.destroy();
        socket.on('error', () => {});
        this.socket = null;
        finish(reject, err instanceof Error ? err : new Error('the host closed the connection'));
      };
      const onData = (part) => {
        received.push(part);
        size += part.length;
        if (size < needed) return;
        const whole = received.length === 1 ? part : Buffer.concat(received);
        received = [whole];
        const response = parse(whole);
        if (!response.status) {
          needed = response.needed;
          return;
        }
        if (response.headers.connection?.toLowerCase() === 'close') {
          socket.destroy();
          this.socket = null;
        }
        finish(resolve, response);
      };
      socket.on('data', onData).on('error', onEnd).on('close', onEnd);
    });
  }
}

// Reads a whole response, or says how many bytes there must be at least.
function parse(bytes) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return { needed: bytes.length + 1 };
  const [first, ...lines] = bytes.toString('utf8', 0, end).split('\r\n');
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  const start = end + 4;
  const length = Number(headers['content-length'] ?? 0);
  if (bytes.length < start + length) return { needed: start + length };
  const chunked = headers['transfer-encoding']?.toLowerCase() === 'chunked';
  const body = chunked ? chunks(bytes.subarray(start)) : bytes.subarray(start, start + length);
  return body ? { status: Number(first.split(' ')[1]), headers, body } : { needed: bytes.length + 1 };
}

// Joins chunks; undefined while some are missing.
function chunks(bytes) {
  const parts = [];
  for (let at = 0; ;) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = parseInt(bytes.toString('latin1', at, line), 16);
    const start = line + 2;
    if (size === 0) return bytes.indexOf('\r\n', start) < 0 ? undefined : Buffer.concat(parts);
    if (bytes.length < start + size + 2) return undefined;
    parts.push(bytes.subarray(start, start + size));
    at = start + size + 2;
  }
}

module.exports = { Client };
