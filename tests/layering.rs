//! Holds the walls of the house: which module may use which, who may name a runtime, who may be `unsafe`, and
//! who may read the time. The tables come first; the checker reads the sources as tokens, so that comments and
//! strings do not count and grouped or multi-line `use` forms do.

use std::path::Path;

/// A layer and the layers that it may use beside itself.
const EDGES: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("command", &["clock"]),
    ("config", &[]),
    ("heap", &[]),
    ("short", &[]),
    ("storage", &["clock", "short"]),
    ("protocol", &["command", "clock", "short"]),
    ("shard", &["clock", "command", "storage"]),
    ("router", &["clock", "command", "shard"]),
    ("server", &["clock", "command", "config", "heap", "protocol", "router"]),
    ("admin", &["clock", "command", "config", "heap", "router", "shard"]),
];

/// What puts the house together and may therefore use all of it.
const EVERYTHING: &[&str] = &["launch", "main", "lib"];

/// Who may name a runtime's crate. A directory ends in a slash.
const RUNTIMES: &[(&str, &[&str])] = &[
    // One module hosts it, so that a maintained release can replace it.
    ("glommio", &["launch.rs", "server/executor.rs"]),
    // The data path, and the probe that explains a refusal.
    ("io_uring", &["server/", "config/checks.rs"]),
];

/// Who may contain `unsafe`, and allow it to itself.
const UNSAFE: &[&str] = &[
    "heap.rs",
    "server/mempolicy.rs",
    "server/ring/",
    "server/steering.rs",
    "storage/hash_table/bucket.rs",
    "storage/reservation.rs",
    "storage/reservation/",
];

/// Who may read the time. Tests may, for their deadlines.
const TIME: &[&str] = &["clock.rs"];

/// What the load generator may use of the library.
const LOADGEN: &[&str] = &["command", "protocol"];

/// Where the load generator may contain `unsafe` and name `io_uring`.
const LOADGEN_RING: &str = "driver/batch.rs";

