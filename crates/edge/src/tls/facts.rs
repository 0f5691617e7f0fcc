//! What a certificate says of itself.

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Whom it is for, and for how long.
#[derive(Debug)]
pub(crate) struct Facts {
    /// In small letters; `*.` for any one label.
    pub(crate) names: Vec<String>,
    /// Seconds since 1970.
    pub(crate) begins: i64,
    pub(crate) ends: i64,
}

impl Facts {
    /// Reads them.
    ///
    /// # Errors
    /// Why it is no certificate.
    pub(crate) fn of(der: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
        let alternatives = parsed.subject_alternative_name().map_err(|error| error.to_string())?;
        let names = alternatives.iter().flat_map(|one| &one.value.general_names);
        let names = names.filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        let validity = parsed.validity();
        let (begins, ends) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        Ok(Self { names: names.collect(), begins, ends })
    }
}
