import http from 'node:http';
const LIMIT = 1024 * 1024;
http.createServer((req, res) => {
  let size = 0;
  let text = '';
  let depth = 0;
  let done = false;
  const answer = (status) => {
    if (done) return;
    done = true;
    res.writeHead(status, { 'Content-Type': 'application/json', Connection: 'close' });
    res.end('{}');
    setTimeout(() => req.destroy(), 50);
  };
  if (req.method === 'GET') return answer(200);
  if (req.headers['content-encoding']) return answer(415);
  req.on('data', (part) => {
    if (done) return;
    for (const byte of part) {
      const char = String.fromCharCode(byte);
      size += 1;
      if (size > LIMIT) return answer(413);
      if (/\s/.test(char) && size > 4096) continue;
      text += char;
      if (char === '{' || char === '[') depth += 1;
      if (depth > 100) return answer(400);
      if (char === '}' || char === ']') depth -= 1;
      if (depth === 0 && text.trim() !== '') {
        try { JSON.parse(text); } catch { return answer(400); }
        return answer(201);
      }
    }
  });
  req.on('end', () => answer(400));
  req.on('error', () => {});
}).listen(Number(process.argv[2]), '127.0.0.1');
