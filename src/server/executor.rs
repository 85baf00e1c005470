//! The runtime that hosts a worker, and the only place besides `launch` that knows it.
//!
//! A worker runs as the one task of a pinned glommio executor. While there is work it turns; when there is none it
//! spins for a moment if other shards owe it answers, and then sleeps in its own ring, which its timers and its bell
//! wake. Sleeping in the executor's rings cost some six system calls and an interrupt of the other cores each time.

use std::io;

use glommio::executor;

use super::worker::Worker;

/// Looks at the mesh before a worker that awaits answers goes to sleep: some microseconds, a fraction of what
/// being woken costs.
const SPINS_BEFORE_SLEEP: u32 = 2000;
/// Turns of a stopping worker, which is never without work, between two looks at whether it is done.
const TURNS_PER_LOOK: u32 = 64;

/// Runs a worker until the server stops.
///
/// # Errors
/// When its ring fails.
pub async fn run(mut worker: Worker) -> io::Result<()> {
    let mut turns = 0u32;
    let spins: u32 = std::env::var("RC_SPIN").ok().and_then(|s| s.parse().ok()).unwrap_or(SPINS_BEFORE_SLEEP);
    loop {
        if worker.tick() {
            // A chance for the executor's own upkeep.
            executor().yield_task_queue_now().await;
        }
        worker.begin_to_stop();
        let worked = worker.turn()?;
        turns = turns.wrapping_add(1);
        if worker.is_stopping() {
            if (!worked || turns.is_multiple_of(TURNS_PER_LOOK)) && worker.is_drained() {
                return Ok(());
            }
            if !worked {
                worker.sleep_a_moment()?;
            }
        } else if !worker.awaits_peers() || (!worked && !spin(&mut worker, spins)) {
            worker.sleep()?;
        }
    }
}

/// Waits a moment for answers of other shards. Returns whether something came.
fn spin(worker: &mut Worker, spins: u32) -> bool {
    (0..spins).any(|_| {
        std::hint::spin_loop();
        worker.has_news()
    })
}
