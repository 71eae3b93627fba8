//! Connections: trusted certificates, no redirects, no retries, proxies only for hosts that are not this machine.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{HttpSettings, pictures::PictureCache};

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file of certificates cannot be used.
    #[error("no certificate can be read from the file: {reason}; expected PEM, file {path:?}")]
    Certificates {
        /// What was found.
        reason: String,
        /// The file.
        path: String,
    },
    /// The client cannot be set up.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// What all models of a node share: trusted certificates and encoded pictures.
#[derive(Clone, Debug)]
pub struct Connector {
    tls: ClientConfig,
    pictures: Arc<PictureCache>,
}

impl Connector {
    /// Trusts the certificates of the system and, if a file is named, those in it (PEM).
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn new(ca_file: Option<&Path>) -> Result<Connector, ConnectError> {
        let mut roots = RootCertStore::empty();
        // A machine without certificates can still talk to servers in its own network without TLS.
        let system = rustls_native_certs::load_native_certs();
        let (n_trusted, _) = roots.add_parsable_certificates(system.certs);
        if n_trusted == 0 {
            tracing::debug!("the system has no trusted certificates");
        }
        if let Some(path) = ca_file {
            add_file(&mut roots, path)?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| ConnectError::Client(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Connector { tls, pictures: Arc::default() })
    }

    /// Pictures that were encoded for any of the models.
    pub fn pictures(&self) -> Arc<PictureCache> {
        self.pictures.clone()
    }

    pub(super) fn client(&self, settings: &HttpSettings) -> Result<reqwest::Client, ConnectError> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("spatialclaw/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.limits.connect);
        if is_own_machine(&settings.base_url) {
            builder = builder.no_proxy();
        }
        builder.build().map_err(|error| ConnectError::Client(error.to_string()))
    }
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), ConnectError> {
    let unreadable = |reason: String| ConnectError::Certificates { reason, path: path.display().to_string() };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?;
    let mut n = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
        n += 1;
    }
    if n == 0 { Err(unreadable("it holds none".to_owned())) } else { Ok(()) }
}

/// Reads the address of a server.
///
/// # Errors
/// What is expected, when it is no plain `http` or `https` address: a key has no place in it, and a path is followed by
/// `/chat/completions`.
pub fn base_url(text: &str) -> Result<reqwest::Url, &'static str> {
    const EXPECTED: &str = "addresses such as http://127.0.0.1:8000/v1, without user, password, query or fragment";
    let url: reqwest::Url = text.parse().map_err(|_| EXPECTED)?;
    let is_plain = ["http", "https"].contains(&url.scheme())
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_plain { Ok(url) } else { Err(EXPECTED) }
}

fn is_own_machine(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
