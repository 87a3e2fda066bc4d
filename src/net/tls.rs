//! The certificate, read again when its files change.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::Tls;

/// How often the certificate's files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is spoken over TLS.
const PROTOCOL: &[u8] = b"http/1.1";

/// A certificate with its key, as of the last look at its files. A clone is the same one.
#[derive(Debug, Clone)]
pub struct Certificate {
    files: Tls,
    config: Arc<ArcSwap<ServerConfig>>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// When they are no certificate and its key.
    pub async fn load(files: Tls) -> anyhow::Result<Self> {
        let config = read(&files).await.with_context(|| {
            format!("the certificate {} with its key {} cannot be used", files.cert.display(), files.key.display())
        })?;
        Ok(Self { files, config: Arc::new(ArcSwap::from_pointee(config)) })
    }

    /// Shakes hands.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        TlsAcceptor::from(self.config.load_full()).accept(stream).await
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
            Ok(config) => {
                self.config.store(Arc::new(config));
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::error!("the new certificate cannot be used ({error:#}); the old one stays"),
        }
    }
}

async fn read(files: &Tls) -> anyhow::Result<ServerConfig> {
    let chain = tokio::fs::read(&files.cert).await?;
    let key = tokio::fs::read(&files.key).await?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

async fn modified(files: &Tls) -> [Option<SystemTime>; 2] {
    let of = async |path: &Path| tokio::fs::metadata(path).await.ok()?.modified().ok();
    [of(&files.cert).await, of(&files.key).await]
}
