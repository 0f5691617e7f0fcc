//! Certificates from an authority (ACME, RFC 8555): ordered, kept and renewed in time, while the old
//! one serves. The file that an order leaves is read as those of everybody else are.

mod answers;
mod client;
mod store;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, ExternalAccountKey,
    Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use rustls::pki_types::CertificateDer;
use tokio::sync::Notify;

use self::client::Client;
use self::store::{Present, Store};
use crate::fetch::Web;

pub(crate) use self::answers::{Answers, PROTOCOL};

/// What is asked of an authority.
#[derive(Debug, Clone)]
pub(crate) struct AcmeConfig {
    /// All of them on one certificate.
    pub(crate) domains: Vec<String>,
    /// `mailto:` addresses for the authority.
    pub(crate) contact: Vec<String>,
    /// Where its directory is.
    pub(crate) directory: String,
    /// Where account, key and certificate are kept.
    pub(crate) folder: PathBuf,
    /// How it is shown that the domains are ours.
    pub(crate) challenge: ChallengeType,
    /// The account that it knows already: its name and its key.
    pub(crate) external: Option<(String, Vec<u8>)>,
    /// Another authority's certificate that is trusted when it is asked.
    pub(crate) root: Option<PathBuf>,
}

impl AcmeConfig {
    /// Files are named from the folder of the manifest.
    pub(crate) fn rooted(&mut self, root: &std::path::Path) {
        self.folder = root.join(&self.folder);
        self.root = self.root.as_ref().map(|file| root.join(file));
    }
}

/// Keeps a certificate. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Acme(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: AcmeConfig,
    store: Store,
    answers: Answers,
    problem: Mutex<Option<String>>,
    /// An operator asks for a new one.
    now: Notify,
}

/// How often it is asked whether it is time, at the longest.
const LOOK: Duration = Duration::from_secs(6 * 3600);
/// After a failure, doubled up to an hour: an authority counts failures and closes its door.
const AGAIN: Duration = Duration::from_secs(60);
const LONGEST_AGAIN: Duration = Duration::from_secs(3600);
/// So long an order may take.
const PATIENCE: Duration = Duration::from_secs(90);

impl Acme {
    /// Opens its folder.
    ///
    /// # Errors
    /// When it cannot be made, or others could read what is in it.
    pub(crate) fn open(config: AcmeConfig) -> Result<Self, String> {
        let store = Store::open(&config.folder, &config.domains)?;
        let (answers, problem, now) = (Answers::default(), Mutex::default(), Notify::new());
        Ok(Self(Arc::new(Inner { config, store, answers, problem, now })))
    }

