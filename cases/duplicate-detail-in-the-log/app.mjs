import http from 'node:http';
const known = new Set();
http.createServer((req, res) => {
  let text = '';
  req.on('data', (part) => { text += part; });
  req.on('end', () => {
    const json = (status, body, headers = {}) => {
      res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
    };
    console.log(`${req.method} ${req.url.split('?')[0]}`);
    if (req.method === 'GET') return json(200, { ok: true });
    let email;
    try { email = JSON.parse(text).email; } catch { return json(400, { code: 'bad' }); }
    if (known.has(email)) {
      console.log(`ERROR: duplicate key. Detail: Key (email)=(${email}) already exists.`);
      return json(409, { code: 'exists' });
    }
    known.add(email);
    json(201, { id: known.size });
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
