import http from 'node:http';
// A page that exists is compared with the time of the edit; what is no time throws.
const pages = new Map();
http.createServer((req, res) => {
  let text = '';
  req.on('data', (part) => { text += part; });
  req.on('end', () => {
    const done = (status, headers = {}) => res.writeHead(status, headers).end();
    if (req.method === 'GET') return done(200);
    const form = new URLSearchParams(text);
    const title = form.get('title') ?? '';
    const time = form.get('edited') ?? '';
    if (title.length > 100 || !title) return done(400);
    if (pages.has(title) && !/^\d{1,12}$/.test(time)) return done(500);
    pages.set(title, time);
    done(302, { Location: '/' });
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
