//! What the flags that change a whole server do, as its clients and its host see it.

mod support;

use std::process::Command;
use std::time::Duration;

use support::{Server, each_started};

/// Longer than a timeout of a second and the tick that looks for it.
const IDLE_WATCHDOG: Duration = Duration::from_secs(8);

/// A field of one of the process's files under `/proc`.
fn proc_line(server: &mut Server, file: &str, start: &str) -> String {
    let id = server.process().expect("a server of our own").id();
    let text = std::fs::read_to_string(format!("/proc/{id}/{file}")).expect("a file of /proc");
    text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start} in {text}")).to_owned()
}

/// What the program says when it declines to start with these flags.
fn refusal(flags: &[&str]) -> String {
    let output = Server::program().args(flags).output().expect("the program");
    assert!(!output.status.success(), "{flags:?} starts");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn a_silent_connection_is_closed_and_a_busy_one_is_not() {
    each_started("idle_timeout", &["-o", "idle_timeout=1"], |shape, server| {
        let [mut silent, mut busy, mut half, mut small] = [0; 4].map(|_| server.connect());
        silent.talk(b"mn\r\n", b"MN\r\n");
        half.send(b"set half 0 0 3000000\r\nabc");
        small.send(b"set small 0 0 5\r\nabc");
        let from = std::time::Instant::now();
        while !silent.closes_within(Duration::from_millis(50)) {
            busy.talk(b"mn\r\n", b"MN\r\n");
            assert!(from.elapsed() < IDLE_WATCHDOG, "[{}] a silent connection stays open", shape.name());
        }
        busy.talk(b"mn\r\n", b"MN\r\n");
        for connection in [&mut half, &mut small] {
            assert!(!connection.closes_within(Duration::from_millis(50)), "[{}] half a value was sent", shape.name());
        }
        assert_eq!(server.stat("idle_kicks").as_deref(), Some("1"), "[{}]", shape.name());
    });
}

#[test]
fn without_a_timeout_there_is_no_count_of_it() {
    each_started("no idle_timeout", &[], |_, server| assert_eq!(server.stat("idle_kicks"), None));
}

#[test]
fn a_connection_yields_after_its_share_of_commands() {
    each_started("-R", &["-R", "3"], |shape, server| {
        let mut connection = server.connect();
        connection.send(&b"set a 0 0 1\r\nx\r\nget a\r\n".repeat(50));
        connection.expect(&b"STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n".repeat(50));
        let yields: u64 = server.stat("conn_yields").expect("conn_yields").parse().expect("a number");
        // memcached counts from what it reads at once.
        assert!(yields >= if server.is_own() { 30 } else { 1 }, "[{}] {yields} yields", shape.name());
    });
}

#[test]
fn protocols_can_be_narrowed() {
    let version = [&[0x80, 0x0b][..], &[0; 22]].concat();
    each_started("-B ascii", &["-B", "ascii"], |_, server| {
        let mut connection = server.connect();
        connection.send(&version);
        connection.talk(b"\r\n", b"ERROR\r\n");
    });
    let start = |name| Server::program().args(["-B", name, "--print-config"]).output().expect("the program");
    for name in ["auto", "ascii", "binary"] {
        assert!(start(name).status.success(), "{name}");
    }
    assert!(!start("udp").status.success());
}

/// Whether a process of ours may lock all of its memory.
fn may_lock() -> bool {
    const CAP_IPC_LOCK: u32 = 14;
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let limits = std::fs::read_to_string("/proc/self/limits").expect("limits");
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("CapEff");
    let mask = u64::from_str_radix(mask.trim(), 16).expect("a mask");
    let limit = limits.lines().find(|line| line.starts_with("Max locked memory")).expect("a limit");
    mask & (1 << CAP_IPC_LOCK) != 0 || limit.split_whitespace().nth(4) == Some("unlimited")
}

#[test]
fn memory_is_locked_as_it_is_used() {
    if !may_lock() {
        println!("skipped: memory may not be locked here (ulimit -l unlimited, or CAP_IPC_LOCK)");
        return;
    }
    each_started("-k", &["-k"], |shape, mut server| {
        let locked = proc_line(&mut server, "status", "VmLck:");
        let kib: u64 = locked.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number");
        assert!(kib > 1024, "[{}] {locked}", shape.name());
        if server.is_own() {
            // What is reserved is not taken.
            let resident = server.resident_bytes().expect("resident memory");
            assert!(resident < 200 << 20, "[{}] {resident} bytes are resident", shape.name());
        }
        let mut connection = server.connect();
        connection.set("a", &[b'x'; 100_000]);
        connection.talk(b"flush_all\r\n", b"OK\r\n");
        assert_eq!(connection.get("a"), None);
    });
}

/// The limit is lowered for the child, by a shell, and the rights to raise it are taken: the hard limit then stands.
#[test]
fn memory_that_may_not_be_locked_is_told_in_words() {
    let program = Server::program().get_program().to_owned();
    let script = "ulimit -l 4096 && exec setpriv --bounding-set=-all --inh-caps=-all \"$0\" -p -1 -t 1 -k";
    let output = Command::new("sh").args(["-c", script]).arg(program).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("setpriv") {
        println!("skipped: no setpriv that may drop capabilities here: {said}");
        return;
    }
    assert!(!output.status.success() && said.contains("LimitMEMLOCK=infinity"), "{said}");
}

#[test]
fn core_files_are_allowed_as_far_as_they_may_be() {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("limits");
    let hard = limits.lines().find(|line| line.starts_with("Max core")).and_then(|line| line.split_whitespace().nth(5));
    if hard == Some("0") {
        println!("skipped: no core file may be written here");
        return;
    }
    each_started("-r", &["-r"], |shape, mut server| {
        let limits = proc_line(&mut server, "limits", "Max core file size");
        let mut figures = limits.split_whitespace().skip(4);
        let (soft, hard) = (figures.next(), figures.next());
        assert!(soft.is_some_and(|soft| soft != "0") && soft == hard, "[{}] {limits}", shape.name());
    });
}

#[test]
fn the_licence_is_printed() {
    let output = Server::program().arg("-i").output().expect("the program");
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("Apache License"));
}

#[test]
fn what_is_refused_is_refused_by_name_with_its_reason() {
    for (flags, words) in [
        (&["-S"][..], "-S/--enable-sasl"),
        (&["-C"], "-C/--disable-cas"),
        (&["-o", "track_sizes,hashpower=20"], "hashpower does not exist here"),
        (&["-o", "ext_path=/x:1G"], "kept in memory only"),
        (&["-o", "nonsense"], "\"nonsense\""),
        (&["-o", "idle_timeout=soon"], "at most 4294967295"),
        (&["-D", "::"], "one ASCII character"),
        (&["-R", "0"], "-R/--max-reqs-per-event"),
    ] {
        let said = refusal(flags);
        assert!(said.contains(words), "{flags:?}: {said}");
    }
}

#[test]
fn a_flag_of_the_past_changes_nothing() {
    each_started("always so", &["-o", "modern,maxconns_fast,slab_reassign", "-o", "lru_maintainer"], |_, server| {
        server.connect().set("a", b"x");
    });
}
