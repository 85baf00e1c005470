//! Everything that keeps a command from doing its work, told in words.

use std::io;
use std::path::PathBuf;

/// Why a command could not do, or not finish, its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option contradicts another one or the host, or names something that is not there.
    #[error("{0}")]
    Usage(String),
    /// A file or directory could not be read.
    #[error("reading {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or directory could not be written.
    #[error("writing {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A change could not be made; those before it were taken back.
    #[error("{cause}; what had been changed before was changed back")]
    Reverted {
        /// The change that failed.
        cause: Box<Error>,
    },
    /// A change could not be made, and neither could all of those before it be taken back.
    #[error("{cause}; {count} of the changes before could not be changed back: run `ringtune undo {}`", undo_file.display())]
    HalfDone {
        /// The change that failed.
        cause: Box<Error>,
        /// How many could not be taken back.
        count: usize,
        /// What holds the old values.
        undo_file: PathBuf,
    },
    /// An undo file is not one.
    #[error("{} is no undo file: {reason}", path.display())]
    UndoFile {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A program could not be started.
    #[error("starting {}: {source}", program.display())]
    Start {
        /// Which.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program that was started did not do its work.
    #[error("{program} {flags}: {said}")]
    Program {
        /// Its name.
        program: &'static str,
        /// How it was called.
        flags: String,
        /// Its own words, or what was seen of it.
        said: String,
    },
    /// Signals cannot be held back.
    #[error("waiting for signals: {0}")]
    Signals(io::Error),
    /// SIGINT came before there was anything to show.
    #[error("interrupted before anything was measured")]
    Interrupted,
}

impl Error {
    /// The error of reading `path`.
    pub fn read(path: impl Into<PathBuf>, source: io::Error) -> Error {
        Error::Read { path: path.into(), source }
    }

    /// The error of writing `path`.
    pub fn write(path: impl Into<PathBuf>, source: io::Error) -> Error {
        Error::Write { path: path.into(), source }
    }
}
