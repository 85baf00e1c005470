//! Dictionaries by version. One is current; an older one is kept as long as an item needs it to be read.

use super::prefix::Coding;
use zstd_safe::DDict;

/// Versions kept at a time. While items hold on to so many, no new one is trained.
pub(super) const VERSIONS_MAX: usize = 8;

/// One dictionary, as it is needed for reading.
struct Version {
    number: u32,
    decoder: DDict<'static>,
    /// Items that were compressed by it.
    items: u64,
}

/// See the module's documentation. An item names the slot, which is shorter than the version's number.
#[derive(Default)]
pub(super) struct Dictionaries {
    slots: [Option<Version>; VERSIONS_MAX],
    current: Option<u8>,
    last_number: u32,
}

impl Dictionaries {
    /// The dictionary to compress with.
    pub(super) fn current(&self) -> Option<Coding> {
        self.current.map(Coding::Dictionary)
    }

    /// The number of the current version, from 1; 0 if there is none.
    pub(super) fn current_number(&self) -> u32 {
        let version = self.current.and_then(|slot| self.slots[usize::from(slot)].as_ref());
        version.map_or(0, |version| version.number)
    }

    /// Whether a new version would have a slot.
    pub(super) fn has_room(&self) -> bool {
        self.slots.iter().any(Option::is_none)
    }

    /// Versions kept.
    pub(super) fn kept(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// Makes a dictionary the current one. False if there is no slot or no memory.
    pub(super) fn install(&mut self, dictionary: &[u8]) -> bool {
        let Some(slot) = self.slots.iter().position(Option::is_none) else { return false };
        let Some(decoder) = DDict::try_create(dictionary) else { return false };
        self.last_number += 1;
        self.slots[slot] = Some(Version { number: self.last_number, decoder, items: 0 });
        self.current = Some(slot as u8);
        self.retire();
        true
    }

    /// Forgets versions that nothing needs.
    fn retire(&mut self) {
        let current = self.current.map(usize::from);
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if Some(index) != current && slot.as_ref().is_some_and(|version| version.items == 0) {
                *slot = None;
            }
        }
    }

    /// What a value needs for being read, if it needs a dictionary.
    pub(super) fn decoder(&self, coding: Coding) -> Option<&DDict<'static>> {
        let Coding::Dictionary(slot) = coding else { return None };
        self.slots.get(usize::from(slot))?.as_ref().map(|version| &version.decoder)
    }

    /// Items that use the dictionary of a coding; for tests.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn items(&self, slot: usize) -> Option<u64> {
        self.slots.get(slot)?.as_ref().map(|version| version.items)
    }

    /// An item of this coding is there now.
    pub(super) fn item_added(&mut self, coding: Coding) {
        if let Some(version) = self.version_mut(coding) {
            version.items += 1;
        }
    }

    /// An item of this coding is gone. True if it was the last one that needed its dictionary.
    pub(super) fn item_removed(&mut self, coding: Coding) -> bool {
        let Some(version) = self.version_mut(coding) else { return false };
        debug_assert!(version.items > 0);
        version.items = version.items.saturating_sub(1);
        let was_last = version.items == 0;
        if was_last {
            self.retire();
        }
        was_last
    }

    /// No item is left.
    pub(super) fn all_items_removed(&mut self) {
        self.slots.iter_mut().flatten().for_each(|version| version.items = 0);
        self.retire();
    }

    fn version_mut(&mut self, coding: Coding) -> Option<&mut Version> {
        let Coding::Dictionary(slot) = coding else { return None };
        self.slots.get_mut(usize::from(slot))?.as_mut()
    }

    /// Memory of all versions.
    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.iter().flatten().map(|version| version.decoder.sizeof()).sum()
    }
}
