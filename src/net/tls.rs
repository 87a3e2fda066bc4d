//! The certificate, read again when its files change.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rsa::pkcs8::der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use rsa::pkcs8::der::{Decode as _, SliceReader, Tag, Tagged as _};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::Tls;
use crate::domain::moment::Moment;

/// How often the certificate's files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is spoken over TLS.
const PROTOCOL: &[u8] = b"http/1.1";

/// A certificate with its key, as of the last look at its files. A clone is the same one.
#[derive(Debug, Clone)]
pub struct Certificate {
    files: Tls,
    loaded: Arc<ArcSwap<Loaded>>,
}

/// What was read of the files.
#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    expires_at: Option<Moment>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// When they are no certificate and its key.
    pub async fn load(files: Tls) -> anyhow::Result<Self> {
        let loaded = read(&files).await.with_context(|| {
            format!("the certificate {} with its key {} cannot be used", files.cert.display(), files.key.display())
        })?;
        Ok(Self { files, loaded: Arc::new(ArcSwap::from_pointee(loaded)) })
    }

    /// When it expires; None where it does not say so in a way that is understood.
    pub fn expires_at(&self) -> Option<Moment> {
        self.loaded.load().expires_at
    }

    /// Shakes hands.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        TlsAcceptor::from(Arc::clone(&self.loaded.load().config)).accept(stream).await
    }

    /// Reads the files again whenever they change, for ever.
    ///
    /// # Errors
    /// Never.
    pub async fn watch(self) -> Result<(), Infallible> {
        let mut seen = modified(&self.files).await;
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            let now = modified(&self.files).await;
            if now != seen {
                seen = now;
                self.look_again().await;
            }
        }
    }

    async fn look_again(&self) {
        match read(&self.files).await {
            Ok(loaded) => {
                self.loaded.store(Arc::new(loaded));
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::error!("the new certificate cannot be used ({error:#}); the old one stays"),
        }
    }
}

async fn read(files: &Tls) -> anyhow::Result<Loaded> {
    let chain = tokio::fs::read(&files.cert).await?;
    let key = tokio::fs::read(&files.key).await?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&key)?;
    let expires_at = chain.first().and_then(|certificate| expiry(certificate));
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Loaded { config: Arc::new(config), expires_at })
}

/// When a certificate expires: the later time of its validity, which is the fourth member of what is signed after the version
/// (RFC 5280, 4.1).
fn expiry(certificate: &[u8]) -> Option<Moment> {
    let certificate = AnyRef::from_der(certificate).ok()?;
    let signed = members(certificate.value()).next()?;
    let validity = members(signed.value()).filter(|member| !member.tag().is_context_specific()).nth(3)?;
    let ends = members(validity.value()).nth(1)?;
    let since_epoch = match ends.tag() {
        Tag::UtcTime => ends.decode_as::<UtcTime>().ok()?.to_unix_duration(),
        _ => ends.decode_as::<GeneralizedTime>().ok()?.to_unix_duration(),
    };
    Some(Moment::from_micros(0).plus(since_epoch))
}

/// The members of a sequence.
fn members(content: &[u8]) -> impl Iterator<Item = AnyRef<'_>> {
    let mut reader = SliceReader::new(content).ok();
    std::iter::from_fn(move || AnyRef::decode(reader.as_mut()?).ok())
}

async fn modified(files: &Tls) -> [Option<SystemTime>; 2] {
    let of = async |path: &Path| tokio::fs::metadata(path).await.ok()?.modified().ok();
    [of(&files.cert).await, of(&files.key).await]
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// Made by OpenSSL, which says of it: notAfter=Nov 26 13:32:08 2027 GMT.
    const CERTIFICATE: &str = concat!(
        "MIIBfTCCASOgAwIBAgIUObMu66jLshjsblH61rezhqLwkyUwCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTI2",
        "MTEyNjEzMzIwOFoXDTI3MTEyNjEzMzIwOFowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
        "f8nADMpaVfYHkzB4aXKf30AAbeT/4vQhv/osXO7ZFEXAT+vZEFB292rBF11+X9iuLcPLXxsJh+uHyxGyNukJDaNTMFEwHQYDVR0O",
        "BBYEFFSiiy/2SMG5MH1iKDuF8OrRJC3/MB8GA1UdIwQYMBaAFFSiiy/2SMG5MH1iKDuF8OrRJC3/MA8GA1UdEwEB/wQFMAMBAf8w",
        "CgYIKoZIzj0EAwIDSAAwRQIhAP5Xm5elUy8J+xo97w5t3XnTbvcxPjmpFXrSR411ta/TAiAMexyPjruOMmJfy7AUBzPBCM4LPPIy",
        "ElRBVIl/p+/Ndg==",
    );

    #[test]
    fn a_certificate_says_when_it_expires() {
        let mut certificate = STANDARD.decode(CERTIFICATE).unwrap();
        assert_eq!(expiry(&certificate), Some(Moment::from_micros(1_827_235_928_000_000)));
        certificate.truncate(100);
        assert_eq!(expiry(&certificate), None);
    }
}
