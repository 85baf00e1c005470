use super::*;
use crate::config::host::Memory;

fn host() -> Host {
    Host {
        allowed_cores: vec![0, 1, 4, 5],
        memory: Some(Memory { bytes: 16 << 30, source: "a test".to_owned() }),
        is_root: false,
        somaxconn: Some(4096),
        inherited_sockets: 0,
        nodes: Vec::new(),
    }
}

fn resolve(args: &str) -> Result<(Config, Vec<Notice>), ConfigError> {
    let args = format!("ringcached {args}");
    Config::load(Flags::try_from_args(args.split_whitespace()).unwrap_or_else(|e| panic!("{e}")), &host())
}

fn config(args: &str) -> Config {
    resolve(args).unwrap_or_else(|e| panic!("{args}: {e}")).0
}

fn listen(args: &str) -> Vec<String> {
    config(args).listen.iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_are_memcacheds_on_loopback() {
    let (config, notices) = resolve("").unwrap();
    assert_eq!(notices, []);
    let expected = Config {
        listen: vec!["127.0.0.1:11211".parse().unwrap()],
        unix_socket: None,
        inherited_sockets: 0,
        unix_mask: 0o700,
        memory_limit_bytes: 256 << 20,
        shards: vec![0, 1, 4, 5],
        conn_limit: 1024,
        item_size_max_bytes: 1 << 20,
        compress: Compress::Off,
        compress_min_bytes: 1024,
        listen_backlog: 1024,
        evictions: true,
        eviction: Eviction::Duel,
        flush_all_enabled: true,
        enable_shutdown: false,
        watch_enabled: true,
        dumping_enabled: true,
        detail_delimiter: b':',
        detail_from_start: false,
        track_sizes: false,
        protocols: Protocols::Auto,
        requests_per_turn: 1024,
        idle_timeout_seconds: 0,
        crawler_enabled: true,
        crawler_sleep_us: 100,
        crawler_tocrawl: 0,
        slab_automove: true,
        watcher_logbuf_bytes: 256 << 10,
        large_pages_required: false,
        lock_memory: false,
        core_files: false,
        steering: Steering::Hash,
        numa: Numa::Off,
        numa_is_asked: false,
        nodes: vec![vec![]; 4],
        per_shard_ports: None,
        control_core: None,
        spin_us: 0,
        busy_poll_us: 0,
        verbosity: 0,
        pidfile: None,
        user: None,
    };
    assert_eq!(config, expected);
}

#[test]
fn ports_fill_in_where_an_address_has_none() {
    assert_eq!(listen("-p 5"), ["127.0.0.1:5"]);
    assert_eq!(listen("-p 5 -l ::1,10.0.0.1:6 -l *"), ["[::1]:5", "10.0.0.1:6", "0.0.0.0:5"]);
    assert_eq!(listen("-p -1"), ["127.0.0.1:0"]);
    assert_eq!(listen("-p -1 -l 127.0.0.1,127.0.0.1"), ["127.0.0.1:0", "127.0.0.1:0"]);
    assert!(matches!(resolve("-l 127.0.0.1 -l 127.0.0.1:11211"), Err(ConfigError::AddressTwice { .. })));
    assert_eq!(resolve("-p 5 -l [::1]:7").unwrap().1, [Notice::PortUnused { port: 5 }]);
}

#[test]
fn port_0_turns_tcp_off() {
    let unix_only = config("-p 0 -s /s");
    assert!(unix_only.listen.is_empty());
    assert_eq!(config("-s /s").listen.len(), 1, "a unix socket is beside TCP");
    assert!(matches!(resolve("-p 0"), Err(ConfigError::NoListener)));
    assert!(matches!(resolve("-p 0 -s /s -l 127.0.0.1:5"), Err(ConfigError::TcpOffButListening { .. })));
    assert_eq!(resolve("-p 0 -s /s -l 127.0.0.1").unwrap().1, [Notice::ListenUnused]);
}

#[test]
fn udp_is_refused_in_words() {
    assert!(resolve("-U 0").is_ok());
    assert!(resolve("-U 11211").unwrap_err().to_string().contains("amplification"));
}

#[test]
fn item_sizes_have_bounds() {
    assert_eq!(config("-I 1k").item_size_max_bytes, 1024);
    assert_eq!(config("-I 1g -t 1 -m 2g").item_size_max_bytes, 1 << 30);
    for bad in ["1023", "1025m", "2g", "0"] {
        assert!(matches!(resolve(&format!("-I {bad} -m 8g")), Err(ConfigError::OutOfBounds { .. })), "{bad}");
    }
    let error = resolve("-I 5m -m 32").unwrap_err();
    assert!(matches!(error, ConfigError::ItemOverShard { .. }));
    assert!(error.to_string().contains("at most 4 MiB"), "{error}");
}

#[test]
fn compression_has_a_least_length_for_each_way() {
    for (args, compress, min_bytes) in [
        ("--compress off", Compress::Off, 1024),
        ("--compress lz4", Compress::Lz4, 1024),
        ("--compress zstd", Compress::Zstd, 512),
        ("--compress zstd:dict", Compress::ZstdDict, 128),
        ("--compress zstd:dict --compress-min 1", Compress::ZstdDict, 1),
        ("--compress-min 256k --compress lz4", Compress::Lz4, 256 << 10),
    ] {
        let (config, notices) = resolve(args).unwrap();
        assert_eq!((config.compress, config.compress_min_bytes, notices), (compress, min_bytes, vec![]), "{args}");
    }
    assert_eq!(resolve("--compress-min 9").unwrap().1, [Notice::CompressMinUnused]);
    for bad in ["0", "257k", "1g"] {
        let error = resolve(&format!("--compress zstd --compress-min {bad}")).unwrap_err();
        assert!(matches!(error, ConfigError::OutOfBounds { option: "--compress-min", .. }), "{bad}");
    }
}

#[test]
fn masks_are_octal() {
    assert_eq!(config("-a 0666").unix_mask, 0o666);
    for bad in ["8", "1000", "+7", "rwx", "77777777777777"] {
        assert!(matches!(resolve(&format!("-a {bad}")), Err(ConfigError::UnixMask { .. })), "{bad}");
    }
}

#[test]
fn connections_and_backlog_have_bounds() {
    assert!(matches!(resolve("-c 0"), Err(ConfigError::OutOfBounds { option: "-c/--conn-limit", .. })));
    assert!(matches!(resolve("-c 99999999999"), Err(ConfigError::OutOfBounds { .. })));
    for spin in ["--spin-us 100001", "--busy-poll-us 100001"] {
        assert!(matches!(resolve(spin), Err(ConfigError::OutOfBounds { .. })), "{spin}");
    }
    for bad in ["0", "65533", "11208", "11211"] {
        // Of the four shards' ports one is no port, or that which all listen on.
        assert!(resolve(&format!("--per-shard-ports {bad}")).is_err(), "{bad}");
    }
    assert_eq!(config("--per-shard-ports 65532").per_shard_ports, Some(65532));
    assert!(matches!(resolve("-p 0 -s /run/x --per-shard-ports 9000"), Err(ConfigError::PerShardPortsWithoutTcp)));
    let controlled = config("--control-core 1");
    assert_eq!((controlled.shards, controlled.control_core), (vec![0, 4, 5], Some(1)));
    let both = resolve("--control-core 1 --cores 0,1");
    assert!(matches!(both, Err(ConfigError::ControlCoreTaken { core: 1 })));
    let spinning = config("--spin-us 20 --busy-poll-us 100000");
    assert_eq!((spinning.spin_us, spinning.busy_poll_us), (20, 100_000));
    assert!(matches!(resolve("-b 0"), Err(ConfigError::OutOfBounds { option: "-b/--listen-backlog", .. })));
    assert_eq!(resolve("-b 5000").unwrap().1, [Notice::BacklogCut { asked: 5000, somaxconn: 4096 }]);
}

#[test]
fn few_shards_take_the_first_cores() {
    let (config, notices) = resolve("-m 16").unwrap();
    assert_eq!((config.shards.as_slice(), notices.len()), ([0, 1].as_slice(), 1));
    assert_eq!(config.shard_memory_bytes(), 8 << 20);
}

#[test]
fn users_must_exist() {
    let root = Host { is_root: true, ..host() };
    let options = |user: Option<&str>| Options { user: user.map(str::to_owned), ..Options::default() };
    assert_eq!(Config::resolve(options(None), &root).unwrap().1, [Notice::RunsAsRoot]);
    let (config, notices) = Config::resolve(options(Some("root")), &root).unwrap();
    assert_eq!((config.user.unwrap().uid(), notices), (0, vec![]));
    for host in [host(), root] {
        let error = Config::resolve(options(Some("no-such-user")), &host).unwrap_err();
        assert!(matches!(error, ConfigError::NoSuchUser { .. }));
    }
    assert!(matches!(Config::resolve(options(Some("root")), &host()).unwrap().1[..], [Notice::UserUnused { .. }]));
}

#[test]
fn flags_win_over_the_file() {
    let tree = crate::config::testing::Tree::new(&[("c.toml", "port = 7\nconn-limit = 9\ncores = '4'\n")]);
    let file = tree.root().join("c.toml");
    let config = config(&format!("--config {} -p 8 -t 2", file.display()));
    assert_eq!((config.listen[0].port(), config.conn_limit), (8, 9));
    assert_eq!(config.shards, [0, 1]);
}

#[test]
fn switches_reach_the_configuration() {
    let config = config("-A -W -X -L -k -r -B binary -R 5 -D /");
    assert!(config.enable_shutdown && config.large_pages_required && config.lock_memory && config.core_files);
    assert!(!config.watch_enabled && !config.dumping_enabled);
    assert_eq!((config.protocols, config.requests_per_turn), (Protocols::Binary, 5));
    assert_eq!((config.detail_delimiter, config.detail_from_start), (b'/', true));
    assert!(matches!(resolve("-R 0"), Err(ConfigError::OutOfBounds { option: "-R/--max-reqs-per-event", .. })));
}

#[test]
fn a_delimiter_is_one_character() {
    for bad in ["::", "ö", ""] {
        let options = Options { delimiter: Some(bad.to_owned()), ..Options::default() };
        assert!(matches!(Config::resolve(options, &host()), Err(ConfigError::Delimiter { .. })), "{bad:?}");
    }
    assert_eq!(config("-D :").detail_delimiter, b':');
}

#[test]
fn extended_options_reach_the_configuration() {
    let tree = crate::config::testing::Tree::new(&[("c.toml", "extended = ['idle_timeout=3', 'track_sizes']\n")]);
    let file = tree.root().join("c.toml");
    let config =
        config(&format!("--config {} -o idle_timeout=4,lru_crawler_sleep=5 -o no_slab_automove", file.display()));
    assert_eq!((config.idle_timeout_seconds, config.track_sizes, config.crawler_sleep_us), (4, true, 5));
    assert!(!config.slab_automove);
    assert!(matches!(resolve("-o hashpower=20"), Err(ConfigError::ExtendedRefused { .. })));
}

#[test]
fn inherited_sockets_are_the_only_ones() {
    let activated = Host { inherited_sockets: 2, ..host() };
    let resolve = |options: Options| Config::resolve(options, &activated);
    let (config, notices) = resolve(Options::default()).unwrap();
    assert_eq!((config.inherited_sockets, config.listen, config.unix_socket), (2, vec![], None));
    assert_eq!(notices, []);
    for (options, flag) in [
        (Options { port: Some(0), ..Options::default() }, "-p"),
        (Options { listen: Some(vec!["::1".to_owned()]), ..Options::default() }, "-l"),
        (Options { unix_socket: Some("/s".into()), ..Options::default() }, "-s"),
        (Options { unix_mask: Some("700".to_owned()), ..Options::default() }, "-a"),
        (Options { listen_backlog: Some(5), ..Options::default() }, "-b"),
        (Options { steering: Some(Steering::Cpu), ..Options::default() }, "--steering"),
    ] {
        let error = resolve(options).unwrap_err().to_string();
        assert!(error.starts_with(flag) && error.contains("socket unit"), "{error}");
    }
}
