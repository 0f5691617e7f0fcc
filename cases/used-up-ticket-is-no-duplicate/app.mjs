import http from 'node:http';
const open = new Set();
let count = 0;
http.createServer((req, res) => {
  let text = '';
  req.on('data', (part) => { text += part; });
  req.on('end', () => {
    const json = (status, body, headers = {}) => {
      res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
    };
    if (req.method === 'GET' && req.url === '/ticket') {
      count += 1;
      open.add(String(count));
      return json(200, { ticket: String(count) });
    }
    if (req.method === 'GET') return json(200, { ok: true });
    const ticket = req.headers['x-ticket'];
    if (!open.delete(ticket)) return json(403, { code: 'ticket' });
    json(201, { ok: true });
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
