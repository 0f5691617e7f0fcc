import http from 'node:http';

http.createServer((req, res) => {
  let text = '';
  req.on('data', (part) => { text += part; });
  req.on('end', () => {
    const json = (status, body, headers = {}) => {
      res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
    };
    if (req.method === 'GET' && req.url === '/') return json(200, { ok: true });
    if (req.method === 'GET') return json(404, { code: 'not_found', message: 'nothing here' });
    try { JSON.parse(text); } catch { return json(400, { code: 'bad', message: 'connect ECONNREFUSED 10.0.3.17:5432' }); }
    json(201, { id: 1 });
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
