import http from 'node:http';

http.createServer((req, res) => {
  let text = '';
  req.on('data', (part) => { text += part; });
  req.on('end', () => {
    const json = (status, body, headers = {}) => {
      res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
    };
    const fail = (status, code) => {
      if (/json/.test(req.headers.accept ?? '')) return json(status, { status, code });
      res.writeHead(status, { 'Content-Type': 'text/html' }).end(`<!doctype html><p>${code}</p>`);
    };
    if (req.method === 'GET') return req.url === '/' ? json(200, { ok: true }) : fail(404, 'not_found');
    if (req.method !== 'POST') return fail(405, 'method');
    if (!/json/.test(req.headers['content-type'] ?? '')) return fail(415, 'type');
    try { JSON.parse(text); } catch { return fail(400, 'bad'); }
    json(201, { id: 1 });
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
