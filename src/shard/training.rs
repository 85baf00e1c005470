//! Has dictionaries trained by a thread that serves nobody: samples go out, dictionaries come back, nothing waits.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::execute::Shard;
use crate::storage::{TrainingSamples, train};

/// A shard's samples, and where their dictionary goes.
struct Job {
    samples: TrainingSamples,
    answer: Sender<Option<Vec<u8>>>,
}

/// Trains for all shards, one dictionary at a time.
pub struct Trainer {
    jobs: Receiver<Job>,
}

/// A shard's way to the trainer. It has at most one set of samples there.
pub struct TrainerPort {
    jobs: SyncSender<Job>,
    answer: Sender<Option<Vec<u8>>>,
    answers: Receiver<Option<Vec<u8>>>,
}

impl Trainer {
    /// A trainer and a port for each of so many shards.
    pub fn new(shards: usize) -> (Trainer, Vec<TrainerPort>) {
        let (to_trainer, jobs) = sync_channel(shards);
        let port = |_| {
            let (answer, answers) = channel();
            TrainerPort { jobs: to_trainer.clone(), answer, answers }
        };
        let ports = (0..shards).map(port).collect();
        (Trainer { jobs }, ports)
    }

    /// Trains until every port is gone.
    pub fn run(self) {
        for Job { samples, answer } in self.jobs {
            // Without its shard nobody wants it.
            let _ = answer.send(train(&samples));
        }
    }
}

impl Shard {
    /// Has its dictionaries trained there from now on.
    pub fn train_at(&mut self, trainer: TrainerPort) {
        self.trainer = Some(trainer);
    }

    /// Takes a dictionary that is done into use, and sends samples out if there are enough. To be called now and then.
    pub fn exchange_dictionaries(&mut self) {
        let Some(trainer) = &self.trainer else { return };
        if let Ok(dictionary) = trainer.answers.try_recv() {
            self.store.end_training(dictionary.as_deref());
        }
        if let Some(samples) = self.store.take_training_samples()
            && trainer.jobs.try_send(Job { samples, answer: trainer.answer.clone() }).is_err()
        {
            self.store.end_training(None);
        }
    }
}
