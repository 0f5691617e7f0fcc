import http from 'node:http';
http.createServer((req, res) => {
  const { pathname } = new URL(req.url, 'http://localhost');
  if (pathname === '/v1/items' || pathname === '/') {
    return res.writeHead(200, { 'Content-Type': 'application/json' }).end('[]');
  }
  res.writeHead(302, { Location: '/login' }).end();
}).listen(Number(process.argv[2]), '127.0.0.1');
