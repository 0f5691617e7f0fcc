//! Redis or Valkey as the store that several edges share.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use layers::{Pending, SharedScript, SharedStore};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Script};
use std::sync::Arc;

/// So long a request may wait for it.
const WITHIN: Duration = Duration::from_millis(250);
/// After a failure nobody waits for it for so long.
const PAUSE: Duration = Duration::from_secs(1);

/// The store.
pub(crate) struct RedisStore(Arc<Inner>);

struct Inner {
    connection: ConnectionManager,
    say: Box<dyn Fn(&str) + Send + Sync>,
    /// Since when it is away, and until when nobody asks it.
    away: Mutex<Option<Instant>>,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisStore")
    }
}

impl RedisStore {
    /// Connects when it is asked for the first time.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub(crate) fn open(
        url: &str,
        say: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, String> {
        // What it says may show a password.
        let words = |_| "supply.shared.redis: the address cannot be used".to_owned();
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(WITHIN))
            .set_response_timeout(Some(WITHIN))
            .set_number_of_retries(1);
        let client = Client::open(url).map_err(words)?;
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(words)?;
        let (say, away) = (Box::new(say), Mutex::default());
        Ok(Self(Arc::new(Inner { connection, say, away })))
    }
}

impl Inner {
    fn pauses(&self) -> bool {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.is_some_and(|until| Instant::now() < until)
    }

    /// Notes what came of a call, and says when that is another than before.
    fn note<T>(&self, called: &Result<T, String>) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        match called {
            Ok(_) => {
                if away.take().is_some() {
                    (self.say)("the shared store answers again");
                }
            }
            Err(why) => {
                if away.replace(Instant::now() + PAUSE).is_none() {
                    (self.say)(&format!("the shared store is away: {why}"));
                }
            }
        }
    }
}

impl SharedStore for RedisStore {
    fn call(
        &self,
        script: &'static SharedScript,
        keys: Vec<String>,
        arguments: Vec<i64>,
    ) -> Pending<Result<Vec<i64>, String>> {
        if self.0.pauses() {
            return Box::pin(async { Err("it is away".to_owned()) });
        }
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let script = Script::new(script.0);
            let mut call = script.prepare_invoke();
            for key in &keys {
                call.key(key);
            }
            for argument in &arguments {
                call.arg(argument);
            }
            let mut connection = inner.connection.clone();
            let calling = tokio::time::timeout(WITHIN, call.invoke_async(&mut connection));
            let called = match calling.await {
                Ok(told) => told.map_err(|error: redis::RedisError| error.to_string()),
                Err(_) => Err("it did not answer in time".to_owned()),
            };
            inner.note(&called);
            called
        })
    }
}
