import http from 'node:http';
// As PHP does: a body with a length above the limit is dropped, one without is cut at the limit, and
// what came is taken for the form.
const LIMIT = 1024 * 1024;
http.createServer((req, res) => {
  const page = (status, body, headers = {}) =>
    res.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', ...headers }).end(body);
  const form = '<!doctype html><form method="post"><input name="name"></form>';
  if (req.method === 'GET') return page(200, form);
  if (Number(req.headers['content-length'] ?? 0) > LIMIT) {
    return page(200, form, { Connection: 'close' });
  }
  let text = '';
  let done = false;
  const answer = () => {
    if (done) return;
    done = true;
    const name = new URLSearchParams(text).get('name');
    if (name) page(302, '', { Location: '/', Connection: 'close' });
    else page(200, form, { Connection: 'close' });
  };
  req.on('data', (part) => {
    text = (text + part).slice(0, LIMIT);
    if (text.length === LIMIT) answer();
  });
  req.on('end', answer);
}).listen(Number(process.argv[2]), '127.0.0.1');
