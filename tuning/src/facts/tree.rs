//! The file tree of a host: the running one's, or a recorded one below a prefix. It remembers what was read, so that
//! recording a host is reading it and writing down what was read.

use crate::Error;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Most bytes that are read of one file: /proc/interrupts of a thousand CPUs and as many interrupts.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Most entries of a directory that are looked at.
const ENTRIES_MAX: usize = 65_536;

/// Where a tree keeps what no file of the host tells.
const RECORDED: &str = "recorded";

/// What was found under a path.
enum Found {
    Text(String),
    /// The names in it.
    Directory(Vec<String>),
}

/// A host's files.
pub struct Tree {
    root: PathBuf,
    /// The process that `proc/self` stands for; `None` for whoever reads.
    pid: Option<u32>,
    found: RefCell<BTreeMap<String, Found>>,
}

impl Tree {
    /// The tree below `root`, where `/` is the running host. `proc/self` is the process `pid` if one is given.
    pub fn open(root: &Path, pid: Option<u32>) -> Result<Tree, Error> {
        if !root.join("proc").is_dir() {
            let root = root.display();
            return Err(Error::Usage(format!("{root} is no host's file tree: there is no {root}/proc")));
        }
        let tree = Tree { root: root.to_owned(), pid, found: RefCell::default() };
        if let Some(pid) = pid
            && !tree.root.join(format!("proc/{pid}")).is_dir()
        {
            return Err(Error::Usage(format!("there is no process {pid}")));
        }
        Ok(tree)
    }

    /// Whether this is the running host, where programs can be asked too.
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Where the file `path`, relative to the root, is on this machine.
    pub fn locate(&self, path: &str) -> PathBuf {
        match (self.pid, path.strip_prefix("proc/self/")) {
            (Some(pid), Some(rest)) => self.root.join(format!("proc/{pid}/{rest}")),
            _ => self.root.join(path),
        }
    }

    /// The content of a file; `None` if there is none that can be read.
    pub fn text(&self, path: &str) -> Option<String> {
        let mut bytes = Vec::new();
        let file = fs::File::open(self.locate(path)).ok()?;
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.found.borrow_mut().insert(path.to_owned(), Found::Text(text.clone()));
        Some(text)
    }

    /// The content of a file without the white space around it.
    pub fn word(&self, path: &str) -> Option<String> {
        self.text(path).map(|text| text.trim().to_owned())
    }

    /// What a file's whole content says, if it can be understood.
    pub fn value<T: FromStr>(&self, path: &str) -> Option<T> {
        self.word(path)?.parse().ok()
    }

    /// The names in a directory; those that end in numbers are in the order of these.
    pub fn list(&self, path: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.locate(path)) else { return Vec::new() };
        let names = entries.flatten().take(ENTRIES_MAX).filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort_by_cached_key(|name| {
            let (stem, number) = split_number(name);
            (stem.to_owned(), number, name.clone())
        });
        self.found.borrow_mut().insert(path.to_owned(), Found::Directory(names.clone()));
        names
    }

    /// What a program or a system call tells on the running host, and what was recorded of it elsewhere under `name`.
    pub fn told(&self, name: &str, ask: impl FnOnce() -> Option<String>) -> Option<String> {
        let path = format!("{RECORDED}/{name}");
        if !self.is_live() {
            return self.text(&path);
        }
        let text = ask()?;
        self.found.borrow_mut().insert(path, Found::Text(text.clone()));
        Some(text)
    }

    /// Writes everything that was read so far below `directory`, which must not be there or be empty. Returns the
    /// number of files.
    pub fn save(&self, directory: &Path) -> Result<usize, Error> {
        if fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Error::Usage(format!("{} is not empty; name a new directory", directory.display())));
        }
        let mut files = 0;
        for (path, found) in self.found.borrow().iter() {
            let target = directory.join(path);
            let parent = if matches!(found, Found::Directory(_)) { Some(target.as_path()) } else { target.parent() };
            if let Some(parent) = parent {
                fs::create_dir_all(parent).map_err(|source| Error::write(parent, source))?;
            }
            if let Found::Text(text) = found {
                fs::write(&target, text).map_err(|source| Error::write(&target, source))?;
                files += 1;
            }
        }
        // Names are facts as well, where nothing below them was read.
        for (path, found) in self.found.borrow().iter() {
            let Found::Directory(names) = found else { continue };
            for target in names.iter().map(|name| directory.join(path).join(name)).filter(|target| !target.exists()) {
                fs::write(&target, "").map_err(|source| Error::write(&target, source))?;
                files += 1;
            }
        }
        Ok(files)
    }
}

/// A name's number at its end, and what stands before it.
pub(super) fn split_number(name: &str) -> (&str, Option<u64>) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (stem, name[stem.len()..].parse().ok())
}
