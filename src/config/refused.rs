//! The flags of memcached's that are refused, as the command line and the file meet them: by name, with the reason
//! of their row.

use super::memcached::{self, FLAGS, Row, Takes, Verdict};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

fn rows() -> impl Iterator<Item = &'static Row> {
    FLAGS.iter().filter(|row| row.verdict == Verdict::Refused)
}

/// Adds the refused flags, hidden, so that they are recognised in every spelling (`-vS`, `--enable-sasl`).
pub(super) fn add_to(command: Command) -> Command {
    rows().fold(command, |command, row| {
        let arg = Arg::new(row.name).short(row.letter).long(row.name).hide(true);
        command.arg(match row.takes {
            Takes::Nothing => arg.action(ArgAction::SetTrue),
            _ => arg.num_args(0..=1).default_missing_value("").allow_hyphen_values(false),
        })
    })
}

/// The refusal of the first refused flag that was given.
pub(super) fn find_in(command: &mut Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    match rows().find(|row| matches.value_source(row.name) == Some(ValueSource::CommandLine)) {
        Some(Row { letter, name, note, .. }) => {
            let letter = letter.unwrap_or_default();
            let text = format!("memcached's -{letter}/--{name} does not exist here: {note}");
            Err(command.error(ErrorKind::UnknownArgument, text))
        }
        None => Ok(()),
    }
}

/// Why memcached's long flag `name` does not exist here, if it is one that is refused.
pub(super) fn why(name: &str) -> Option<&'static str> {
    memcached::flag_named(name).filter(|row| row.verdict == Verdict::Refused).map(|row| row.note)
}
