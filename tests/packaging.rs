//! What is shipped around the program: made from the flags where it can be, and held to them.
//!
//! `RINGCACHED_UPDATE=1 cargo test --test packaging` writes what is made: the man page, the completions, and the tables
//! of flags in `docs/COMPATIBILITY.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap_complete::Shell;
use ringcached::config;

const BEGIN: &str = "<!-- flags -->\n";
const END: &str = "<!-- /flags -->";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// What the man page says beyond the flags.
const MAN_TAIL: &str = r#".SH FILES
.TP
\fI/etc/default/ringcached\fR
Flags of the systemd service, in the variable OPTIONS.
.TP
\fI/usr/share/doc/ringcached/\fR
What differs from memcached (COMPATIBILITY.md), when compressing values pays (COMPRESSION.md), what can be done for a
host (TUNING.md), and what a container has to allow (CONTAINERS.md).
.SH ENVIRONMENT
.TP
\fBLISTEN_PID\fR, \fBLISTEN_FDS\fR
Listening TCP and unix sockets that the service manager hands over, as sd_listen_fds(3) tells. If there are any, they
are the only ones, every shard accepts from each of them, and \-p, \-l, \-s, \-a, \-b and a \-\-steering other than
hash are refused.
.TP
\fBNOTIFY_SOCKET\fR
Where the service manager is told that every shard serves, and that the end has begun, as sd_notify(3) tells.
.SH SIGNALS
.TP
\fBSIGTERM\fR, \fBSIGINT\fR
Accept no more, answer what has arrived, and end, within two seconds.
.SH EXIT STATUS
0 after an orderly end; 2 if the command line is malformed; 1 if the server cannot start as configured or fails. Standard
error tells why, and how to mend it.
.SH SEE ALSO
memcached(1), memccapable(1), systemd.socket(5)
"#;

/// The man page: title to flags, the options of `-o`, and the rest.
fn man_page() -> String {
    let man = clap_mangen::Man::new(config::command());
    let mut page = Vec::new();
    man.render_title(&mut page).expect("a title");
    man.render_name_section(&mut page).expect("a name");
    man.render_synopsis_section(&mut page).expect("a synopsis");
    man.render_description_section(&mut page).expect("a description");
    man.render_options_section(&mut page).expect("options");
    let mut page = String::from_utf8(page).expect("text");
    page += ".SH EXTENDED OPTIONS\nOf \\-o; the ones that memcached has and that are missing here are refused with the reason.\n";
    for row in config::EXTENDED.iter().filter(|row| row.verdict == config::Verdict::Honoured) {
        let value = match row.takes {
            config::Takes::Nothing => "",
            config::Takes::Value => "=\\fINUM\\fR",
            config::Takes::Either => "[=\\fINUM\\fR]",
        };
        page += &format!(".TP\n\\fB{}\\fR{value}\n{}\n", row.name, row.note.replace('`', ""));
    }
    page + MAN_TAIL
}

/// A file that is made, and what it has to hold.
fn made() -> Vec<(&'static str, String)> {
    let completion = |shell: Shell| {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut config::command(), "ringcached", &mut script);
        String::from_utf8(script).expect("text")
    };
    let compatibility = read("docs/COMPATIBILITY.md");
    let (head, rest) = compatibility.split_once(BEGIN).expect("the mark before the tables");
    let (_, tail) = rest.split_once(END).expect("the mark behind the tables");
    vec![
        ("packaging/ringcached.1", man_page()),
        ("packaging/ringcached.bash", completion(Shell::Bash)),
        ("packaging/_ringcached", completion(Shell::Zsh)),
        ("packaging/ringcached.fish", completion(Shell::Fish)),
        ("docs/COMPATIBILITY.md", format!("{head}{BEGIN}{}{END}{tail}", config::tables())),
    ]
}

/// Every flag and option of the code has its row with its verdict, and every row is of the code.
#[test]
fn what_is_made_from_the_flags_is_as_the_flags_are() {
    if std::env::var_os("RINGCACHED_UPDATE").is_some() {
        for (file, content) in made() {
            std::fs::write(root().join(file), content).unwrap_or_else(|e| panic!("{file}: {e}"));
        }
    }
    for (file, content) in made() {
        let found = read(file);
        let line = found.lines().zip(content.lines()).position(|(found, made)| found != made);
        assert!(
            found == content,
            "{file} is stale from line {} on; write it by RINGCACHED_UPDATE=1 cargo test --test packaging",
            line.unwrap_or(found.lines().count().min(content.lines().count())) + 1
        );
    }
}

