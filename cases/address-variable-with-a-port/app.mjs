import http from 'node:http';
const [host, port] = process.env.LISTEN_ADDR.split(':');
http.createServer((req, res) => res.end('ok')).listen(Number(port), host);
