import http from 'node:http';
const names = new Set();
http.createServer((req, res) => {
  let text = '';
  req.on('data', (part) => { text += part; });
  req.on('end', () => {
    const form = new URLSearchParams(text);
    const done = (status, body = '', headers = {}) => {
      res.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', ...headers }).end(body);
    };
    if (req.method === 'GET') return done(200, '<!doctype html><p>hello</p>');
    const name = form.get('name');
    if (name === null || /[^\w-]/.test(name)) return done(400, 'bad name');
    if (names.has(name)) return done(500, 'duplicate');
    names.add(name);
    done(302, '', { Location: '/' });
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