/// The metadata of the Debian package.
fn deb() -> toml::Table {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("a manifest");
    manifest["package"]["metadata"]["deb"].as_table().expect("a table").clone()
}

#[test]
fn every_file_of_the_debian_package_is_here() {
    let deb = deb();
    let mut shipped = Vec::new();
    for asset in deb["assets"].as_array().expect("a list") {
        let fields: Vec<&str> = asset.as_array().expect("a list").iter().filter_map(|field| field.as_str()).collect();
        let &[source, target, mode] = fields.as_slice() else { panic!("{asset}") };
        assert!(source.starts_with("target/release/") || root().join(source).is_file(), "{source} is missing");
        assert!(!target.starts_with('/') && ["644", "755"].contains(&mode), "{asset}");
        shipped.push(source.to_owned());
    }
    for script in deb["conf-files"].as_array().expect("a list") {
        assert_eq!(script.as_str(), Some("/etc/default/ringcached"));
    }
    // The units are found by their names.
    shipped.extend(["packaging/ringcached.service".to_owned(), "packaging/ringcached.socket".to_owned()]);
    for entry in std::fs::read_dir(root().join("packaging")).expect("the folder") {
        let file = format!("packaging/{}", entry.expect("an entry").file_name().display());
        assert!(shipped.contains(&file), "{file} is in no package");
    }
}

/// A unit's settings of that name, in order.
fn settings(unit: &str, name: &str) -> Vec<String> {
    let lines = read(unit);
    let values = lines.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
    values.collect()
}

#[test]
fn the_service_has_the_limits_that_the_server_needs() {
    let setting = |name| settings("packaging/ringcached.service", name);
    assert_eq!(setting("Type"), ["notify"]);
    assert_eq!(setting("LimitMEMLOCK"), ["infinity"]);
    let files: u64 = setting("LimitNOFILE")[0].parse().expect("a number");
    let connections = config::defaults::CONN_LIMIT as u64;
    assert!(files > connections + 64 * (config::FDS_PER_SHARD + 1) + config::FDS_PROCESS, "{files}");
    assert_eq!(setting("SystemCallFilter"), ["@system-service", "~@privileged"]);
    assert_eq!(settings("packaging/ringcached.socket", "ListenStream"), ["127.0.0.1:11211"]);
    assert_eq!(settings("packaging/ringcached.socket", "Backlog"), [config::defaults::LISTEN_BACKLOG.to_string()]);
}

#[test]
fn systemd_understands_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("skipped: systemd-analyze is not installed");
        return;
    }
    let directory = std::env::temp_dir().join(format!("ringcached-units-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let units: Vec<PathBuf> = ["ringcached.service", "ringcached.socket"].map(|name| directory.join(name)).into();
    for unit in &units {
        let name = unit.file_name().expect("a name").to_str().expect("text");
        // The program has to be there.
        let text = read(&format!("packaging/{name}")).replace("/usr/bin/ringcached", env!("CARGO_BIN_EXE_ringcached"));
        std::fs::write(unit, text).expect("a file");
    }
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output().expect("it runs");
    std::fs::remove_dir_all(&directory).expect("the directory");
    let said = String::from_utf8_lossy(&output.stderr);
    // It complains with status 0, and of the machine's other units too.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("ringcached")).collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}

/// The flags that the comments of the shipped files suggest.
#[test]
fn suggested_flags_are_flags() {
    let default = read("packaging/ringcached.default");
    let mut suggestions = 0;
    for line in default.lines() {
        let Some(options) = line.trim_start_matches('#').strip_prefix("OPTIONS=") else { continue };
        let args = format!("ringcached {}", options.trim_matches('"'));
        config::Flags::try_from_args(args.split_whitespace()).unwrap_or_else(|e| panic!("{line}: {e}"));
        suggestions += 1;
    }
    assert_eq!(suggestions, 2);
}

#[test]
fn the_container_note_and_the_rule_name_the_same_calls() {
    let rule = read("packaging/seccomp.json");
    let note = read("docs/CONTAINERS.md");
    for call in ["io_uring_setup", "io_uring_enter", "io_uring_register"] {
        assert!(rule.contains(&format!("\"{call}\"")) && note.contains(call), "{call}");
    }
}
