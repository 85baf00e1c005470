//! memcached 1.6's flags that do not exist here. Each is refused by name with the reason and what to do
//! instead: a flag that is accepted and ignored would leave an operator with a server other than the one asked for.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

struct Refused {
    letter: char,
    name: &'static str,
    takes_value: bool,
    why: &'static str,
}

const fn switch(letter: char, name: &'static str, why: &'static str) -> Refused {
    Refused { letter, name, takes_value: false, why }
}

const fn valued(letter: char, name: &'static str, why: &'static str) -> Refused {
    Refused { letter, name, takes_value: true, why }
}

const REFUSED: &[Refused] = &[
    switch('A', "enable-shutdown", "the shutdown command is not served; stop the server with SIGTERM"),
    valued('B', "protocol", "the protocol is detected per connection; leave the flag away"),
    switch('C', "disable-cas", "CAS numbers cannot be turned off; leave the flag away"),
    valued('D', "delimiter", "statistics per key prefix are not kept; leave the flag away"),
    switch('L', "enable-largepages", "large pages are always asked for; leave the flag away and see tuning/README.md"),
    valued('N', "napi-ids", "connections are spread by --steering instead; try --steering incoming-cpu"),
    valued(
        'R',
        "max-reqs-per-event",
        "fairness between connections is bounded by the server itself; leave the flag away",
    ),
    switch(
        'S',
        "enable-sasl",
        "authentication is not built; listen on loopback or a unix socket, or filter by firewall",
    ),
    switch(
        'W',
        "disable-watch",
        "the watch command is not served, so there is nothing to disable; leave the flag away",
    ),
    switch('X', "disable-dumping", "dump commands are not served, so there is nothing to disable; leave the flag away"),
    valued('Y', "auth-file", "authentication is not built; listen on loopback or a unix socket, or filter by firewall"),
    switch('Z', "enable-ssl", "TLS is not built; put a TLS proxy in front, or use a unix socket"),
    switch('d', "daemon", "the server stays in the foreground; let a service manager such as systemd run it"),
    valued('e', "memory-file", "items are not kept over a restart; leave the flag away"),
    valued('f', "slab-growth-factor", "the slab classes are fixed, finer than memcached's; leave the flag away"),
    switch('i', "license", "the licence is Apache-2.0, in the file LICENSE"),
    switch('k', "lock-memory", "item memory is not locked; turn swap off for the service (MemorySwapMax=0 in systemd)"),
    valued('n', "slab-min-size", "the slab classes are fixed, finer than memcached's; leave the flag away"),
    valued(
        'o',
        "extended",
        "memcached's extended options tune parts that are built otherwise here; leave the flag away",
    ),
    switch('r', "enable-coredumps", "set the core file limit outside: ulimit -c unlimited, or LimitCORE= in systemd"),
];

/// Adds the refused flags, hidden, so that they are recognised in every spelling (`-vS`, `--enable-sasl`).
pub(super) fn add_to(command: Command) -> Command {
    REFUSED.iter().fold(command, |command, refused| {
        let arg = Arg::new(refused.name).short(refused.letter).long(refused.name).hide(true);
        command.arg(match refused.takes_value {
            true => arg.num_args(0..=1).default_missing_value("").allow_hyphen_values(false),
            false => arg.action(ArgAction::SetTrue),
        })
    })
}

/// The refusal of the first refused flag that was given.
pub(super) fn find_in(command: &mut Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    match REFUSED.iter().find(|refused| matches.value_source(refused.name) == Some(ValueSource::CommandLine)) {
        Some(Refused { letter, name, why, .. }) => Err(command
            .error(ErrorKind::UnknownArgument, format!("memcached's -{letter}/--{name} does not exist here: {why}"))),
        None => Ok(()),
    }
}

/// Why memcached's long flag `name` does not exist here, if it is one.
pub(super) fn why(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|refused| refused.name == name).map(|refused| refused.why)
}
