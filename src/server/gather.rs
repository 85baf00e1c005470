//! Commands that every shard must answer before the client is.

use std::collections::VecDeque;

use super::replies::Sequence;
use crate::protocol::memcache::AdminForm;
use crate::router::{Change, Outcome, Report, Subject};

/// What is gathered.
pub(super) enum GatherKind {
    FlushAll { noreply: bool },
    Change { change: Change, noreply: bool },
    Stats(Box<[u8]>),
}

/// Answers of all shards, on their way to one reply. What it holds is bounded by the reports themselves: by the number
/// of slab classes, connections or kinds of commands.
pub(super) struct Gather {
    pub(super) connection: u32,
    pub(super) generation: u32,
    pub(super) sequence: Sequence,
    pub(super) form: AdminForm,
    pub(super) kind: GatherKind,
    /// What came of it so far, with the shard's number.
    outcomes: Vec<(usize, Outcome)>,
    /// Shards that have said all.
    finished: usize,
}

impl Gather {
    pub(super) fn new(connection: u32, generation: u32, sequence: Sequence, form: AdminForm, kind: GatherKind) -> Self {
        Gather { connection, generation, sequence, form, kind, outcomes: Vec::new(), finished: 0 }
    }

    /// A shard has answered. Returns what it is to be asked next, if that was not all.
    fn add(&mut self, shard: usize, outcome: Outcome) -> Option<Subject> {
        let next = match &outcome {
            Outcome::Report(report) => report.next(),
            Outcome::Done | Outcome::Refused(_) => None,
        };
        self.finished += usize::from(next.is_none());
        match (self.outcomes.iter_mut().find(|(of, _)| *of == shard), outcome) {
            (Some((_, Outcome::Report(whole))), Outcome::Report(piece)) => whole.append(*piece),
            (_, outcome) => self.outcomes.push((shard, outcome)),
        }
        next
    }

    /// What came of it, of each shard.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().map(|(_, outcome)| outcome)
    }

    /// Takes the reports among the outcomes, in the order of the shards.
    pub(super) fn reports(&mut self) -> Vec<(usize, Report)> {
        let reports = std::mem::take(&mut self.outcomes).into_iter().filter_map(|(shard, outcome)| match outcome {
            Outcome::Report(report) => Some((shard, *report)),
            Outcome::Done | Outcome::Refused(_) => None,
        });
        let mut reports: Vec<_> = reports.collect();
        reports.sort_by_key(|(shard, _)| *shard);
        reports
    }
}

/// A shard that is to be asked for the next piece of its report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Continuation {
    pub(super) gather: u32,
    pub(super) shard: usize,
    pub(super) subject: Subject,
}

/// The gathers under way, by number. At most one per reply outstanding.
#[derive(Default)]
pub(super) struct Gathers {
    places: Vec<Option<Gather>>,
    /// To be asked when it is their turn. At most one for each shard of each gather.
    pub(super) continuing: VecDeque<Continuation>,
}

impl Gathers {
    pub(super) fn insert(&mut self, gather: Gather) -> u32 {
        let free = self.places.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(gather);
        place as u32
    }

    /// A shard has answered.
    pub(super) fn add(&mut self, id: u32, shard: usize, outcome: Outcome) {
        if let Some(Some(gather)) = self.places.get_mut(id as usize)
            && let Some(subject) = gather.add(shard, outcome)
        {
            self.continuing.push_back(Continuation { gather: id, shard, subject });
        }
    }

    /// A shard is not asked for the rest of its report.
    pub(super) fn cut_short(&mut self, id: u32) {
        if let Some(Some(gather)) = self.places.get_mut(id as usize) {
            gather.finished += 1;
        }
    }

    /// The connection that waits for a gather, and its generation.
    pub(super) fn connection(&self, id: u32) -> Option<(u32, u32)> {
        let gather = self.places.get(id as usize)?.as_ref()?;
        Some((gather.connection, gather.generation))
    }

    pub(super) fn take_if_complete(&mut self, id: u32, shards: usize) -> Option<Gather> {
        self.places.get_mut(id as usize)?.take_if(|gather| gather.finished == shards)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(number: u32) -> Gather {
        Gather::new(number, 1, 0, AdminForm::Text, GatherKind::FlushAll { noreply: false })
    }

    #[test]
    fn a_gather_is_complete_when_every_shard_has_answered_and_its_place_is_used_again() {
        let mut gathers = Gathers::default();
        let (first, second) = (gathers.insert(gather(10)), gathers.insert(gather(20)));
        for shard in 0..2 {
            gathers.add(first, shard, Outcome::Done);
            assert!(gathers.take_if_complete(first, 3).is_none());
        }
        gathers.add(first, 2, Outcome::Done);
        let complete = gathers.take_if_complete(first, 3).expect("all have answered");
        assert_eq!((complete.connection, complete.outcomes.len()), (10, 3));
        assert!(gathers.take_if_complete(first, 3).is_none());
        assert_eq!(gathers.connection(first), None);
        assert_eq!(gathers.insert(gather(30)), first);
        assert!(gathers.take_if_complete(second, 0).is_some_and(|gather| gather.connection == 20));
    }

    #[test]
    fn a_report_in_pieces_is_asked_for_until_it_is_whole() {
        let mut gathers = Gathers::default();
        let id = gathers.insert(gather(10));
        let piece = |next| Outcome::Report(Box::new(Report::Connections(Vec::new(), next)));
        gathers.add(id, 1, piece(Some(Subject::Connections(5))));
        gathers.add(id, 0, piece(None));
        assert!(gathers.take_if_complete(id, 2).is_none());
        let continuation = gathers.continuing.pop_front();
        assert_eq!(continuation, Some(Continuation { gather: id, shard: 1, subject: Subject::Connections(5) }));
        gathers.add(id, 1, piece(None));
        let mut complete = gathers.take_if_complete(id, 2).expect("whole");
        assert_eq!(complete.reports().iter().map(|(shard, _)| *shard).collect::<Vec<_>>(), [0, 1]);
    }
}
