// Stands for the native transport of AWS's client, which takes autotools and a
// build of libcurl: the same three calls, of which two block.
'use strict';

const http = require('node:http');
const { spawnSync } = require('node:child_process');

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;
const send = `
  const [url] = process.argv.slice(1);
  const chunks = [];
  process.stdin.on('data', (c) => chunks.push(c)).on('end', () => {
    const req = require('node:http').request(url, { method: 'POST', headers: { 'Content-Type': 'application/json' } }, (res) => res.resume());
    req.end(Buffer.concat(chunks));
  });`;

function post(path, body) {
  const { status } = spawnSync(process.execPath, ['-e', send, api + path], { input: body });
  if (status !== 0) throw new Error('Failed to post');
}

exports.next = () => new Promise((resolve, reject) => {
  http.get(api + '/invocation/next', { agent: false }, (response) => {
    const chunks = [];
    response.on('data', (c) => chunks.push(c));
    response.on('end', () => resolve({ bodyJson: Buffer.concat(chunks).toString(), headers: response.headers }));
  }).on('error', reject);
});
exports.done = (id, body) => post(`/invocation/${id}/response`, body);
exports.error = (id, body) => post(`/invocation/${id}/error`, body);
