const Koa = require('koa');
const Router = require('@koa/router');
const { bodyParser } = require('@koa/bodyparser');
const { pool, init } = require('./db');

const app = new Koa();
const router = new Router();

router.get('/health', (ctx) => {
  ctx.body = { status: 'ok' };
});

router.get('/notes', async (ctx) => {
  const { rows } = await pool.query('SELECT id, body, created_at FROM notes ORDER BY id');
  ctx.body = rows;
});

router.post('/notes', async (ctx) => {
  const { body } = ctx.request.body || {};
  if (!body) {
    ctx.status = 400;
    ctx.body = { error: 'body is required' };
    return;
  }
  const { rows } = await pool.query(
    'INSERT INTO notes (body) VALUES ($1) RETURNING id, body, created_at',
    [body]
  );
  ctx.status = 201;
  ctx.body = rows[0];
});

app.use(bodyParser());
app.use(router.routes());
app.use(router.allowedMethods());

const port = process.env.PORT || 3000;

init()
  .then(() => {
    app.listen(port, () => console.log(`Listening on http://localhost:${port}`));
  })
  .catch((err) => {
    console.error('Could not start:', err.message);
    process.exit(1);
  });
