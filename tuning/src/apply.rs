//! Writing changes to a host, after their old values went to an undo file; and taking them back from there.

use crate::Error;
use crate::change::{Change, Kind};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The version of the undo file's format.
const FORMAT: u32 = 1;

/// Longest undo file that is read, in bytes: hundreds of queues.
const UNDO_BYTES_MAX: u64 = 1 << 20;

/// What an undo file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Undo {
    ringtune_undo: u32,
    changes: Vec<Done>,
}

/// A change, and what was there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// The file, on the host.
    pub path: String,
    /// What it held; `None` where it was not there.
    pub old: Option<String>,
    /// What it was made to hold.
    pub new: String,
    /// Directories that had to be made for it, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<String>,
}

/// What became of a change that was to be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// It was.
    Yes,
    /// The old content was there already.
    Already,
    /// Somebody changed the file since; it was left as it is.
    Changed,
}

/// What is to be written: without what holds its new content already. Reads only.
pub fn prepare(root: &Path, changes: Vec<Change>) -> Result<Vec<Done>, Error> {
    let mut prepared = Vec::new();
    for Change { path, new } in changes {
        let Some(kind) = Kind::of(&path) else {
            return Err(Error::Usage(format!("{path} is no file that is changed")));
        };
        let old = read(root, &path)?;
        if old.is_none() && kind != Kind::Text {
            return Err(Error::read(locate(root, &path), io::ErrorKind::NotFound.into()));
        }
        if old.as_ref().is_some_and(|old| kind.is_same(old, &new)) {
            continue;
        }
        let directories = if old.is_none() { missing(root, &path) } else { Vec::new() };
        prepared.push(Done { path, old, new, directories });
    }
    Ok(prepared)
}

/// Writes the old values to `undo_file`, which must be new, and then the new ones to the host. If one cannot be
/// written, those before it are taken back.
pub fn apply(root: &Path, changes: &[Done], undo_file: &Path) -> Result<(), Error> {
    let undo = Undo { ringtune_undo: FORMAT, changes: changes.to_vec() };
    save(undo_file, &undo)?;
    for (at, change) in changes.iter().enumerate() {
        let Err(cause) = write(root, change) else { continue };
        let back = changes[..=at].iter().rev().filter(|done| restore(root, done).is_err()).count();
        let cause = Box::new(cause);
        if back > 0 {
            return Err(Error::HalfDone { cause, count: back, undo_file: undo_file.to_owned() });
        }
        // Everything is as it was, so there is nothing to undo.
        return match fs::remove_file(undo_file) {
            Ok(()) => Err(Error::Reverted { cause }),
            Err(source) => Err(Error::write(undo_file, source)),
        };
    }
    Ok(())
}

/// Reads an undo file. Everything in it is checked before anything is changed.
pub fn load(undo_file: &Path) -> Result<Vec<Done>, Error> {
    let refuse = |reason: String| Error::UndoFile { path: undo_file.to_owned(), reason };
    let length = fs::metadata(undo_file).map_err(|source| Error::read(undo_file, source))?.len();
    if length > UNDO_BYTES_MAX {
        return Err(refuse(format!("it has {length} bytes; they end at {UNDO_BYTES_MAX}")));
    }
    let text = fs::read_to_string(undo_file).map_err(|source| Error::read(undo_file, source))?;
    let undo: Undo = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    if undo.ringtune_undo != FORMAT {
        return Err(refuse(format!("it has the format {}; this ringtune knows {FORMAT}", undo.ringtune_undo)));
    }
    for change in &undo.changes {
        if Kind::of(&change.path).is_none() {
            return Err(refuse(format!("ringtune never changes {}", change.path)));
        }
        let above = |directory: &&String| !Path::new(&change.path).starts_with(directory.as_str());
        if let Some(directory) = change.directories.iter().find(above) {
            return Err(refuse(format!("{directory} is not above {}", change.path)));
        }
    }
    Ok(undo.changes)
}

/// What taking `change` back would come to; `force` takes back what somebody changed since, too.
pub fn judge(root: &Path, change: &Done, force: bool) -> Result<Restored, Error> {
    let now = read(root, &change.path)?;
    let kind = Kind::of(&change.path).unwrap_or(Kind::Text);
    let is = |content: &Option<String>| match (&now, content) {
        (Some(now), Some(content)) => kind.is_same(now, content),
        (None, None) => true,
        _ => false,
    };
    Ok(match () {
        () if is(&change.old) => Restored::Already,
        () if force || is(&Some(change.new.clone())) => Restored::Yes,
        () => Restored::Changed,
    })
}

/// Takes `change` back, whatever is there.
pub fn restore(root: &Path, change: &Done) -> Result<(), Error> {
    let target = locate(root, &change.path);
    let Some(old) = &change.old else {
        match fs::remove_file(&target) {
            Err(error) if !is_absence(&error) => return Err(Error::write(target, error)),
            _ => {}
        }
        for directory in change.directories.iter().rev() {
            // What has got other files since stays.
            let _ = fs::remove_dir(locate(root, directory));
        }
        return Ok(());
    };
    fs::write(&target, old).map_err(|source| Error::write(target, source))
}

fn write(root: &Path, change: &Done) -> Result<(), Error> {
    let target = locate(root, &change.path);
    if let (None, Some(parent)) = (&change.old, target.parent()) {
        fs::create_dir_all(parent).map_err(|source| Error::write(parent, source))?;
    }
    fs::write(&target, &change.new).map_err(|source| Error::write(target, source))
}