#[test]
fn the_sources_keep_to_the_tables() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut broken = Vec::new();
    for (file, source) in read_tree(&root.join("src")) {
        broken.extend(check(&file, &source).into_iter().map(|finding| format!("src/{file}:{finding}")));
    }
    for (file, source) in read_tree(&root.join("loadgen/src")) {
        broken.extend(check_loadgen(&file, &source).into_iter().map(|finding| format!("loadgen/src/{file}:{finding}")));
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// Every Rust file under `directory`: its path in there, and its text.
fn read_tree(directory: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in std::fs::read_dir(&next).unwrap_or_else(|e| panic!("{}: {e}", next.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                files.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!files.is_empty(), "no sources under {}", directory.display());
    files.sort();
    files
}

/// What `source`, the file `file` under `src`, does against the tables: "line: words" each.
fn check(file: &str, source: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let tokens = tokenize(source);
    let layer = layer_of(file);
    let edges = EDGES.iter().find(|(name, _)| *name == layer).map(|(_, edges)| *edges);
    if edges.is_none() && !EVERYTHING.contains(&layer) {
        findings.push(format!("1: the layer `{layer}` is in no table"));
    }
    for reference in references(&tokens, &module_of(file)) {
        let Some(edges) = edges else { continue };
        let named = reference.path[0].as_str();
        let is_layer = named == "*" || EVERYTHING.contains(&named) || EDGES.iter().any(|(name, _)| *name == named);
        if is_layer && named != layer && !edges.contains(&named) {
            findings.push(format!("{}: `{layer}` may not use `{named}`", reference.line));
        }
    }
    for (index, token) in tokens.iter().enumerate() {
        for (runtime, places) in RUNTIMES {
            if token.text == *runtime && !is_in(file, places) {
                findings.push(format!("{}: `{runtime}` may not be named here", token.line));
            }
        }
        if matches!(token.text.as_str(), "unsafe" | "unsafe_code") && !is_in(file, UNSAFE) {
            findings.push(format!("{}: `{}` is not allowed here", token.line, token.text));
        }
        let reads = matches!(token.text.as_str(), "Instant" | "SystemTime")
            && texts(&tokens[index + 1..]).take(2).eq(["::", "now"]);
        if reads && !token.in_test && !is_in(file, TIME) {
            findings.push(format!("{}: only the clock reads the time", token.line));
        }
    }
    findings
}

/// What `source`, the file `file` under `loadgen/src`, does against the tables.
fn check_loadgen(file: &str, source: &str) -> Vec<String> {
    let tokens = tokenize(source);
    let mut findings = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if matches!(token.text.as_str(), "unsafe" | "unsafe_code" | "io_uring") && file != LOADGEN_RING {
            findings.push(format!("{}: `{}` is not allowed here", token.line, token.text));
        }
        if token.text == "ringcached" && texts(&tokens[index + 1..]).next() == Some("::") {
            let (paths, _) = expand(&tokens, index + 2);
            for path in paths.iter().filter(|path| !LOADGEN.contains(&path[0].as_str())) {
                findings.push(format!("{}: the load generator may not use `ringcached::{}`", token.line, path[0]));
            }
        }
    }
    findings
}

fn is_in(file: &str, places: &[&str]) -> bool {
    places.iter().any(|place| if place.ends_with('/') { file.starts_with(place) } else { file == *place })
}

/// `config/mod.rs` and `config.rs` belong to `config`.
fn layer_of(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The path of the module that a file is: `a/b.rs` and `a/b/mod.rs` are `a::b`; the roots are the empty path.
fn module_of(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") || stem == "lib" || stem == "main" {
        module.pop();
    }
    module
}

/// A path from the crate's root, as far as it is written out.
struct Reference {
    path: Vec<String>,
    line: usize,
}

/// Every path that starts at the crate's root, by `crate::` or by enough `super::`.
fn references(tokens: &[Token], module: &[String]) -> Vec<Reference> {
    let mut found = Vec::new();
    // Names of the inline modules around, with the depth of braces outside each.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    let mut index = 0;
    while index < tokens.len() {
        let mut ahead = texts(&tokens[index..]);
        match tokens[index].text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth = usize::saturating_sub(depth, 1);
                inline.retain(|(_, outside)| *outside < depth);
            }
            "mod" if ahead.nth(2) == Some("{") => inline.push((tokens[index + 1].text.clone(), depth)),
            "crate" | "super" | "self" if ahead.nth(1) == Some("::") && !follows_path(tokens, index) => {
                let here: Vec<String> = module.iter().chain(inline.iter().map(|(name, _)| name)).cloned().collect();
                let (paths, end) = expand(tokens, index);
                let line = tokens[index].line;
                found.extend(paths.iter().filter_map(|path| resolve(&here, path)).map(|path| Reference { path, line }));
                index = end;
                continue;
            }
            _ => {}
        }
        index += 1;
    }
    found
}

/// Whether the token goes on with a path (`$crate::x` and `a::self` do) instead of starting one.
fn follows_path(tokens: &[Token], index: usize) -> bool {
    index > 0 && matches!(tokens[index - 1].text.as_str(), "::" | "$")
}

/// `path`, written in the module `here`, from the crate's root; `None` if nothing is left of it.
fn resolve(here: &[String], path: &[String]) -> Option<Vec<String>> {
    let mut base = here.to_vec();
    let mut rest = path;
    while let Some((first, tail)) = rest.split_first() {
        match first.as_str() {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            "self" => {}
            _ => break,
        }
        rest = tail;
    }
    base.extend_from_slice(rest);
    (!base.is_empty()).then_some(base)
}

/// The paths of the path or group that starts at `start`, and the index behind it.
fn expand(tokens: &[Token], start: usize) -> (Vec<Vec<String>>, usize) {
    let mut prefix = Vec::new();
    let mut index = start;
    while let Some(token) = tokens.get(index) {
        if token.text == "{" {
            let mut paths = Vec::new();
            index += 1;
            while index < tokens.len() && tokens[index].text != "}" {
                let (inner, end) = expand(tokens, index);
                paths.extend(inner.into_iter().map(|tail| prefix.iter().cloned().chain(tail).collect::<Vec<_>>()));
                // On to the next element, over `as name` too.
                index = end.max(index + 1);
                while index < tokens.len() && !matches!(tokens[index].text.as_str(), "," | "}") {
                    index += 1;
                }
                if tokens.get(index).is_some_and(|token| token.text == ",") {
                    index += 1;
                }
            }
            return (paths, index + 1);
        }
        if !(is_word(&token.text) || token.text == "*") {
            break;
        }
        prefix.push(token.text.clone());
        index += 1;
        if tokens.get(index).is_none_or(|token| token.text != "::") {
            break;
        }
        index += 1;
    }
    (if prefix.is_empty() { Vec::new() } else { vec![prefix] }, index)
}

