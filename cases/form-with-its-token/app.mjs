import http from 'node:http';
import { randomUUID } from 'node:crypto';
const sessions = new Map();
http.createServer((req, res) => {
  let text = '';
  req.on('data', (part) => { text += part; });
  req.on('end', () => {
    const page = (status, body, headers = {}) => {
      res.writeHead(status, {
        'Content-Type': 'text/html; charset=utf-8', 'X-Content-Type-Options': 'nosniff',
        'Content-Security-Policy': "default-src 'self'", ...headers,
      }).end(body);
    };
    const sid = /sid=([\w-]+)/.exec(req.headers.cookie ?? '')?.[1];
    const token = sessions.get(sid);
    const form = new URLSearchParams(text);
    if (req.url === '/') return page(200, '<p>hello</p>');
    if (req.url === '/login' && req.method === 'POST') {
      const id = randomUUID();
      sessions.set(id, randomUUID());
      return page(302, '', { Location: '/notes', 'Set-Cookie': `sid=${id}; Path=/; HttpOnly` });
    }
    if (req.url !== '/notes') return page(404, '<p>not found</p>');
    if (!token) return page(302, '', { Location: '/' });
    if (req.method === 'GET') return page(200, `<form><input name="csrf_token" value="${token}"></form>`);
    if (form.get('csrf_token') !== token) return page(403, '<p>forged</p>');
    page(302, '', { Location: '/notes' });
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
