//! `-P`: a file that holds the process's number while it runs.

use super::ConfigError;
use std::fs;
use std::path::{Path, PathBuf};

/// A pidfile that was written. [`PidFile::remove`] takes it away at shutdown.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    content: String,
}

impl PidFile {
    /// Writes this process's number to `path`, over whatever an earlier process left there. Nobody reads half a
    /// file: it is written beside and renamed.
    pub fn write(path: &Path) -> Result<Self, ConfigError> {
        let fail = |cause: std::io::Error| ConfigError::PidFile { path: path.to_owned(), cause: cause.to_string() };
        let content = format!("{}\n", std::process::id());
        let mut beside = path.to_owned().into_os_string();
        beside.push(".new");
        fs::write(&beside, &content).map_err(fail)?;
        if let Err(cause) = fs::rename(&beside, path) {
            let _ = fs::remove_file(&beside);
            return Err(fail(cause));
        }
        Ok(PidFile { path: path.to_owned(), content })
    }

    /// Removes the file, unless another process has written its number since. A file that cannot be removed (the
    /// directory is root's, privileges are dropped) is left: the next start writes over it.
    pub fn remove(self) {
        if fs::read_to_string(&self.path).is_ok_and(|content| content == self.content) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Tree;

    #[test]
    fn written_whole_and_removed() {
        let tree = Tree::new(&[("pid", "stale")]);
        let path = tree.root().join("pid");
        let file = PidFile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), std::process::id().to_string());
        assert_eq!(fs::read_dir(tree.root()).unwrap().count(), 1);
        file.remove();
        assert!(!path.exists());
    }

    #[test]
    fn another_processs_file_stays() {
        let tree = Tree::new(&[]);
        let path = tree.root().join("pid");
        let file = PidFile::write(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        file.remove();
        assert!(path.exists());
    }

    #[test]
    fn an_unwritable_path_is_named() {
        let error = PidFile::write(Path::new("/no/such/directory/pid")).unwrap_err();
        assert!(error.to_string().contains("/no/such/directory/pid"));
    }
}
