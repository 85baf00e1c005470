//! Real clients, end to end. One that is not installed is skipped by name, or missed aloud when
//! `RINGCACHED_REQUIRE_CLIENTS` is set, as it is in CI. Each has a session in its own language beside this file.

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Address, Process, Server, Shape, each_server, free_port, fresh_path};

/// A client's whole session may take this long.
const SESSION_MAX: Duration = Duration::from_secs(60);

/// What a session exits with when the installed client is too old for what is asked of it.
const TOO_OLD: i32 = 3;

fn missing(client: &str, shape: &str) {
    assert!(std::env::var_os("RINGCACHED_REQUIRE_CLIENTS").is_none(), "{client} is required and not installed");
    println!("skipped: {client}, {shape} (not installed)");
}

/// Runs a client to its end; it must succeed. False if it is too old.
fn succeed(client: &str, shape: &str, server: &Server, command: &mut Command) -> bool {
    let mut process = Process::start(command).unwrap_or_else(|e| panic!("[{shape}] {client}: {e}"));
    let status = process.wait(SESSION_MAX);
    if status.is_some_and(|status| status.code() == Some(TOO_OLD)) {
        println!("skipped: {client}, {shape} ({})", process.said().trim());
        return false;
    }
    let good = status.is_some_and(|status| status.success());
    assert!(good, "[{shape}] {client}: {status:?}: {}; the server said: {}", process.said(), server.said());
    true
}

