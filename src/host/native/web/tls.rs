//! Certificates, keys and who must show one.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::engine::Config;
use crate::engine::config::AuthClients;

/// Reads the files that the configuration names; says what is wrong with them otherwise.
pub fn acceptor(config: &Config) -> Result<TlsAcceptor, String> {
    if config.tls_cert_file.is_empty() {
        return Err("No tls-cert-file configured!".into());
    }
    if config.tls_key_file.is_empty() {
        return Err("No tls-key-file configured!".into());
    }
    let chain = certificates(&config.tls_cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&config.tls_key_file)
        .map_err(|error| format!("Failed to load private key: {}: {error}", config.tls_key_file))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match verifier(config)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let server = builder
        .with_single_cert(chain, key)
        .map_err(|error| format!("Failed to load certificate: {}: {error}", config.tls_cert_file))?;
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error| format!("Failed to load certificate: {path}: {error}");
    let certificates = CertificateDer::pem_file_iter(path).map_err(failed)?;
    certificates.collect::<Result<_, _>>().map_err(failed)
}

/// Returns what checks the certificates of clients, if they are asked for one.
fn verifier(config: &Config) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
    if config.tls_auth_clients == AuthClients::No {
        return Ok(None);
    }
    let path = &config.tls_ca_cert_file;
    if path.is_empty() {
        return Err("tls-ca-cert-file must be specified when tls-auth-clients is enabled!".into());
    }
    let failed = |why: String| format!("Failed to configure CA certificate(s) file: {path}: {why}");
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    let provider = Arc::new(ring::default_provider());
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if config.tls_auth_clients == AuthClients::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map(Some).map_err(|error| failed(error.to_string()))
}
