//! The client over TCP and TLS against a real ovsdb-server, with keys and certificates of ovs-pki.

#![allow(clippy::unwrap_used, reason = "clippy knows only functions marked as tests as such")]

#[path = "common/ovsdb.rs"]
mod common;

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use common::{Directory, Server, run};
use ovsns::ovsdb::client::{Client, Options};
use ovsns::ovsdb::endpoint::Endpoints;
use ovsns::ovsdb::error::{ClientError, ConnectCause, ConnectError};
use ovsns::ovsdb::operation::Select;
use ovsns::ovsdb::tls::{CaCert, TlsError, TlsFiles};
use ovsns::ovsdb::transport::Fault;

/// A public key infrastructure with a certificate for a server and one for a client.
struct Pki(PathBuf);

/// Making keys takes seconds, so each is made once, and kept from run to run.
static PKIS: [LazyLock<Pki>; 2] = [LazyLock::new(|| Pki::kept("pki-one")), LazyLock::new(|| Pki::kept("pki-two"))];

impl Pki {
    fn kept(name: &str) -> Self {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if !kept.exists() {
            let new = kept.with_extension(std::process::id().to_string());
            std::fs::create_dir_all(&new).unwrap();
            let pki = Self(new);
            pki.run(&["init"]);
            pki.run(&["req+sign", "server", "controller"]);
            pki.run(&["req+sign", "client", "switch"]);
            std::fs::rename(&pki.0, &kept).unwrap();
        }
        Self(kept)
    }

    fn run(&self, arguments: &[&str]) {
        let (dir, log) = (self.path("pki"), self.path("pki.log"));
        let mut command = Command::new("ovs-pki");
        command.arg(format!("--dir={}", dir.display())).arg(format!("--log={}", log.display()));
        run(command.args(["--batch", "--force"]).args(arguments).current_dir(&self.0));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A server that listens on TLS, with more arguments.
    fn server(&self, arguments: &[&str]) -> Server {
        let file = |option: &str, name: &str| format!("--{option}={}", self.path(name).display());
        let files = [
            file("private-key", "server-privkey.pem"),
            file("certificate", "server-cert.pem"),
            file("ca-cert", "pki/switchca/cacert.pem"),
        ];
        let mut all = vec!["--remote=pssl:0:127.0.0.1"];
        all.extend(files.iter().map(String::as_str));
        all.extend(arguments);
        Server::start_with(&all)
    }

    /// The TLS version that OpenSSL agrees on with the server, which is the highest that both have.
    fn best_version(&self, server: &Server) -> String {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &format!("127.0.0.1:{}", server.port())]);
        command.arg("-cert").arg(self.path("client-cert.pem")).arg("-key").arg(self.path("client-privkey.pem"));
        let output = String::from_utf8(run(command.stdin(Stdio::null())).stdout).unwrap();
        let line = output.lines().find_map(|line| line.strip_prefix("New, "));
        line.and_then(|line| line.split(',').next()).unwrap_or_else(|| panic!("{output}")).to_owned()
    }

    fn files(&self) -> TlsFiles {
        TlsFiles {
            private_key: self.path("client-privkey.pem"),
            certificate: self.path("client-cert.pem"),
            ca_cert: CaCert::File(self.path("pki/controllerca/cacert.pem")),
        }
    }
}

async fn connect(server: &Server, tls: Option<TlsFiles>) -> Result<Client, ConnectError> {
    let endpoints: Endpoints = format!("ssl:127.0.0.1:{}", server.port()).parse().unwrap();
    Client::connect(&endpoints, &Options { tls, ..Options::default() }).await
}

async fn works(client: &Client) {
    let results = client.transact("Open_vSwitch", &[Select::from_table("Bridge").into()]).await.unwrap();
    assert_eq!(results[0].rows(), Some(&[][..]));
}

fn tls_error(error: &ConnectError) -> &TlsError {
    match &error.attempts[0].cause {
        ConnectCause::Tls(error) => error,
        cause => panic!("{cause:?}"),
    }
}

#[tokio::test]
async fn tcp_over_ipv4_and_ipv6() {
    for (listen, host) in [("ptcp:0:127.0.0.1", "127.0.0.1"), ("ptcp:0:[::1]", "[::1]"), ("ptcp:0", "localhost")] {
        let server = Server::start_with(&[&format!("--remote={listen}")]);
        let endpoints: Endpoints = format!("tcp:{host}:{}", server.port()).parse().unwrap();
        works(&Client::connect(&endpoints, &Options::default()).await.unwrap()).await;
    }
}

