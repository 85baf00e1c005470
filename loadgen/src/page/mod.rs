//! One page of HTML with the figures of one or several runs: tables and plots, readable from a file, without a
//! network, scripts or fonts of its own, in a light and a dark scheme.
//!
//! The page is made from the JSON of the results, so that a run of now and one of last year are shown alike. Knows
//! neither the load nor the clock.

mod document;
mod plot;
mod plots;
mod result;
mod scale;

use std::path::Path;

use crate::{cli::ReportArgs, error::Error};
pub use result::Run;

/// Most results on one page: more colours are not told apart.
pub const RUNS_MAX: usize = 8;

/// Reads results, and writes the page that compares them.
pub fn report(args: &ReportArgs) -> Result<bool, Error> {
    let runs = args.results.iter().map(|path| Run::read(path)).collect::<Result<Vec<_>, _>>()?;
    write(&args.output, &runs)?;
    println!("{}", args.output.display());
    Ok(true)
}

/// Writes the page.
pub fn write(path: &Path, runs: &[Run]) -> Result<(), Error> {
    std::fs::write(path, document::page(runs)).map_err(|source| Error::Output { path: path.into(), source })
}
