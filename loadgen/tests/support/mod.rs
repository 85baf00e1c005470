//! Runs the program, and starts the servers that it is tried on.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// A server that does not listen after this long will not.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Another program may take the port between the look and the start.
const STARTS_MAX: usize = 5;

/// A server to try the program on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ringcached,
    Memcached,
    Redis,
}

/// A running server; it ends with its value.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts a fresh server, with TLS if asked for; `None` if this machine has no such program.
    pub fn start(kind: Kind, tls: bool) -> Option<Server> {
        if !kind.is_there() {
            return None;
        }
        for _ in 0..STARTS_MAX {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let mut child = kind.command(port, tls).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let begun = Instant::now();
            loop {
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                if TcpStream::connect(address).is_ok() {
                    return Some(Server { address, child });
                }
                assert!(begun.elapsed() < READY_WITHIN, "{kind:?} does not listen");
                thread::sleep(Duration::from_millis(5));
            }
        }
        panic!("{kind:?} ended {STARTS_MAX} times before it listened");
    }
}

impl Kind {
    fn program(self) -> PathBuf {
        match self {
            Kind::Ringcached => Path::new(env!("CARGO_BIN_EXE_ringload")).with_file_name("ringcached"),
            Kind::Memcached => "memcached".into(),
            Kind::Redis => "redis-server".into(),
        }
    }

    fn is_there(self) -> bool {
        let found = Command::new(self.program()).arg("--version").stdout(Stdio::null()).status().is_ok();
        if !found {
            let required = std::env::var_os("RINGCACHED_REQUIRE_CLIENTS").is_some();
            assert!(!required, "{:?} is required and {} does not start", self, self.program().display());
            eprintln!("NOT TRIED: {self:?}, for {} does not start", self.program().display());
        }
        found
    }

    fn command(self, port: u16, tls: bool) -> Command {
        let (certificate, key) = (tls_file("server.pem"), tls_file("server-key.pem"));
        let mut command = Command::new(self.program());
        match self {
            Kind::Ringcached => {
                assert!(!tls);
                command.args(["-l", "127.0.0.1", "-U", "0", "-m", "256", "-p", &port.to_string()]);
            }
            Kind::Memcached => {
                // As root it wants to know whom to become.
                command.args(["-l", "127.0.0.1", "-U", "0", "-m", "256", "-u", "nobody", "-p", &port.to_string()]);
                if tls {
                    command.arg("-Z").arg("-o").arg(format!(
                        "ssl_chain_cert={},ssl_key={}",
                        certificate.display(),
                        key.display()
                    ));
                }
            }
            Kind::Redis => {
                command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
                command.args(["--dir", std::env::temp_dir().to_str().unwrap()]);
                let port = port.to_string();
                if tls {
                    command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
                    command.arg("--tls-cert-file").arg(certificate).arg("--tls-key-file").arg(key);
                    command.arg("--tls-ca-cert-file").arg(tls_file("ca.pem"));
                } else {
                    command.args(["--port", &port]);
                }
            }
        }
        command
    }
}

/// A certificate or key for tests.
pub fn tls_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// A file name that nobody else has.
pub fn temporary(kind: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("ringload-servers-{}-{number}.{kind}", std::process::id()))
}

/// Runs the program in the repository's root; gives whether it succeeded, its results, and what it said.
pub fn ringload(line: &str) -> (bool, Value, String) {
    let json = temporary("json");
    let output = Command::new(env!("CARGO_BIN_EXE_ringload"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(line.split_whitespace())
        .arg("--json")
        .arg(&json)
        .output()
        .unwrap();
    let results = std::fs::read(&json).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let _ = std::fs::remove_file(&json);
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), results.unwrap_or(Value::Null), String::from_utf8_lossy(&said).into_owned())
}