fn save(undo_file: &Path, undo: &Undo) -> Result<(), Error> {
    let failed = |source| Error::write(undo_file, source);
    let mut text = serde_json::to_vec_pretty(undo).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    // A former undo file is the only way back: it is never written over.
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(undo_file).map_err(failed)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)
}

fn read(root: &Path, path: &str) -> Result<Option<String>, Error> {
    let target = locate(root, path);
    match fs::read_to_string(&target) {
        Ok(text) => Ok(Some(text)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(source) => Err(Error::read(target, source)),
    }
}

/// The directories above `path` that are not there, the outermost first.
fn missing(root: &Path, path: &str) -> Vec<String> {
    let above = Path::new(path).ancestors().skip(1).map(|directory| directory.display().to_string());
    let mut missing: Vec<String> = above.take_while(|directory| !locate(root, directory).exists()).collect();
    missing.reverse();
    missing
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn locate(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IRQ: &str = "/proc/irq/7/smp_affinity_list";

    fn host() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc/irq/7")).unwrap();
        fs::write(locate(root.path(), IRQ), "0-3\n").unwrap();
        root
    }

    fn change(path: &str, new: &str) -> Change {
        Change { path: path.to_owned(), new: new.to_owned() }
    }

    #[test]
    fn what_is_so_already_is_left_alone() {
        let host = host();
        assert_eq!(prepare(host.path(), vec![change(IRQ, "0,1,2,3")]).unwrap(), []);
        let absent = prepare(host.path(), vec![change("/proc/irq/8/smp_affinity_list", "1")]).unwrap_err();
        assert!(absent.to_string().contains("/proc/irq/8"), "{absent}");
    }

    #[test]
    fn a_failure_takes_back_what_was_done() {
        let host = host();
        let undo = host.path().join("undo.json");
        let mut changes = prepare(host.path(), vec![change(IRQ, "1\n")]).unwrap();
        // The kernel refuses to move some interrupts; a directory refuses to be written just as well.
        fs::create_dir_all(host.path().join("proc/irq/9/smp_affinity_list")).unwrap();
        let path = "/proc/irq/9/smp_affinity_list".to_owned();
        changes.push(Done { path, old: None, new: "1\n".to_owned(), directories: Vec::new() });
        let error = apply(host.path(), &changes, &undo).unwrap_err();
        assert!(matches!(error, Error::HalfDone { count: 1, .. }), "{error}");
        assert_eq!(fs::read_to_string(locate(host.path(), IRQ)).unwrap(), "0-3\n");
        assert!(undo.exists(), "it is the way back");
    }

    #[test]
    fn a_failure_that_could_be_taken_back_leaves_nothing() {
        let host = host();
        let undo = host.path().join("undo.json");
        // Nothing can be made below a file.
        fs::write(host.path().join("etc"), "").unwrap();
        let changes = prepare(host.path(), vec![change(IRQ, "1\n"), change(crate::change::DROP_IN, "x")]).unwrap();
        let error = apply(host.path(), &changes, &undo).unwrap_err();
        assert!(matches!(error, Error::Reverted { .. }), "{error}");
        assert_eq!(fs::read_to_string(locate(host.path(), IRQ)).unwrap(), "0-3\n");
        assert!(!undo.exists());
    }

    #[test]
    fn an_undo_file_is_never_written_over() {
        let host = host();
        let undo = host.path().join("undo.json");
        fs::write(&undo, "precious").unwrap();
        let changes = prepare(host.path(), vec![change(IRQ, "1\n")]).unwrap();
        apply(host.path(), &changes, &undo).unwrap_err();
        assert_eq!(fs::read_to_string(locate(host.path(), IRQ)).unwrap(), "0-3\n");
        assert_eq!(fs::read_to_string(undo).unwrap(), "precious");
    }

    #[test]
    fn what_somebody_changed_since_is_known() {
        let host = host();
        let changes = prepare(host.path(), vec![change(IRQ, "1\n")]).unwrap();
        assert_eq!(judge(host.path(), &changes[0], false).unwrap(), Restored::Already);
        apply(host.path(), &changes, &host.path().join("undo.json")).unwrap();
        assert_eq!(judge(host.path(), &changes[0], false).unwrap(), Restored::Yes);
        fs::write(locate(host.path(), IRQ), "2\n").unwrap();
        assert_eq!(judge(host.path(), &changes[0], false).unwrap(), Restored::Changed);
        assert_eq!(judge(host.path(), &changes[0], true).unwrap(), Restored::Yes);
    }

    #[test]
    fn undo_files_that_are_none_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("undo.json");
        for (text, words) in [
            ("", "EOF"),
            ("{}", "ringtune_undo"),
            (r#"{"ringtune_undo": 2, "changes": []}"#, "format 2"),
            (r#"{"ringtune_undo": 1, "changes": [{"path": "/etc/passwd", "old": "", "new": ""}]}"#, "never changes"),
            (
                r#"{"ringtune_undo": 1, "changes": [{"path": "/proc/irq/7/smp_affinity_list", "old": null, "new": "",
                    "directories": ["/home"]}]}"#,
                "is not above",
            ),
        ] {
            fs::write(&path, text).unwrap();
            let error = load(&path).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(load(&directory.path().join("none")).is_err());
    }
}
