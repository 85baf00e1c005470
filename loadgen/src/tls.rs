//! TLS to the server, over a socket that does not block.
//!
//! The handshake is done while the connection is opened; what follows is driven like a plain socket. The driver
//! watches the socket, so what this side has decrypted and not handed over must be asked for at once: see
//! [`TlsStream::holds_more`].

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};

use crate::error::Error;

/// Encrypted bytes that one read takes at most.
const CIPHER_READ: usize = 32 << 10;

/// Whom to trust.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// The operating system's certificate authorities.
    System,
    /// The certificates of a PEM file, and no others.
    File(&'a Path),
    /// Anybody.
    Anybody,
}

/// How to speak TLS to one server.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// TLS to the server named `host` (a name or an address, which its certificate must have).
    pub fn new(host: &str, trust: Trust<'_>) -> Result<Self, Error> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::Usage(format!("--tls: `{host}` is no name that a certificate can have")))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Usage(format!("--tls: {error}")))?;
        let config = match trust {
            Trust::Anybody => builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAll(provider))),
            Trust::System => builder.with_root_certificates(system_roots()?),
            Trust::File(path) => builder.with_root_certificates(roots_of(path)?),
        };
        Ok(Tls { config: Arc::new(config.with_no_client_auth()), name })
    }

    /// Does the handshake over a socket that still blocks; it must have a timeout.
    pub fn handshake(&self, mut tcp: TcpStream) -> io::Result<TlsStream> {
        let mut tls = ClientConnection::new(self.config.clone(), self.name.clone()).map_err(|error| invalid(&error))?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        Ok(TlsStream { tls, tcp, cipher: vec![0; CIPHER_READ].into(), from: 0, to: 0, holds_more: false })
    }
}

fn system_roots() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        return Err(Error::Usage("--tls: this system has no certificate authorities; name a file by --tls-ca".into()));
    }
    Ok(roots)
}

fn roots_of(path: &Path) -> Result<RootCertStore, Error> {
    let refused = |reason: String| Error::Usage(format!("--tls-ca {}: {reason}", path.display()));
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| refused(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| refused(error.to_string()))?;
        roots.add(certificate).map_err(|error| refused(error.to_string()))?;
    }
    if roots.is_empty() { Err(refused("holds no certificate in PEM form".into())) } else { Ok(roots) }
}

fn invalid(error: &rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("TLS: {error}"))
}

/// Takes any certificate; that the server holds its key is still verified.
#[derive(Debug)]
struct AcceptAll(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// An encrypted byte stream.
#[derive(Debug)]
pub struct TlsStream {
    tls: ClientConnection,
    tcp: TcpStream,
    /// Encrypted bytes that were read; `from..to` are not decrypted yet.
    cipher: Box<[u8]>,
    from: usize,
    to: usize,
    holds_more: bool,
}

impl TlsStream {
    /// The socket below.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Whether the last read may have left something that the socket will not tell of.
    pub fn holds_more(&self) -> bool {
        self.holds_more
    }

    /// Whether encrypted bytes wait for room in the socket.
    pub fn wants_write(&self) -> bool {
        self.tls.wants_write()
    }

    /// Writes encrypted bytes until none are left or the socket has no room.
    fn push(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Read for TlsStream {
    /// Reads the socket at most once and gives all that this decrypts, as far as there is room.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (mut got, mut has_read) = (0, false);
        self.holds_more = false;
        loop {
            match self.tls.reader().read(&mut into[got..]) {
                // The server said goodbye.
                Ok(0) if got < into.len() => return Ok(got),
                Ok(read) => got += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if got == into.len() {
                self.holds_more = true;
                return Ok(got);
            }
            if self.from == self.to {
                if got > 0 {
                    return Ok(got);
                }
                if has_read {
                    return Err(ErrorKind::WouldBlock.into());
                }
                (self.from, self.to) = (0, self.tcp.read(&mut self.cipher)?);
                has_read = true;
                if self.to == 0 {
                    return Ok(0);
                }
            }
            let mut rest = &self.cipher[self.from..self.to];
            self.tls.read_tls(&mut rest)?;
            self.from = self.to - rest.len();
            self.tls.process_new_packets().map_err(|error| invalid(&error))?;
            self.push()?;
        }
    }
}

impl Write for TlsStream {
    /// Takes what fits into the encrypted buffer (64 KiB) and writes what the socket takes of it.
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        while taken < from.len() {
            let more = self.tls.writer().write(&from[taken..])?;
            taken += more;
            self.push()?;
            if more == 0 || self.tls.wants_write() {
                break;
            }
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        self.tls.send_close_notify();
        // The server learns of the end by the socket too.
        let _ = self.push();
    }
}
