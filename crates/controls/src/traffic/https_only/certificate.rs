//! How long a certificate is valid.

use x509_parser::prelude::{FromDer, X509Certificate};

/// The second (Unix time) after which it is not valid any more.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn not_after(der: &[u8]) -> Result<i64, String> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
    Ok(certificate.validity().not_after.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_found() {
        let mut parameters =
            rcgen::CertificateParams::new(vec!["a.example".to_owned()]).expect("the name is good");
        parameters.not_after = rcgen::date_time_ymd(2031, 5, 4);
        let key = rcgen::KeyPair::generate().expect("there is a key");
        let certificate = parameters.self_signed(&key).expect("it is signed");
        assert_eq!(not_after(certificate.der()), Ok(1_935_619_200));
        assert!(not_after(b"no certificate").is_err());
        assert!(not_after(&certificate.der()[..40]).is_err());
    }
}
