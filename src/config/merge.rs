//! One set of options over another: flags over file.

use super::Options;

impl Options {
    /// `self` where given, else `below`. `threads` and `cores` answer the same question, so giving either
    /// covers both of the layer below.
    #[must_use]
    pub fn over(self, below: Options) -> Options {
        let chooses_cores = self.threads.is_some() || self.cores.is_some();
        let (threads, cores) = if chooses_cores { (self.threads, self.cores) } else { (below.threads, below.cores) };
        // One after the other, since the last mention of an option holds.
        let extended = match (below.extended, self.extended) {
            (Some(below), Some(own)) => Some([below, own].concat()),
            (below, own) => own.or(below),
        };
        // Every field by name, so that a new one cannot be forgotten.
        Options {
            port: self.port.or(below.port),
            listen: self.listen.or(below.listen),
            unix_socket: self.unix_socket.or(below.unix_socket),
            unix_mask: self.unix_mask.or(below.unix_mask),
            udp_port: self.udp_port.or(below.udp_port),
            conn_limit: self.conn_limit.or(below.conn_limit),
            listen_backlog: self.listen_backlog.or(below.listen_backlog),
            memory_limit: self.memory_limit.or(below.memory_limit),
            max_item_size: self.max_item_size.or(below.max_item_size),
            compress: self.compress.or(below.compress),
            compress_min: self.compress_min.or(below.compress_min),
            disable_evictions: self.disable_evictions.or(below.disable_evictions),
            eviction: self.eviction.or(below.eviction),
            disable_flush_all: self.disable_flush_all.or(below.disable_flush_all),
            protocol: self.protocol.or(below.protocol),
            max_reqs_per_event: self.max_reqs_per_event.or(below.max_reqs_per_event),
            enable_largepages: self.enable_largepages.or(below.enable_largepages),
            lock_memory: self.lock_memory.or(below.lock_memory),
            enable_shutdown: self.enable_shutdown.or(below.enable_shutdown),
            disable_watch: self.disable_watch.or(below.disable_watch),
            disable_dumping: self.disable_dumping.or(below.disable_dumping),
            delimiter: self.delimiter.or(below.delimiter),
            enable_coredumps: self.enable_coredumps.or(below.enable_coredumps),
            extended,
            threads,
            cores,
            steering: self.steering.or(below.steering),
            numa: self.numa.or(below.numa),
            per_shard_ports: self.per_shard_ports.or(below.per_shard_ports),
            control_core: self.control_core.or(below.control_core),
            spin_us: self.spin_us.or(below.spin_us),
            busy_poll_us: self.busy_poll_us.or(below.busy_poll_us),
            verbose: if self.verbose == 0 { below.verbose } else { self.verbose },
            pidfile: self.pidfile.or(below.pidfile),
            user: self.user.or(below.user),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_layer_wins_and_the_lower_fills_in() {
        let flags = Options { port: Some(1), disable_evictions: Some(false), ..Options::default() };
        let file = Options {
            port: Some(2),
            conn_limit: Some(7),
            disable_evictions: Some(true),
            verbose: 2,
            ..Options::default()
        };
        let merged = flags.over(file);
        assert_eq!((merged.port, merged.conn_limit), (Some(1), Some(7)));
        assert_eq!((merged.disable_evictions, merged.verbose), (Some(false), 2));
    }

    #[test]
    fn extended_options_win_one_by_one() {
        let list = |text: &str| Options { extended: Some(vec![text.to_owned()]), ..Options::default() };
        let merged = list("track_sizes").over(list("idle_timeout=3"));
        assert_eq!(merged.extended.unwrap(), ["idle_timeout=3", "track_sizes"]);
        assert_eq!(list("modern").over(Options::default()).extended.unwrap(), ["modern"]);
        assert_eq!(Options::default().over(list("modern")).extended.unwrap(), ["modern"]);
    }

    #[test]
    fn threads_of_the_flags_replace_cores_of_the_file() {
        let flags = Options { threads: Some(2), ..Options::default() };
        let file = Options { cores: Some("0-3".to_owned()), ..Options::default() };
        let merged = flags.over(file);
        assert_eq!((merged.threads, merged.cores), (Some(2), None));
    }
}
