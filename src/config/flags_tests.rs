use super::*;
use crate::config::memcached::{FLAGS, OURS, Row, Takes, Verdict};

fn flags(args: &str) -> Flags {
    Flags::try_from_args(format!("ringcached {args}").split_whitespace()).unwrap_or_else(|e| panic!("{e}"))
}

fn error(args: &str) -> String {
    Flags::try_from_args(format!("ringcached {args}").split_whitespace()).unwrap_err().to_string()
}

#[test]
fn clap_accepts_the_definition() {
    refused::add_to(Flags::command()).debug_assert();
}

#[test]
fn nothing_given_is_nothing_set() {
    assert_eq!(flags("").options, Options::default());
}

#[test]
fn letters_and_names_mean_the_same() {
    let short =
        flags("-p 1 -l 127.0.0.1 -l ::1 -s /s -a 770 -m 100 -c 5 -I 2m -b 9 -M -F -U 0 -t 2 -vv -P /p -u nobody");
    let long = flags(
        "--port=1 --listen 127.0.0.1 --listen ::1 --unix-socket /s --unix-mask 770 --memory-limit 100 --conn-limit 5 \
         --max-item-size 2m --listen-backlog 9 --disable-evictions --disable-flush-all --udp-port 0 --threads 2 \
         --verbose -v --pidfile /p --user nobody",
    );
    assert_eq!(short.options, long.options);
    assert_eq!(short.options.verbose, 2);
    assert_eq!(short.options.listen.unwrap(), ["127.0.0.1", "::1"]);
}

#[test]
fn switches_combine_and_can_be_turned_off() {
    let options = flags("-MvF").options;
    assert_eq!((options.disable_evictions, options.verbose, options.disable_flush_all), (Some(true), 1, Some(true)));
    assert_eq!(flags("-M -p 1").options.port, Some(1));
    assert_eq!(flags("--disable-evictions=false").options.disable_evictions, Some(false));
    assert_eq!(flags("-p -1").options.port, Some(-1));
}

#[test]
fn version_prints_as_memcached_does() {
    let expected = format!("ringcached {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((error("-V"), error("--version")), (expected.clone(), expected));
}

#[test]
fn help_shows_defaults_under_headings() {
    let help = error("--help");
    assert!(error("-h").contains("[default: 11211]"));
    for expected in
        ["Network:", "Memory and items:", "[default: 11211]", "[default: 64 MiB per shard]", "[default: 1m]", "-I, "]
    {
        assert!(help.contains(expected), "{expected} in {help}");
    }
    assert!(!help.contains("enable-sasl"), "refused flags are not offered");
}

#[test]
fn memcached_flags_that_we_lack_are_refused_by_name() {
    for (args, name) in [
        ("-S", "-S/--enable-sasl"),
        ("-C", "-C/--disable-cas"),
        ("-vZ", "-Z/--enable-ssl"),
        ("-f 1.25", "-f/--slab-growth-factor"),
        ("--auth-file=/x", "-Y/--auth-file"),
        ("-d -p 5", "-d/--daemon"),
    ] {
        let error = error(args);
        assert!(error.contains(name), "{args}: {error}");
    }
    assert!(error("--no-such-flag").contains("unexpected argument"));
}

/// The table and the command line agree on every flag.
#[test]
fn every_flag_is_served_or_refused_as_its_row_says() {
    let served = command();
    let find = |name: &str| served.get_arguments().find(|arg| arg.get_long() == Some(name));
    for Row { letter, name, takes, verdict, note } in FLAGS {
        match (find(name), verdict) {
            (Some(arg), Verdict::Honoured | Verdict::AlwaysSo) => {
                assert_eq!(arg.get_short(), *letter, "{name}");
                let needs_value =
                    arg.get_action().takes_values() && arg.get_num_args().is_none_or(|n| n.min_values() > 0);
                assert_eq!(needs_value, *takes == Takes::Value, "{name}");
            }
            (None, Verdict::Refused) => {
                let letter = letter.expect("a flag has a letter");
                for args in [format!("-{letter}"), format!("--{name}"), format!("-v{letter}")] {
                    let error = error(&args);
                    assert!(error.contains(name) && error.contains(note), "{args}: {error}");
                }
            }
            (found, _) => panic!("{name} is {verdict:?}, and the command line has {found:?}"),
        }
    }
    let known = |name: &str| FLAGS.iter().any(|row| row.name == name);
    let ours: Vec<_> = served.get_arguments().filter_map(|arg| arg.get_long()).filter(|name| !known(name)).collect();
    assert_eq!(ours, OURS);
}

#[test]
fn help_lists_extended_options() {
    let help = error("--help");
    for expected in ["Commands:", "Extended options (-o):", "idle_timeout=<NUM>", "slab_automove[=<NUM>]"] {
        assert!(help.contains(expected), "{expected} in {help}");
    }
    assert!(!help.contains("hashpower"), "refused options are not offered");
}
