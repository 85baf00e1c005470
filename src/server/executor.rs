//! The runtime that hosts a worker, and the only place besides `launch` that knows it.
//!
//! A worker runs as one task of a pinned glommio executor. While there is work it turns, yielding to the
//! executor's other tasks between turns; when there is none it spins for a moment if other shards owe it
//! answers, and then sleeps on its event descriptor, which its ring and its peers signal.

#![allow(unsafe_code)] // glommio has no safe way to read from a descriptor that it did not open.

use std::cell::Cell;
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use glommio::io::BufferedFile;
use glommio::{executor, spawn_local, timer};

use super::worker::Worker;
use crate::router::Doorbell;

/// Turns between two chances for the executor's other work: the ticks, when the worker never sleeps.
const TURNS_PER_YIELD: u32 = 64;
/// Looks at the mesh before a worker that awaits answers goes to sleep: some microseconds, a fraction of what
/// being woken costs.
const SPINS_BEFORE_SLEEP: u32 = 2000;
/// Time between two ticks of housekeeping.
const TICK: Duration = Duration::from_secs(1);
/// Time between two looks at whether a stopping server has answered everything.
const DRAIN_STEP: Duration = Duration::from_micros(500);

/// Runs a worker until the server stops.
///
/// # Errors
/// When its ring or its event descriptor fails.
pub async fn run(mut worker: Worker, bell: &Doorbell) -> io::Result<()> {
    let parker = Parker::new(bell.event_clone()?);
    let tick = Rc::new(Cell::new(false));
    let ticker = spawn_local(tick_for_ever(tick.clone(), bell.event_clone()?)).detach();
    let mut turns = 0u32;
    loop {
        if tick.take() {
            worker.tick();
        }
        worker.begin_to_stop();
        let worked = worker.turn()?;
        turns = turns.wrapping_add(1);
        if turns.is_multiple_of(TURNS_PER_YIELD) {
            executor().yield_task_queue_now().await;
        }
        if worker.is_stopping() {
            if (!worked || turns.is_multiple_of(TURNS_PER_YIELD)) && worker.is_drained() {
                break;
            }
            if !worked {
                timer::sleep(DRAIN_STEP).await;
            }
        } else if !worked && !spin(&worker) && worker.prepare_sleep()? {
            parker.wait().await?;
            worker.wake_up();
        }
    }
    ticker.cancel();
    Ok(())
}

/// Waits a moment for answers of other shards, if any are outstanding. Returns whether something came.
fn spin(worker: &Worker) -> bool {
    let spins = if worker.awaits_peers() { SPINS_BEFORE_SLEEP } else { 0 };
    (0..spins).any(|_| {
        std::hint::spin_loop();
        worker.has_arrivals()
    })
}

async fn tick_for_ever(tick: Rc<Cell<bool>>, event: OwnedFd) {
    let bell = Doorbell::new(event);
    loop {
        timer::sleep(TICK).await;
        tick.set(true);
        bell.ring_unconditionally();
    }
}

/// Sleeps on an event descriptor.
struct Parker(BufferedFile);

impl Parker {
    fn new(event: OwnedFd) -> Self {
        // SAFETY: the descriptor is open and ours; the file takes it over and closes it.
        Parker(unsafe { BufferedFile::from_raw_fd(event.into_raw_fd()) })
    }

    /// Waits until the event was signalled since the last wait.
    async fn wait(&self) -> io::Result<()> {
        self.0.read_at(0, size_of::<u64>()).await.map(drop).map_err(io::Error::from)
    }
}
