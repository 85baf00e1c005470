//! Commands that every shard must answer before the client is.

use super::replies::Sequence;
use crate::protocol::memcache::AdminForm;
use crate::router::Outcome;

/// What is gathered.
pub(super) enum GatherKind {
    FlushAll { noreply: bool },
    StatsReset,
    Stats(Box<[u8]>),
}

/// Answers of all shards, on their way to one reply.
pub(super) struct Gather {
    pub(super) connection: u32,
    pub(super) generation: u32,
    pub(super) sequence: Sequence,
    pub(super) form: AdminForm,
    pub(super) kind: GatherKind,
    pub(super) outcomes: Vec<Outcome>,
}

impl Gather {
    pub(super) fn new(connection: u32, generation: u32, sequence: Sequence, form: AdminForm, kind: GatherKind) -> Self {
        Gather { connection, generation, sequence, form, kind, outcomes: Vec::new() }
    }

    /// A shard has answered.
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }
}

/// The gathers under way, by number. At most one per reply outstanding.
#[derive(Default)]
pub(super) struct Gathers {
    places: Vec<Option<Gather>>,
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

    pub(super) fn at(&mut self, id: u32, change: impl FnOnce(&mut Gather)) {
        if let Some(Some(gather)) = self.places.get_mut(id as usize) {
            change(gather);
        }
    }

    pub(super) fn take_if_complete(&mut self, id: u32, shards: usize) -> Option<Gather> {
        self.places.get_mut(id as usize)?.take_if(|gather| gather.outcomes.len() == shards)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gather_is_complete_when_every_shard_has_answered_and_its_place_is_used_again() {
        let mut gathers = Gathers::default();
        let gather = |number| Gather::new(number, 1, 0, AdminForm::Text, GatherKind::StatsReset);
        let (first, second) = (gathers.insert(gather(10)), gathers.insert(gather(20)));
        for _ in 0..2 {
            gathers.at(first, |gather| gather.add(Outcome::Done));
            assert!(gathers.take_if_complete(first, 3).is_none());
        }
        gathers.at(first, |gather| gather.add(Outcome::Done));
        let complete = gathers.take_if_complete(first, 3).expect("all have answered");
        assert_eq!((complete.connection, complete.outcomes.len()), (10, 3));
        assert!(gathers.take_if_complete(first, 3).is_none());
        gathers.at(first, |_| panic!("it is gone"));
        assert_eq!(gathers.insert(gather(30)), first);
        assert!(gathers.take_if_complete(second, 0).is_some_and(|gather| gather.connection == 20));
    }
}
