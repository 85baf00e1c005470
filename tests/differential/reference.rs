//! The memcached that the replies are compared with.

use std::process::{Command, Stdio};

use super::support::{Server, free_port};

/// Starts the installed memcached; `None`, with words, where there is none. A run that requires its clients
/// requires it too.
pub fn memcached() -> Option<Server> {
    let found = Command::new("memcached").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        assert!(std::env::var_os("RINGCACHED_REQUIRE_CLIENTS").is_none(), "memcached is required and not installed");
        println!("skipped: no memcached is installed to compare with");
        return None;
    }
    let port = free_port();
    let mut command = Command::new("memcached");
    // As root it wants a user to become; otherwise the flag is without effect.
    command.args(["-u", "nobody", "-U", "0", "-l", "127.0.0.1", "-m", "128", "-t", "2", "-p", &port.to_string()]);
    // Its background threads hold items now and then, which then are not counted up in place.
    command.args(["-o", "no_lru_maintainer,no_lru_crawler"]);
    Some(Server::run(&mut command, port).unwrap_or_else(|why| panic!("memcached: {why}")))
}
