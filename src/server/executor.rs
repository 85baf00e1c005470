//! The runtime that hosts a worker, and the only place besides `launch` that knows it.
//!
//! A worker runs as the one task of a pinned glommio executor. While there is work it turns; when there is none it
//! looks for some for a moment, if other shards owe it answers or it is told to, and then sleeps in its own ring, which its timers and its bell
//! wake. Sleeping in the executor's rings cost some six system calls and an interrupt of the other cores each time.

use std::io;

use glommio::executor;

use super::worker::Worker;

/// How long a worker that awaits answers of other shards looks for them before it sleeps, in nanoseconds: a fraction of
/// what being woken costs.
const PATIENCE_NANOS: u64 = 4_000;
/// Looks for work between two looks at the clock.
const LOOKS_PER_TIMING: u32 = 8;
/// Turns of a stopping worker, which is never without work, between two looks at whether it is done.
const TURNS_PER_LOOK: u32 = 64;

/// Runs a worker until the server stops. Without work it looks for some for `spin_us` microseconds before it sleeps.
///
/// # Errors
/// When its ring fails.
pub async fn run(mut worker: Worker, spin_us: u32) -> io::Result<()> {
    let spin_nanos = u64::from(spin_us) * 1000;
    let mut turns = 0u32;
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
            continue;
        }
        let patience_nanos = if worker.awaits_peers() { spin_nanos.max(PATIENCE_NANOS) } else { spin_nanos };
        // One system call submits what the turn has left and sleeps, unless something is to be waited for awake.
        if patience_nanos == 0 || (!worked && !spin(&mut worker, patience_nanos)) {
            worker.sleep()?;
        }
    }
}

/// Looks for work. Returns whether there is some.
fn spin(worker: &mut Worker, patience_nanos: u64) -> bool {
    let until_nanos = worker.nanos() + patience_nanos;
    loop {
        for _ in 0..LOOKS_PER_TIMING {
            if worker.has_news() {
                return true;
            }
            std::hint::spin_loop();
        }
        if worker.nanos() >= until_nanos {
            return false;
        }
    }
}
