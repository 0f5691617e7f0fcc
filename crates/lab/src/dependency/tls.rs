//! Certificates for dependencies that speak TLS: an authority of the lab's own, made anew for each.

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use process::User;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// Where the files are.
#[derive(Debug, Clone)]
pub(super) struct Files {
    /// The certificate of the authority, for those who verify.
    pub(super) authority: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// Writes an authority and a certificate for `localhost` and `127.0.0.1`; the key is for `owner`
/// alone.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(folder: &Path, owner: Option<User>) -> io::Result<Files> {
    let made = |error: rcgen::Error| io::Error::other(error.to_string());
    let mut authority = CertificateParams::new(Vec::new()).map_err(made)?;
    // Another name than the certificate's: who issues for itself is taken for self-signed.
    authority.distinguished_name.push(DnType::CommonName, "the lab of seaworthy");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().map_err(made)?)
        .map_err(made)?;
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let key = KeyPair::generate().map_err(made)?;
    let certificate = CertificateParams::new(names).map_err(made)?;
    let certificate = certificate.signed_by(&key, &authority).map_err(made)?;
    let files = Files {
        authority: folder.join("ca.crt"),
        certificate: folder.join("server.crt"),
        key: folder.join("server.key"),
    };
    // Whoever verifies runs as another user than the server.
    fs::write(&files.authority, authority.pem())?;
    for (path, text) in [(&files.certificate, certificate.pem()), (&files.key, key.serialize_pem())]
    {
        let mut options = fs::OpenOptions::new();
        let mut file = options.create(true).truncate(true).write(true).mode(0o600).open(path)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        if let Some(owner) = owner {
            chown(path, Some(owner.uid), Some(owner.gid))?;
        }
    }
    Ok(files)
}
