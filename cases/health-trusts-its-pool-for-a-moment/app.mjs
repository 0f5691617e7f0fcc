import http from 'node:http';
import net from 'node:net';
const [, , port, host, cache] = process.argv;
let lostAt = 0;
const ask = () => new Promise((resolve) => {
  const socket = net.connect(Number(cache), host, () => { socket.write('PING\r\n'); });
  const no = () => { socket.destroy(); resolve(false); };
  const timer = setTimeout(no, 300);
  socket.on('data', () => { clearTimeout(timer); socket.destroy(); resolve(true); });
  socket.on('error', () => { clearTimeout(timer); no(); });
});
http.createServer(async (req, res) => {
  if (req.url !== '/health') return res.writeHead(200).end('ok');
  const there = await ask();
  if (there) lostAt = 0;
  else lostAt = lostAt || Date.now();
  if (lostAt && Date.now() - lostAt > 500) return;
  const body = { status: there ? 'ok' : 'degraded', cache: there, timestamp: new Date().toISOString() };
  res.writeHead(there ? 200 : 503, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}).listen(Number(port), '127.0.0.1');
