//! Real clients, end to end. One that is not installed is skipped by name, or missed aloud when
//! `RINGCACHED_REQUIRE_CLIENTS` is set, as it is in CI.

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Address, Process, Server, each_server};

/// A client's whole session may take this long.
const SESSION_MAX: Duration = Duration::from_secs(60);

fn missing(client: &str, shape: &str) {
    assert!(std::env::var_os("RINGCACHED_REQUIRE_CLIENTS").is_none(), "{client} is required and not installed");
    println!("skipped: {client}, {shape} (not installed)");
}

/// Runs a client to its end; it must succeed.
fn succeed(client: &str, shape: &str, server: &Server, command: &mut Command) {
    let mut process = Process::start(command).unwrap_or_else(|e| panic!("[{shape}] {client}: {e}"));
    let status = process.wait(SESSION_MAX);
    let good = status.is_some_and(|status| status.success());
    assert!(good, "[{shape}] {client}: {status:?}: {}; the server said: {}", process.said(), server.said());
}

#[test]
fn memccapable_finds_the_text_protocol_complete() {
    each_server(|shape, server| {
        let found = Command::new("memccapable").arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if found.is_err() {
            return missing("memccapable", shape);
        }
        let Address::Tcp(address) = server.address() else {
            println!("skipped: memccapable, {shape} (it speaks TCP only)");
            return;
        };
        let (host, port) = address.rsplit_once(':').expect("host:port");
        // Its verdicts go to standard output; sent to standard error they reach a failure message.
        let script = "exec memccapable -h \"$0\" -p \"$1\" -a 1>&2";
        succeed("memccapable", shape, server, Command::new("sh").args(["-c", script, host, port]));
    });
}

const PYMEMCACHE_SESSION: &str = r#"
import sys
from pymemcache.client.base import Client, PooledClient
from pymemcache.exceptions import MemcacheClientError, MemcacheIllegalInputError

where = sys.argv[1]
server = where[5:] if where.startswith("unix:") else where
client = Client(server, timeout=10, connect_timeout=10)
client.flush_all(noreply=False)
assert client.version().startswith(b"1.6."), client.version()

assert client.set("a", b"1", noreply=False) is True
assert client.get("a") == b"1"
assert client.get("missing") is None
assert client.get("missing", "default") == "default"
assert client.add("a", b"2", noreply=False) is False
assert client.replace("a", b"3", noreply=False) is True
assert client.append("a", b"4", noreply=False) is True
assert client.prepend("a", b"2", noreply=False) is True
assert client.get("a") == b"234"
assert client.incr("a", 6) == 240
assert client.decr("a", 241) == 0
assert client.incr("missing", 1) is None
value, cas = client.gets("a")
assert client.cas("a", b"new", cas, noreply=False) is True
assert client.cas("a", b"newer", cas, noreply=False) is False
assert client.cas("missing", b"x", cas, noreply=False) is None
assert client.touch("a", 100, noreply=False) is True
assert client.touch("missing", 100, noreply=False) is False
assert client.delete("a", noreply=False) is True
assert client.delete("a", noreply=False) is False

# Silent writes, then read: order on one connection.
for i in range(500):
    client.set("k%d" % i, b"v%d" % i)
found = client.get_many(["k%d" % i for i in range(500)] + ["missing"])
assert found == {"k%d" % i: b"v%d" % i for i in range(500)}, len(found)
assert len(client.gets_many(["k%d" % i for i in range(100)])) == 100
assert client.set_many({"m%d" % i: b"x" * i for i in range(100)}, noreply=False) == []
assert client.get("m99") == b"x" * 99
client.delete_many(["k%d" % i for i in range(500)])
assert client.get_many(["k%d" % i for i in range(500)]) == {}

for size in (0, 1, 16383, 16384, 16385, 65536, 1000000):
    value = bytes(i * 7 % 256 for i in range(size))
    assert client.set("size", value, noreply=False) is True
    assert client.get("size") == value, size

stats = client.stats()
assert int(stats[b"pid"]) > 0 and int(stats[b"curr_items"]) > 0 and int(stats[b"cmd_get"]) > 0, stats

client.set("text", b"not a number", noreply=False)
try:
    client.incr("text", 1)
    raise AssertionError("incr of a text succeeded")
except MemcacheClientError:
    pass
try:
    client.get("k" * 251)
    raise AssertionError("a key too long was taken")
except MemcacheIllegalInputError:
    pass

pool = PooledClient(server, max_pool_size=4, timeout=10)
pool.set("pooled", b"yes", noreply=False)
assert pool.get("pooled") == b"yes"
pool.close()
client.flush_all(noreply=False)
assert client.get("pooled") is None
client.quit()
"#;

#[test]
fn pymemcache_runs_a_session() {
    let python = std::env::var("RINGCACHED_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    each_server(|shape, server| {
        let import = Command::new(&python).args(["-c", "import pymemcache"]).stderr(Stdio::null()).status();
        if !import.is_ok_and(|status| status.success()) {
            return missing("pymemcache", shape);
        }
        let address = match server.address() {
            Address::Tcp(address) => address.clone(),
            Address::Unix(path) => format!("unix:{}", path.display()),
        };
        succeed("pymemcache", shape, server, Command::new(&python).args(["-c", PYMEMCACHE_SESSION, &address]));
    });
}

#[test]
fn the_rust_memcache_crate_runs_a_session() {
    each_server(|shape, server| {
        let url = match server.address() {
            Address::Tcp(address) => format!("memcache://{address}?protocol=ascii&timeout=10"),
            Address::Unix(path) => format!("memcache://{}?protocol=ascii&timeout=10", path.display()),
        };
        if let Err(why) = rust_session(&url) {
            panic!("[{shape}] {why}; the server said: {}", server.said());
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
