// An ordinary HTTP server. It knows nothing of Rouse but $PORT.
'use strict';

const http = require('node:http');

const started = Date.now();
let requests = 0;

const routes = {
  'GET /': (req, res) => json(res, 200, { hello: 'from Node', requests, up_ms: Date.now() - started }),
  'GET /health': (req, res) => json(res, 200, { ok: true }),
  'POST /echo': (req, res) => {
    res.writeHead(200, { 'content-type': req.headers['content-type'] ?? 'application/octet-stream' });
    req.pipe(res); // answers while the request is still coming
  },
  'GET /events': events,
};

// Server-sent events: five, a tenth of a second apart.
function events(req, res) {
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  let n = 0;
  const send = () => {
    res.write(`id: ${++n}\ndata: ${JSON.stringify({ n, of: 5 })}\n\n`);
    if (n === 5) {
      clearInterval(timer);
      res.end();
    }
  };
  const timer = setInterval(send, 100);
  send();
  res.on('close', () => clearInterval(timer)); // the client may leave early
}

function json(res, status, body) {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(body));
}

const server = http.createServer((req, res) => {
  requests++;
  const path = req.url.split('?')[0];
  const route = routes[`${req.method} ${path}`];
  if (route) route(req, res);
  else json(res, 404, { error: `${req.method} ${path} is not here` });
});

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '127.0.0.1');
process.on('SIGTERM', () => server.close(() => process.exit(0)));