#[derive(Debug)]
struct Token {
    text: String,
    line: usize,
    in_test: bool,
}

fn texts(tokens: &[Token]) -> impl Iterator<Item = &str> {
    tokens.iter().map(|token| token.text.as_str())
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Words, `::`, and every other character by itself; no comments, strings or characters.
fn tokenize(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let mut tokens: Vec<Token> = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < chars.len() {
        let start = at;
        let next = chars.get(at + 1).copied();
        match chars[at] {
            '/' if next == Some('/') => at = find(&chars, at, |rest| rest[0] == '\n'),
            '/' if next == Some('*') => at = block_comment(&chars, at),
            '"' => at = string(&chars, at),
            'r' | 'b' | 'c' if raw_string(&chars, at).is_some() => at = raw_string(&chars, at).unwrap_or(at + 1),
            '\'' if next == Some('\\') => at = 1 + find(&chars, at + 3, |rest| rest[0] == '\''),
            '\'' if chars.get(at + 2) == Some(&'\'') => at += 3,
            c if is_word(&c.to_string()) => {
                at = find(&chars, at, |rest| !is_word(&rest[0].to_string()));
                tokens.push(Token { text: chars[start..at].iter().collect(), line, in_test: false });
            }
            ':' if next == Some(':') => {
                at += 2;
                tokens.push(Token { text: "::".to_owned(), line, in_test: false });
            }
            c => {
                at += 1;
                if !c.is_whitespace() {
                    tokens.push(Token { text: c.to_string(), line, in_test: false });
                }
            }
        }
        at = at.min(chars.len());
        line += chars[start..at].iter().filter(|c| **c == '\n').count();
    }
    mark_tests(&mut tokens);
    tokens
}

fn find(chars: &[char], from: usize, found: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len()).find(|at| found(&chars[*at..])).unwrap_or(chars.len())
}

