import http from 'node:http';
// A token is base64 of JSON: what is none throws, and nobody catches it as a refusal.
http.createServer((req, res) => {
  const done = (status, body) =>
    res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  if (req.url === '/login') {
    return done(200, { token: Buffer.from('{"user":1}').toString('base64url') });
  }
  if (req.url !== '/me') return done(200, {});
  const header = req.headers.authorization;
  if (!header) return done(401, { code: 'unauthenticated' });
  try {
    const { user } = JSON.parse(Buffer.from(header.split(' ')[1], 'base64url'));
    done(200, { user });
  } catch {
    done(500, { code: 'internal' });
  }
}).listen(Number(process.argv[2]), '127.0.0.1');
