//! What is kept between two lives of the edge: the account, and the certificate with its key in one
//! file, so that the two are never of different orders. Nobody else may read either.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use instant_acme::AccountCredentials;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

use crate::tls::facts::Facts;

/// The folder.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// The first domain, for the name of the file.
    domain: String,
}

/// The certificate that is there.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) der: Vec<u8>,
    pub(super) facts: Facts,
}

impl Store {
    pub(super) fn open(folder: &Path, domains: &[String]) -> Result<Self, String> {
        let words = |error: std::io::Error| format!("{}: {error}", folder.display());
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(words)?;
        let mode = fs::metadata(folder).map_err(words)?.permissions().mode();
        if mode & 0o022 != 0 {
            return Err(format!(
                "{}: expected a folder that only its owner may write to, found mode {:o}; \
                 chmod 700 it",
                folder.display(),
                mode & 0o777
            ));
        }
        // It may lie in a repository, and is nothing for it.
        let ignored = folder.join(".gitignore");
        if !ignored.exists() {
            fs::write(&ignored, "*\n").map_err(words)?;
        }
        let domain = domains.first().map_or("none", String::as_str).replace('*', "_");
        Ok(Self { folder: folder.to_owned(), domain })
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.domain))
    }

    /// Keeps a certificate and its key.
    pub(super) fn keep(&self, pem: &str) -> Result<(), String> {
        write(&self.file(), pem.as_bytes())
    }

    /// The certificate that is there; none where it cannot be read.
    pub(super) fn present(&self) -> Option<Present> {
        let der = CertificateDer::pem_file_iter(self.file()).ok()?.next()?.ok()?;
        let facts = Facts::of(&der).ok()?;
        Some(Present { der: der.to_vec(), facts })
    }

    /// Each authority has an account of its own.
    fn account_file(&self, directory: &str) -> PathBuf {
        let digest = Sha256::digest(directory.as_bytes());
        let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("account-{short}.json"))
    }

    pub(super) fn account(&self, directory: &str) -> Result<Option<AccountCredentials>, String> {
        let file = self.account_file(directory);
        match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| format!("{}: expected an account: {error}", file.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", file.display())),
        }
    }

    pub(super) fn keep_account(
        &self,
        directory: &str,
        account: &AccountCredentials,
    ) -> Result<(), String> {
        let text = serde_json::to_vec_pretty(account).map_err(|error| error.to_string())?;
        write(&self.account_file(directory), &text)
    }
}

/// Written beside it and put in its place: whoever reads sees the old one or the new one.
fn write(file: &Path, bytes: &[u8]) -> Result<(), String> {
    let beside = file.with_extension("new");
    let writing = || {
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&beside);
        let mut opened = opened?;
        opened.set_permissions(fs::Permissions::from_mode(0o600))?;
        opened.write_all(bytes)?;
        opened.sync_all()?;
        fs::rename(&beside, file)
    };
    writing().map_err(|error| format!("{}: {error}", file.display()))
}

impl Present {
    pub(super) fn is_for(&self, domains: &[String]) -> bool {
        domains.iter().all(|domain| self.facts.names.contains(&domain.to_ascii_lowercase()))
    }

    /// When two thirds of its life are over, about: not all that were ordered together are renewed
    /// together.
    pub(super) fn due(&self) -> i64 {
        let life = (self.facts.ends - self.facts.begins).max(0);
        self.facts.begins + life * 2 / 3 - self.share_of(life / 20)
    }

    /// A part of a span: any one, and always the same for the same certificate.
    pub(super) fn share_of(&self, span: i64) -> i64 {
        let digest = Sha256::digest(&self.der);
        let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        ((i128::from(span) * i128::from(number)) >> 32) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_reads_it_and_what_is_there_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let domains = ["a.example".to_owned(), "b.example".to_owned()];
        let store = Store::open(&folder.path().join("acme"), &domains).expect("made");
        assert!(store.present().is_none());
        let pair = rcgen::generate_simple_self_signed(domains.to_vec()).expect("made");
        let pem = format!("{}{}", pair.signing_key.serialize_pem(), pair.cert.pem());
        store.keep(&pem).expect("kept");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&store.file()), 0o600);
        assert_eq!(mode(&folder.path().join("acme")), 0o700);
        assert!(folder.path().join("acme/.gitignore").exists(), "not for a repository");
        let present = store.present().expect("read");
        assert!(present.is_for(&domains) && !present.is_for(&["c.example".to_owned()]));
        let life = present.facts.ends - present.facts.begins;
        let due = present.due() - present.facts.begins;
        assert!((life * 6 / 10..=life * 2 / 3).contains(&due), "{due} of {life}");
        assert_eq!(present.share_of(1000), present.share_of(1000));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("set");
        let open = Store::open(folder.path(), &domains).expect_err("others may write");
        assert!(open.contains("chmod 700"), "{open}");
    }
}
