//! `--print-config`: the effective configuration as TOML that `--config` reads back to the same [`Config`].

use super::extended::Extended;
use super::flags::{Compress, Options};
use super::{Config, cores, size};
use std::net::SocketAddr;

impl Config {
    /// The configuration as a file.
    pub fn to_toml(&self) -> String {
        // Plain texts, numbers and lists of texts: nothing that TOML could not hold, but for a path that is not
        // Unicode, which is told in the file's own terms.
        toml::to_string(&self.to_options()).unwrap_or_else(|e| format!("# cannot be written as TOML: {e}\n"))
    }

    fn to_options(&self) -> Options {
        // Where a service manager listens, nothing here may say so too.
        let own = self.inherited_sockets == 0;
        let (port, listen) = if own { listen(&self.listen) } else { (None, None) };
        Options {
            port,
            listen,
            unix_socket: self.unix_socket.clone(),
            unix_mask: own.then(|| format!("{:o}", self.unix_mask)),
            udp_port: Some(0),
            conn_limit: Some(self.conn_limit),
            listen_backlog: own.then_some(self.listen_backlog),
            // Whole KiB by its grammar, so always with a suffix: a bare number would count MiB.
            memory_limit: Some(size::format(self.memory_limit_bytes)),
            max_item_size: Some(size::format(self.item_size_max_bytes as u64)),
            compress: Some(self.compress),
            // Without compression it would be remarked on.
            compress_min: (self.compress != Compress::Off).then(|| size::format(self.compress_min_bytes as u64)),
            disable_evictions: Some(!self.evictions),
            eviction: Some(self.eviction),
            disable_flush_all: Some(!self.flush_all_enabled),
            protocol: Some(self.protocols),
            max_reqs_per_event: Some(self.requests_per_turn),
            enable_largepages: Some(self.large_pages_required),
            lock_memory: Some(self.lock_memory),
            enable_shutdown: Some(self.enable_shutdown),
            disable_watch: Some(!self.watch_enabled),
            disable_dumping: Some(!self.dumping_enabled),
            // Given, it turns the statistics on.
            delimiter: self.detail_from_start.then(|| char::from(self.detail_delimiter).to_string()),
            enable_coredumps: Some(self.core_files),
            extended: Some(self.extended().to_list()),
            threads: None,
            cores: Some(cores::format(&self.shards)),
            steering: Some(self.steering),
            numa: self.numa_is_asked.then_some(self.numa),
            per_shard_ports: self.per_shard_ports,
            control_core: self.control_core,
            spin_us: Some(self.spin_us),
            busy_poll_us: Some(self.busy_poll_us),
            verbose: self.verbosity,
            pidfile: self.pidfile.clone(),
            user: self.user.as_ref().map(|user| user.name().to_owned()),
        }
    }
}

impl Config {
    fn extended(&self) -> Extended {
        Extended {
            idle_timeout_seconds: self.idle_timeout_seconds,
            track_sizes: self.track_sizes,
            crawler_enabled: self.crawler_enabled,
            crawler_sleep_us: self.crawler_sleep_us,
            crawler_tocrawl: self.crawler_tocrawl,
            slab_automove: self.slab_automove,
            watcher_logbuf_bytes: self.watcher_logbuf_bytes,
        }
    }
}

/// One port for all addresses where they agree, so that `-p` over the file still moves them; else one each.
fn listen(addresses: &[SocketAddr]) -> (Option<i32>, Option<Vec<String>>) {
    let Some(first) = addresses.first() else { return (Some(0), None) };
    if addresses.iter().all(|address| address.port() == first.port()) {
        let port = if first.port() == 0 { -1 } else { i32::from(first.port()) };
        return (Some(port), Some(addresses.iter().map(|address| address.ip().to_string()).collect()));
    }
    (None, Some(addresses.iter().map(ToString::to_string).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, Host, file};

    fn host() -> Host {
        Host {
            allowed_cores: vec![0, 1, 2, 6],
            memory: None,
            is_root: true,
            somaxconn: None,
            inherited_sockets: 0,
            nodes: Vec::new(),
        }
    }

    #[test]
    fn what_is_printed_reads_back() {
        for args in [
            "",
            "-p 0 -s /run/s -a 666",
            "-p -1",
            "-p 5 -l ::1,10.0.0.1",
            "-l ::1,10.0.0.1:6,127.0.0.1:0",
            "-m 8200k -I 1025 -t 1",
            "-m 3g -c 7 -b 8 -M -F --eviction s3fifo -U 0 -vvv --cores 6,0-1 --steering cpu --spin-us 20 --numa off --per-shard-ports 20000 --control-core 2 --busy-poll-us 30 -P /run/p -u root",
            "--compress zstd:dict",
            "--compress lz4 --compress-min 2k",
            "--compress zstd --compress-min 700",
            "-A -W -X -D / -B ascii -R 20 -L -k -r -o idle_timeout=9,no_lru_crawler -o track_sizes,slab_automove=0",
        ] {
            let flags = Flags::try_from_args(format!("ringcached {args}").split_whitespace()).unwrap();
            let (config, _) = Config::load(flags, &host()).unwrap();
            let printed = config.to_toml();
            let (again, _) = Config::resolve(file::parse(&printed).unwrap(), &host()).unwrap();
            assert_eq!(config, again, "{args}:\n{printed}");
        }
    }

    #[test]
    fn what_is_printed_with_inherited_sockets_reads_back_with_them() {
        let host = Host { inherited_sockets: 2, ..host() };
        let (config, _) = Config::resolve(Options::default(), &host).unwrap();
        let (again, _) = Config::resolve(file::parse(&config.to_toml()).unwrap(), &host).unwrap();
        assert_eq!(config, again);
    }

    #[test]
    fn a_port_over_the_printed_file_wins() {
        let (config, _) = Config::resolve(Options::default(), &host()).unwrap();
        let flags = Options { port: Some(5), ..Options::default() };
        let (moved, notices) = Config::resolve(flags.over(file::parse(&config.to_toml()).unwrap()), &host()).unwrap();
        assert_eq!(moved.listen, ["127.0.0.1:5".parse().unwrap()]);
        assert_eq!(notices, [crate::config::Notice::RunsAsRoot]);
    }
}