/// Whether a command runs, and so the client it asks for is installed.
fn runs(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn session(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(file)
}

fn python() -> String {
    std::env::var("RINGCACHED_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Runs a session of an interpreter on a server of every shape that listens on TCP.
fn over_tcp(client: &str, interpreter: &str, probe: &[&str], file: &str, arguments: &[&str]) {
    each_server(|shape, server| {
        if !runs(Command::new(interpreter).args(probe)) {
            return missing(client, shape);
        }
        let Address::Tcp(address) = server.address() else {
            println!("skipped: {client}, {shape} (its session speaks TCP only)");
            return;
        };
        succeed(client, shape, server, Command::new(interpreter).arg(session(file)).arg(address).args(arguments));
    });
}

#[test]
fn pylibmc_runs_a_session_in_binary_and_text() {
    over_tcp("pylibmc", &python(), &["-c", "import pylibmc"], "pylibmc_session.py", &[]);
}

#[test]
fn python_binary_memcached_runs_a_session() {
    over_tcp("python-binary-memcached", &python(), &["-c", "import bmemcached"], "bmemcached_session.py", &[]);
}

#[test]
fn dalli_runs_a_session_in_binary() {
    over_tcp("dalli", "ruby", &["-e", "require 'dalli'"], "dalli_session.rb", &["binary"]);
}

#[test]
fn dalli_runs_a_session_in_meta() {
    over_tcp("dalli with meta", "ruby", &["-e", "require 'dalli'"], "dalli_session.rb", &["meta"]);
}

#[test]
fn php_memcached_runs_a_session_in_text_and_binary() {
    let probe = ["-r", "exit(class_exists('Memcached') ? 0 : 1);"];
    over_tcp("php-memcached", "php", &probe, "php_session.php", &["text"]);
    over_tcp("php-memcached", "php", &probe, "php_session.php", &["binary"]);
}

/// Runs one of libmemcached's tools, its words to standard error, where they reach a failure message.
fn tool(name: &str, arguments: impl Fn(&str, &str) -> Vec<String>, after: impl Fn(&str, &Server, &str)) {
    each_server(|shape, server| {
        if !runs(Command::new(name).arg("--help")) && !runs(Command::new("sh").args(["-c", "command -v \"$0\"", name]))
        {
            return missing(name, shape);
        }
        let Address::Tcp(address) = server.address() else {
            println!("skipped: {name}, {shape} (it speaks TCP only)");
            return;
        };
        let (host, port) = address.rsplit_once(':').expect("host:port");
        server.connect().set("dumped", b"value");
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 1>&2", name]).args(arguments(host, port));
        let mut process = Process::start(&mut command).unwrap_or_else(|e| panic!("[{shape}] {name}: {e}"));
        let status = process.wait(SESSION_MAX);
        let good = status.is_some_and(|status| status.success());
        assert!(good, "[{shape}] {name}: {status:?}: {}; the server said: {}", process.said(), server.said());
        after(shape, server, &process.said());
    });
}

#[test]
fn memccapable_finds_the_text_protocol_complete() {
    tool("memccapable", |host, port| ["-h", host, "-p", port, "-a"].map(str::to_owned).to_vec(), |_, _, _| {});
}

#[test]
fn memccapable_finds_the_binary_protocol_complete() {
    tool("memccapable", |host, port| ["-h", host, "-p", port, "-b"].map(str::to_owned).to_vec(), |_, _, _| {});
}

#[test]
fn memcstat_shows_the_statistics() {
    let arguments = |host: &str, port: &str| vec![format!("--servers={host}:{port}")];
    tool("memcstat", arguments, |shape, _, said| assert!(said.contains("curr_items:"), "[{shape}] {said}"));
    let binary = |host: &str, port: &str| vec![format!("--servers={host}:{port}"), "--binary".to_owned()];
    tool("memcstat", binary, |shape, _, said| assert!(said.contains("curr_items:"), "[{shape}] {said}"));
}

#[test]
fn memcdump_lists_the_keys() {
    let arguments = |host: &str, port: &str| vec![format!("--servers={host}:{port}")];
    tool("memcdump", arguments, |shape, _, said| {
        assert!(said.lines().any(|line| line == "dumped"), "[{shape}] {said}");
    });
}

/// nutcracker, also called twemproxy, spreads keys over two servers and speaks text with both.
#[test]
fn nutcracker_in_front_of_two_servers_serves_a_session() {
    let python = python();
    if !runs(Command::new("nutcracker").arg("--version"))
        || !runs(Command::new(&python).args(["-c", "import pymemcache"]))
    {
        return missing("nutcracker with pymemcache", "two servers");
    }
    let shapes = if Shape::TwoShards.impossible().is_none() { Shape::TwoShards } else { Shape::OneShard };
    let servers = [Server::start(Shape::OneShard, &[]), Server::start(shapes, &[])];
    let ports = servers.each_ref().map(|server| match server {
        Server::Own { port, .. } => *port,
        Server::External(_) => unreachable!("started here"),
    });
    let (listen, stats) = (free_port(), free_port());
    let conf = fresh_path(".yml");
    let text = format!(
        "pool:\n  listen: 127.0.0.1:{listen}\n  hash: md5\n  distribution: modula\n  timeout: 10000\n  \
         servers:\n   - 127.0.0.1:{}:1\n   - 127.0.0.1:{}:1\n",
        ports[0], ports[1]
    );
    std::fs::write(&conf, text).expect("a configuration file");
    let mut proxy = Command::new("nutcracker");
    proxy.arg("-c").arg(&conf).args(["-s", &stats.to_string(), "-m", "16384"]);
    let proxy = Server::run_without_version(&mut proxy, listen).unwrap_or_else(|why| panic!("nutcracker: {why}"));
    let address = format!("127.0.0.1:{listen}");
    succeed("nutcracker", "two servers", &proxy, Command::new(&python).arg(session("proxied_session.py")).arg(address));
    std::fs::remove_file(&conf).expect("the configuration file");
    for server in &servers {
        let written: u64 = server.stat("cmd_set").expect("cmd_set").parse().expect("a number");
        assert!(written > 50, "one of the two servers got {written} stores of 300");
    }
}

#[test]
fn pymemcache_runs_a_session() {
    let python = python();
    each_server(|shape, server| {
        if !runs(Command::new(&python).args(["-c", "import pymemcache"])) {
            return missing("pymemcache", shape);
        }
        let address = match server.address() {
            Address::Tcp(address) => address.clone(),
            Address::Unix(path) => format!("unix:{}", path.display()),
        };
        succeed("pymemcache", shape, server, Command::new(&python).arg(session("pymemcache_session.py")).arg(&address));
    });
}

#[test]
fn the_rust_memcache_crate_runs_a_session_in_text_and_binary() {
    each_server(|shape, server| {
        for protocol in ["ascii", "binary"] {
            let url = match server.address() {
                Address::Tcp(address) => format!("memcache://{address}?protocol={protocol}&timeout=10"),
                Address::Unix(path) => format!("memcache://{}?protocol={protocol}&timeout=10", path.display()),
            };
            if let Err(why) = rust_session(&url) {
                panic!("[{shape}, {protocol}] {why}; the server said: {}", server.said());
            }
        }
    });
}

fn rust_session(url: &str) -> Result<(), memcache::MemcacheError> {
    let client = memcache::connect(url)?;
    client.flush()?;
    for (_, version) in client.version()? {
        assert!(version.starts_with("1.6."), "version {version}");
    }
    client.set("a", "1", 0)?;
    assert_eq!(client.get::<String>("a")?.as_deref(), Some("1"));
    assert_eq!(client.get::<String>("missing")?, None);
    // The crate does not tell whether an add was stored.
    let _ = client.add("a", "2", 0);
    assert_eq!(client.get::<String>("a")?.as_deref(), Some("1"));
    client.replace("a", "5", 0)?;
    assert_eq!(client.increment("a", 5)?, 10);
    assert_eq!(client.decrement("a", 100)?, 0);
    client.set("text", "b", 0)?;
    client.append("text", "c")?;
    client.prepend("text", "a")?;
    assert_eq!(client.get::<String>("text")?.as_deref(), Some("abc"));
    assert!(client.touch("text", 100)?);
    assert!(!client.touch("missing", 100)?);

    let (_, _, cas) = client.get::<(Vec<u8>, u32, Option<u64>)>("text")?.expect("the text");
    if let Some(cas) = cas {
        assert!(client.cas("text", "new", 0, cas)?, "cas with the current number");
        assert!(!client.cas("text", "newer", 0, cas)?, "cas with an old number");
    }

    let keys: Vec<String> = (0..100).map(|n| format!("many{n}")).collect();
    for key in &keys {
        client.set(key, key.as_str(), 0)?;
    }
    let asked: Vec<&str> = keys.iter().map(String::as_str).chain(["missing"]).collect();
    let found = client.gets::<String>(&asked)?;
    assert_eq!(found.len(), keys.len());
    assert!(found.iter().all(|(key, value)| key == value), "a value under another key");

    let large = vec![b'x'; 500_000];
    client.set("large", large.as_slice(), 0)?;
    assert!(client.get::<Vec<u8>>("large")?.is_some_and(|value| value == large), "a large value");
    assert!(client.delete("a")?);
    assert!(!client.delete("a")?);
    client.flush()?;
    assert_eq!(client.get::<String>("text")?, None);
    Ok(())
}
