//! The thread that trains dictionaries for all shards, at the lowest priority and on any core.

use std::io;
use std::thread;

use rustix::process::setpriority_process;
use tracing::debug;

use crate::shard::{Trainer, TrainerPort};

/// As nice as a thread can be.
const NICENESS: i32 = 19;

/// Starts the thread, which ends with the last of the ports. To be called before the shards' threads are pinned.
pub(super) fn start(shards: usize) -> io::Result<Vec<TrainerPort>> {
    let (trainer, ports) = Trainer::new(shards);
    thread::Builder::new().name("trainer".to_owned()).spawn(move || {
        // Linux has a priority for each thread. Without it the work is done all the same.
        if let Err(error) = setpriority_process(None, NICENESS) {
            debug!("training runs at the usual priority: {error}");
        }
        trainer.run();
    })?;
    Ok(ports)
}