fn block_comment(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The end of the raw string (`r"…"`, `br#"…"#`) that starts here, if one does.
fn raw_string(chars: &[char], start: usize) -> Option<usize> {
    let mut at = start;
    if matches!(chars[at], 'b' | 'c') {
        at += 1;
    }
    if chars.get(at) != Some(&'r') {
        return None;
    }
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(at + 1 + hashes) != Some(&'"') {
        return None;
    }
    let closes =
        |rest: &[char]| rest[0] == '"' && rest[1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    Some(find(chars, at + 2 + hashes, closes) + 1 + hashes)
}

/// Marks what stands in `#[cfg(test)] mod name { … }`.
fn mark_tests(tokens: &mut [Token]) {
    const HEAD: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let mut index = 0;
    while index < tokens.len() {
        let is_module =
            texts(&tokens[index..]).take(8).eq(HEAD) && tokens.get(index + 9).is_some_and(|token| token.text == "{");
        if is_module {
            let mut depth = 0;
            for token in &mut tokens[index..] {
                token.in_test = true;
                match token.text.as_str() {
                    "{" => depth += 1,
                    "}" if depth == 1 => break,
                    "}" => depth -= 1,
                    _ => {}
                }
            }
        }
        index += 1;
    }
}

mod checker {
    use super::{check, check_loadgen};

    #[track_caller]
    fn finds(file: &str, source: &str, expected: &[&str]) {
        assert_eq!(check(file, source), expected, "{file}: {source}");
    }

    #[test]
    fn forbidden_edges_are_found_in_every_form() {
        let found = |line, named| format!("{line}: `storage` may not use `{named}`");
        for source in [
            "use crate::protocol::Parsed;",
            "use crate::{clock::Seconds, protocol};",
            "use crate::{self, clock::{Seconds, Now}, protocol::{a, b::c} };",
            "fn f() { crate::protocol::parse() }",
            "use super::super::super::protocol;",
            "mod tests { use super::super::super::super::protocol; }",
            "pub(in crate::protocol) fn f() {}",
        ] {
            assert!(check("storage/slab/page.rs", source).contains(&found(1, "protocol")), "{source}");
        }
        finds("storage/mod.rs", "use crate::{\n    clock,\n    server,\n};", &[&found(1, "server")]);
        finds("storage/mod.rs", "\nuse crate::*;", &[&found(2, "*")]);
        finds("storage.rs", "use super::shard;", &[&found(1, "shard")]);
        finds("config/mod.rs", "use crate::launch::run;", &["1: `config` may not use `launch`"]);
    }

    #[test]
    fn allowed_edges_pass() {
        for (file, source) in [
            (
                "storage/slab/page.rs",
                "use crate::clock::Seconds; use crate::storage::item; use super::{super::item, page};",
            ),
            ("storage/slab/page.rs", "mod tests { use super::*; use super::super::protocol; }"),
            ("server/mod.rs", "use crate::{clock, command, config, protocol, router}; mod router;"),
            ("launch.rs", "use crate::{server, admin, storage}; use glommio::LocalExecutor;"),
            ("main.rs", "fn main() { ringcached::launch::run() }"),
            ("clock.rs", "macro_rules! m { () => { $crate::storage::x } }"),
        ] {
            finds(file, source, &[]);
        }
    }

    #[test]
    fn comments_and_strings_do_not_count() {
        for source in [
            "// use crate::server;",
            "/* use /* nested */ crate::server; unsafe */",
            "const A: &str = \"crate::server::x \\\" unsafe\";",
            "const A: &str = r#\"unsafe \" glommio\"#;",
            "const A: &[u8] = br\"unsafe\";",
            "fn f<'a>(x: &'a u8) { let c = '\"'; let d = '\\''; let e = '\\u{22}'; }",
        ] {
            finds("clock.rs", source, &[]);
        }
        let behind = "fn f<'a>() { let c = '\"'; let d = '\\''; let e = b'\\\\'; unsafe {} }";
        finds("clock.rs", behind, &["1: `unsafe` is not allowed here"]);
        finds(
            "clock.rs",
            "// a\n/* b\n */ const A: &str = \"x\n\"; unsafe fn f() {}",
            &["4: `unsafe` is not allowed here"],
        );
    }

    #[test]
    fn runtimes_stay_in_their_places() {
        finds("router/mod.rs", "use glommio::Task;", &["1: `glommio` may not be named here"]);
        finds("shard/mod.rs", "use io_uring::IoUring;", &["1: `io_uring` may not be named here"]);
        finds("server/ring/mod.rs", "use io_uring::IoUring;", &[]);
        finds("server/executor.rs", "use glommio::LocalExecutor;", &[]);
        finds("server/executor/mod.rs", "use glommio::X;", &["1: `glommio` may not be named here"]);
    }

    #[test]
    fn unsafe_stays_in_its_places() {
        let source = "#![allow(unsafe_code)]\nunsafe fn f() {}";
        finds("storage/hash_table/bucket.rs", source, &[]);
        let found = ["1: `unsafe_code` is not allowed here", "2: `unsafe` is not allowed here"];
        finds("storage/store.rs", source, &found);
    }

    #[test]
    fn only_the_clock_reads_the_time() {
        let source = "use std::time::Instant; fn f() { Instant::now(); }";
        finds("clock.rs", source, &[]);
        finds("shard/mod.rs", source, &["1: only the clock reads the time"]);
        finds("shard/mod.rs", "fn f() { std::time::SystemTime::now() }", &["1: only the clock reads the time"]);
        finds("shard/mod.rs", "#[cfg(test)] mod tests { fn f() { Instant::now(); } }", &[]);
        let behind = "#[cfg(test)] mod tests { fn f() {} } fn g() { Instant::now(); }";
        finds("shard/mod.rs", behind, &["1: only the clock reads the time"]);
    }

    #[test]
    fn a_layer_without_a_row_is_found() {
        finds("extra/mod.rs", "", &["1: the layer `extra` is in no table"]);
    }

    #[test]
    fn the_load_generator_uses_the_vocabulary_only() {
        assert_eq!(check_loadgen("a.rs", "use ringcached::{command::Op, protocol};"), Vec::<String>::new());
        assert_eq!(check_loadgen("a.rs", "use ringcached::storage::Store;").len(), 1);
        assert_eq!(check_loadgen("a.rs", "use ringcached::{command, server::{a, b}};").len(), 2);
    }

    #[test]
    fn the_load_generator_is_unsafe_in_one_file() {
        let ring = "use io_uring::IoUring; fn a() { unsafe {} }";
        assert_eq!(check_loadgen("driver/batch.rs", ring), Vec::<String>::new());
        assert_eq!(check_loadgen("driver/mod.rs", ring).len(), 2);
    }
}
