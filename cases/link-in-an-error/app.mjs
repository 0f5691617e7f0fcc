import http from 'node:http';

http.createServer((req, res) => {
  let text = '';
  req.on('data', (part) => { text += part; });
  req.on('end', () => {
    const json = (status, body, headers = {}) => {
      res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
    };
    const problem = (status) => json(status, { type: `https://docs.example.com/app/errors/${status}`, status }, { 'Content-Type': 'application/problem+json' });
    if (req.method === 'GET') return req.url === '/' ? json(200, { ok: true }) : problem(404);
    if (req.method !== 'POST') return problem(405);
    if (!/json/.test(req.headers['content-type'] ?? '')) return problem(415);
    try { JSON.parse(text); } catch { return problem(400); }
    json(201, { id: 1 });
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
