import http from 'node:http';
http.createServer(async (req, res) => {
  const done = (status, body) => res.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
  if (req.method === 'GET') return done(200, '{}');
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const headers = { 'Content-Type': req.headers['content-type'] ?? '' };
  let form;
  try {
    form = await new Response(Buffer.concat(chunks), { headers }).formData();
  } catch {
    return done(400, '{"code":"bad_form"}');
  }
  if (String(form.get('title')).includes('\0')) return done(500, '{"code":"internal"}');
  done(201, '{"id":1}');
}).listen(Number(process.argv[2]), '127.0.0.1');