    /// The file with the certificate and its key, which may not be there yet.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.store.file()
    }

    pub(crate) fn answers(&self) -> &Answers {
        &self.0.answers
    }

    /// Why there is no new certificate, if that is so.
    pub(crate) fn problem(&self) -> Option<String> {
        self.0.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Orders a new one now, whether it is time or not.
    pub(crate) fn renew(&self) {
        self.0.now.notify_one();
    }

    /// Looks after the certificate for as long as it is polled.
    pub(crate) async fn keep(self, say: impl Fn(&str)) {
        let (mut failures, mut asked) = (0, false);
        loop {
            let looked = self.look(asked, &say).await;
            let pause = match &looked {
                Ok(pause) => {
                    failures = 0;
                    *pause
                }
                Err(why) => {
                    let doubled = AGAIN * 2_u32.saturating_pow(failures.min(10));
                    failures += 1;
                    let pause = doubled.min(LONGEST_AGAIN).mul_f64(0.8 + 0.4 * fastrand::f64());
                    let domains = self.0.config.domains.join(", ");
                    let meanwhile = match self.0.store.present() {
                        Some(present) if present.facts.ends > now() => "the old one serves",
                        Some(_) => "the old one has expired: clients refuse it",
                        None => "there is none yet: clients cannot connect",
                    };
                    say(&format!(
                        "no certificate for {domains}: {why}; {meanwhile}; trying again in {} s",
                        pause.as_secs()
                    ));
                    pause
                }
            };
            *self.0.problem.lock().unwrap_or_else(PoisonError::into_inner) = looked.err();
            asked = tokio::time::timeout(pause, self.0.now.notified()).await.is_ok();
        }
    }

    /// Orders a certificate if it is time: how long it may be until the next look.
    async fn look(&self, asked: bool, say: &impl Fn(&str)) -> Result<Duration, String> {
        let present = self.0.store.present();
        let present = present.filter(|present| present.is_for(&self.0.config.domains));
        let account = self.account().await;
        if let Some(present) = present.as_ref().filter(|_| !asked) {
            let advised = match &account {
                Ok(account) => advice(account, present).await,
                Err(_) => None,
            };
            let due = advised.unwrap_or_else(|| present.due());
            if let Some(left) = due.checked_sub(now()).filter(|left| *left > 0) {
                return Ok(Duration::from_secs(left.unsigned_abs()).min(LOOK));
            }
        }
        let account = account?;
        let ordering = self.order(&account, present.as_ref());
        let ordered = tokio::time::timeout(PATIENCE, ordering).await;
        self.0.answers.forget();
        let pem = ordered.unwrap_or_else(|_| Err("the order was not ended in time".to_owned()))?;
        self.0.store.keep(&pem)?;
        say(&format!("a certificate for {} was issued", self.0.config.domains.join(", ")));
        Ok(LOOK)
    }

    /// The account with the authority, made at the first time.
    async fn account(&self) -> Result<Account, String> {
        let config = &self.0.config;
        let web = Web::trusting(config.root.as_deref())?;
        let builder = || Account::builder_with_http(Box::new(Client(web.clone())));
        let words = |error: instant_acme::Error| match error {
            instant_acme::Error::Api(problem) => format!("the authority says: {problem}"),
            other => format!("the authority cannot be spoken to: {}", told(&other)),
        };
        if let Some(known) = self.0.store.account(&config.directory)? {
            return builder().from_credentials(known).await.map_err(words);
        }
        let contact: Vec<&str> = config.contact.iter().map(String::as_str).collect();
        let wanted = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let external = config.external.as_ref();
        let external = external.map(|(id, key)| ExternalAccountKey::new(id.clone(), key));
        let directory = config.directory.clone();
        let created = builder().create(&wanted, directory, external.as_ref()).await;
        let (account, credentials) = created.map_err(words)?;
        self.0.store.keep_account(&config.directory, &credentials)?;
        Ok(account)
    }

    /// Orders one: the key and the chain, as PEM.
    async fn order(&self, account: &Account, old: Option<&Present>) -> Result<String, String> {
        let words = |error: instant_acme::Error| match error {
            instant_acme::Error::Api(problem) => format!("the authority says: {problem}"),
            other => told(&other),
        };
        let config = &self.0.config;
        let names: Vec<_> = config.domains.iter().cloned().map(Identifier::Dns).collect();
        let mut wanted = NewOrder::new(&names);
        let der = old.map(|old| CertificateDer::from(old.der.clone()));
        if let Some(old) = der.as_ref().and_then(|der| CertificateIdentifier::try_from(der).ok()) {
            wanted = wanted.replaces(old);
        }
        let ordered = account.new_order(&wanted).await;
        // An authority that knows no renewal information refuses what it does not know.
        let mut order = match (ordered, old) {
            (Err(_), Some(_)) => account.new_order(&NewOrder::new(&names)).await.map_err(words)?,
            (ordered, _) => ordered.map_err(words)?,
        };
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(words)?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let name = authorization.identifier().to_string();
            let kind = config.challenge.clone();
            let challenge = authorization.challenge(kind);
            let mut challenge = challenge.ok_or_else(|| {
                format!("the authority offers no {:?} for {name}", config.challenge)
            })?;
            self.0.answers.prepare(&name, &challenge)?;
            challenge.set_ready().await.map_err(words)?;
        }
        let patient = RetryPolicy::default().timeout(PATIENCE);
        match order.poll_ready(&patient).await.map_err(words)? {
            OrderStatus::Ready => {}
            _ => return Err(self.refused(&mut order).await),
        }
        let key = order.finalize().await.map_err(words)?;
        let chain = order.poll_certificate(&patient).await.map_err(words)?;
        Ok(format!("{key}{chain}"))
    }

    /// What the authority did not like.
    async fn refused(&self, order: &mut instant_acme::Order) -> String {
        let mut authorizations = order.authorizations();
        while let Some(Ok(authorization)) = authorizations.next().await {
            let errors = authorization.challenges.iter().filter_map(|one| one.error.as_ref());
            if let Some(problem) = errors.into_iter().next() {
                return format!(
                    "the authority did not find the answer for {}: {problem}",
                    authorization.identifier()
                );
            }
        }
        "the authority refused the order".to_owned()
    }
}

/// An error with everything that led to it.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(&format!(": {source}"));
        next = source.source();
    }
    text
}

/// When the authority advises to renew (RFC 9773): a moment within its window, always the same for
/// the same certificate.
async fn advice(account: &Account, present: &Present) -> Option<i64> {
    let der = CertificateDer::from(present.der.clone());
    let id = CertificateIdentifier::try_from(&der).ok()?;
    let (information, _) = account.renewal_info(&id).await.ok()?;
    let window = information.suggested_window;
    let (start, end) = (window.start.unix_timestamp(), window.end.unix_timestamp());
    Some(start + present.share_of((end - start).max(0)))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