#[tokio::test]
async fn tls_of_both_versions() {
    let pki = &PKIS[0];
    for (protocols, version) in [(&[][..], "TLSv1.3"), (&["--ssl-protocols=TLSv1.2"], "TLSv1.2")] {
        let server = pki.server(protocols);
        assert_eq!(pki.best_version(&server), version);
        let client = connect(&server, Some(pki.files())).await.unwrap();
        works(&client).await;
        // Larger than a TLS record, there and back.
        let large = serde_json::json!("x".repeat(1 << 20));
        assert_eq!(client.echo(std::slice::from_ref(&large)).await.unwrap()[0], large);
    }
}

#[tokio::test]
async fn the_end_of_a_tls_server_is_the_end_of_the_connection() {
    let pki = &PKIS[0];
    let mut server = pki.server(&[]);
    let client = connect(&server, Some(pki.files())).await.unwrap();
    works(&client).await;
    server.stop();
    let error = client.list_dbs().await.unwrap_err();
    assert!(matches!(&error, ClientError::Lost { source: Fault::Closed, .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_of_another_ca_is_refused() {
    let [pki, other] = &PKIS;
    let server = pki.server(&[]);
    let files = TlsFiles { ca_cert: other.files().ca_cert, ..pki.files() };
    let error = connect(&server, Some(files)).await.unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "the TLS handshake failed");
    let cause = tls_error(&error).source().unwrap().to_string();
    assert!(cause.contains("UnknownIssuer") || cause.contains("BadSignature"), "{cause}");
}

#[tokio::test]
async fn a_client_of_another_ca_is_refused() {
    let [pki, other] = &PKIS;
    let server = pki.server(&[]);
    let files = TlsFiles { ca_cert: pki.files().ca_cert, ..other.files() };
    // TLS 1.3 tells a client that it is refused only after the handshake.
    match connect(&server, Some(files)).await {
        Err(error) => assert!(matches!(tls_error(&error), TlsError::Handshake(_)), "{error:?}"),
        Ok(client) => assert!(client.list_dbs().await.unwrap_err().is_disconnect()),
    }
}

#[tokio::test]
async fn a_ca_certificate_is_believed_once() {
    let pki = &PKIS[0];
    let server = pki.server(&[&format!("--peer-ca-cert={}", pki.path("pki/controllerca/cacert.pem").display())]);
    let directory = Directory::new();
    let path = directory.join("learned.pem");
    let files = TlsFiles { ca_cert: CaCert::Bootstrap(path.clone()), ..pki.files() };
    works(&connect(&server, Some(files.clone())).await.unwrap()).await;
    let text = |path| run(Command::new("openssl").args(["x509", "-outform", "DER", "-in"]).arg(path)).stdout;
    assert_eq!(text(path), text(pki.path("pki/controllerca/cacert.pem")));
    // From now on only this CA is believed.
    works(&connect(&server, Some(files.clone())).await.unwrap()).await;
    let other = &PKIS[1];
    let impostor = other.server(&[]);
    assert!(matches!(tls_error(&connect(&impostor, Some(files)).await.unwrap_err()), TlsError::Handshake(_)));
}

#[tokio::test]
async fn a_server_that_sends_no_ca_certificate_cannot_be_bootstrapped_from() {
    let pki = &PKIS[0];
    let server = pki.server(&[]);
    let directory = Directory::new();
    let path = directory.join("learned.pem");
    let files = TlsFiles { ca_cert: CaCert::Bootstrap(path.clone()), ..pki.files() };
    let error = connect(&server, Some(files)).await.unwrap_err();
    assert!(matches!(tls_error(&error), TlsError::NothingToBootstrap), "{error:?}");
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let pki = &PKIS[0];
    let server = pki.server(&[]);
    let error = connect(&server, None).await.unwrap_err();
    let words =
        "TLS needs a private key, a certificate and a CA certificate; give --private-key, --certificate and --ca-cert";
    assert_eq!(error.source().unwrap().to_string(), words);
    for what in ["private key", "certificate", "CA certificate"] {
        let (mut files, path) = (pki.files(), PathBuf::from("/nonexistent/x.pem"));
        match what {
            "private key" => files.private_key = path,
            "certificate" => files.certificate = path,
            _ => files.ca_cert = CaCert::File(path),
        }
        let error = connect(&server, Some(files)).await.unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), format!("cannot read a {what} from /nonexistent/x.pem"));
    }
    // A key in place of a certificate.
    let files = TlsFiles { certificate: pki.path("client-privkey.pem"), ..pki.files() };
    let error = connect(&server, Some(files)).await.unwrap_err();
    assert!(matches!(tls_error(&error), TlsError::File { what: "certificate", .. }), "{error:?}");
}
