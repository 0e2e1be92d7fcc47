//! TLS as Open vSwitch does it: both sides show a certificate, the chain is verified against one CA file, and the
//! host name is not looked at, because `ovs-pki` puts "NAME id:UUID" where it would stand (ovs-pki(8)).

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::{Error as PemError, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{ClientConfig, verify_server_cert_signed_by_trust_anchor};
use tokio_rustls::rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{DigitallySignedStruct, Error as RustlsError, RootCertStore, SignatureScheme};

/// The PEM files that `ovs-vsctl` takes with `--private-key`, `--certificate` and `--ca-cert` (ovs-vsctl(8), "Public
/// Key Infrastructure Options").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Our private key.
    pub private_key: PathBuf,
    /// Our certificate, and those that vouch for it, if any.
    pub certificate: PathBuf,
    /// Who must have signed the server's certificate.
    pub ca_cert: CaCert,
}

/// Who must have signed the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaCert {
    /// The CA certificates in this file.
    File(PathBuf),
    /// The CA certificate in this file. If it does not exist, the server's is believed once and written there: who
    /// stands between us and the server at that moment can fool us from then on.
    Bootstrap(PathBuf),
}

impl CaCert {
    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Bootstrap(path) => path,
        }
    }
}

/// Why there is no TLS connection.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// An `ssl:` endpoint without key and certificates.
    #[error(
        "TLS needs a private key, a certificate and a CA certificate; give --private-key, --certificate and --ca-cert"
    )]
    NotConfigured,
    /// A file cannot be read, or has none of what it should have.
    #[error("cannot read a {what} from {}", path.display())]
    File {
        /// "private key", "certificate" or "CA certificate".
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: PemError,
    },
    /// The key and certificates do not go together, or are of no use.
    #[error("the key or the certificates are of no use")]
    Unusable(#[source] RustlsError),
    /// The handshake failed.
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
    /// The server did not send the CA certificate that was to be written to a file.
    #[error("the server sent no CA certificate to bootstrap from; copy the CA certificate by hand")]
    NothingToBootstrap,
    /// The CA certificate cannot be written.
    #[error("cannot write the CA certificate to {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Shakes hands on `stream` and verifies the server.
pub(super) async fn connect(stream: TcpStream, host: &str, files: &TlsFiles) -> Result<TlsStream<TcpStream>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates("CA certificate", files.ca_cert.path())? {
        roots.add(certificate).map_err(TlsError::Unusable)?;
    }
    handshake(stream, host, configure(files, Trust::Roots(roots))?).await
}

/// The file that [`bootstrap`] must write before [`connect`] can verify anything.
pub(super) fn missing_ca_cert(files: &TlsFiles) -> Option<&Path> {
    match &files.ca_cert {
        CaCert::Bootstrap(path) if !path.exists() => Some(path),
        _ => None,
    }
}

/// Shakes hands on `stream`, believes the CA certificate at the end of the server's chain, and writes it to
/// `path`, which must not exist. The connection itself is not to be trusted, and is closed.
pub(super) async fn bootstrap(stream: TcpStream, host: &str, files: &TlsFiles, path: &Path) -> Result<(), TlsError> {
    let stream = handshake(stream, host, configure(files, Trust::AnyOnce)?).await?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let [end_entity, intermediates @ ..] = chain else { return Err(TlsError::NothingToBootstrap) };
    let ca = intermediates.last().ok_or(TlsError::NothingToBootstrap)?;
    let mut roots = RootCertStore::empty();
    roots.add(ca.clone()).map_err(TlsError::Unusable)?;
    let algorithms = ring::default_provider().signature_verification_algorithms;
    // What `connect` will want to see.
    verify(end_entity, intermediates, &roots, UnixTime::now(), algorithms).map_err(|_| TlsError::NothingToBootstrap)?;
    write_certificate(path, ca).map_err(|source| TlsError::Write { path: path.to_owned(), source })
}

fn configure(files: &TlsFiles, trust: Trust) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Verifier { trust, algorithms: provider.signature_verification_algorithms });
    let certificates = read_certificates("certificate", &files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.private_key).map_err(|source| TlsError::File {
        what: "private key",
        path: files.private_key.clone(),
        source,
    })?;
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.dangerous().with_custom_certificate_verifier(verifier))
        .and_then(|builder| builder.with_client_auth_cert(certificates, key))
        .map_err(TlsError::Unusable)
}

async fn handshake(stream: TcpStream, host: &str, config: ClientConfig) -> Result<TlsStream<TcpStream>, TlsError> {
    // The name only serves a server that listens for several; OVS names need not be DNS names.
    let unnamed = || ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
    let name = ServerName::try_from(host.to_owned()).unwrap_or_else(|_| unnamed());
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(TlsError::Handshake)
}

fn read_certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::File { what, path: path.to_owned(), source };
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<_, _>>).map_err(failed)?;
    if certificates.is_empty() { Err(failed(PemError::NoItemsFound)) } else { Ok(certificates) }
}

fn write_certificate(path: &Path, certificate: &CertificateDer<'_>) -> io::Result<()> {
    const LINE: usize = 64; // RFC 7468 section 2
    let text = base64(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(LINE) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    std::fs::File::create_new(path)?.write_all(pem.as_bytes())
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let sextet = (bits >> (18 - 6 * at)) & 63;
            text.push(if at > group.len() { '=' } else { char::from(ALPHABET[sextet as usize]) });
        }
    }
    text
}

/// Whom to believe.
#[derive(Debug)]
enum Trust {
    /// A chain that ends in one of these, whatever the name.
    Roots(RootCertStore),
    /// Anyone, to see their chain.
    AnyOnce,
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

fn verify(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &RootCertStore,
    now: UnixTime,
    algorithms: WebPkiSupportedAlgorithms,
) -> Result<(), RustlsError> {
    let certificate = ParsedCertificate::try_from(end_entity)?;
    verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms.all)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        if let Trust::Roots(roots) = &self.trust {
            verify(end_entity, intermediates, roots, now, self.algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_rfc_4648_section_10() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read_certificates("CA certificate", Path::new("/nonexistent/ca.pem")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read a CA certificate from /nonexistent/ca.pem");
    }
}
