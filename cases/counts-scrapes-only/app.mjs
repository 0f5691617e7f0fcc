import http from 'node:http';
let scrapes = 0;
http.createServer((req, res) => {
  let text = '';
  req.on('data', (part) => { text += part; });
  req.on('end', () => {
    const json = (status, body, headers = {}) => {
      res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
    };
    if (req.url !== '/metrics') return json(req.url === '/' ? 200 : 404, { ok: true });
    scrapes += 1;
    const lines = [`promhttp_metric_handler_requests_total{code="200"} ${scrapes}`, `go_gc_duration_seconds_sum ${scrapes}`];
    res.writeHead(200, { 'Content-Type': 'text/plain' }).end(`${lines.join('\n')}\n`);
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
