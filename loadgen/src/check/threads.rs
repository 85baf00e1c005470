//! The threads of a check: each drives its share of the connections.

use std::{sync::Barrier, thread};

use crate::{
    cli::CheckArgs,
    clock::{Clock, Nanos},
    cores,
    driver::{Agent, Driver},
    error::Error,
    progress::{self, Answered},
};

/// The connections of one thread, numbered among all, and the moment when it begins.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    pub first: u64,
    pub count: u64,
    pub begin: Nanos,
}

/// As many threads as cores are named.
pub struct Threads<'a> {
    args: &'a CheckArgs,
    pins: Vec<Option<usize>>,
}

impl<'a> Threads<'a> {
    /// Refused in words if a thread would have no connection.
    pub fn new(args: &'a CheckArgs) -> Result<Self, Error> {
        let pins = args.common.pins();
        let threads = pins.len();
        if (args.connections as usize) < threads {
            return Err(Error::Usage(format!("{threads} cores need at least {threads} connections")));
        }
        Ok(Threads { args, pins })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.pins.len()
    }

    /// Lets each thread drive an agent of its own until it finishes, all from the same moment on; gives what `finish`
    /// makes of the agents, and the clock. A value that an agent must see whole has at most `value_len_max` bytes.
    pub fn drive<A: Agent, T: Send>(
        &self,
        value_len_max: usize,
        answered: &Answered,
        begin: impl Fn(Share) -> A + Sync,
        finish: impl Fn(A) -> T + Sync,
    ) -> Result<(Vec<T>, Clock), Error> {
        let (args, threads) = (self.args, self.pins.len() as u64);
        let connections = u64::from(args.connections);
        let endpoint = args.common.endpoint()?;
        let clock = Clock::start();
        let barrier = Barrier::new(self.pins.len());
        let (endpoint, barrier, begin, finish) = (&endpoint, &barrier, &begin, &finish);
        let ended: Vec<Result<T, Error>> = thread::scope(|scope| {
            let workers: Vec<_> = (0u64..)
                .zip(&self.pins)
                .map(|(index, core)| {
                    let first = connections * index / threads;
                    let count = connections * (index + 1) / threads - first;
                    scope.spawn(move || {
                        let prepared = core
                            .map_or(Ok(()), cores::pin)
                            .and_then(|()| Driver::connect(endpoint, count as usize, value_len_max, clock));
                        // Also a thread that failed arrives here, or the others would wait for ever.
                        barrier.wait();
                        let mut driver = prepared?;
                        let mut agent = begin(Share { first, count, begin: clock.now() });
                        driver.drive(&mut agent)?;
                        Ok(finish(agent))
                    })
                })
                .collect();
            let total = args.requests.unwrap_or(0);
            progress::watch("checking", answered, total, || workers.iter().all(|worker| worker.is_finished()));
            workers.into_iter().map(|worker| worker.join().unwrap_or(Err(Error::Thread))).collect()
        });
        Ok((ended.into_iter().collect::<Result<_, _>>()?, clock))
    }
}
