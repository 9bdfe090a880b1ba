//! A family of files that is edited as one: what does not fit into the last member goes on in further ones.

use super::{Device, Source, Store, too_short};
use crate::error::{Error, Result};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A member, whose bytes have a place in the whole.
pub(crate) type Member = Arc<dyn Device>;

/// Where further members come from.
pub(crate) trait FurtherMembers: Send + Sync {
    /// Makes an empty member.
    fn make(&self, number: u64) -> Result<Member>;

    /// Takes away one that was made.
    fn remove(&self, number: u64) -> Result<()>;

    /// Returns when it would survive a power cut that members were made.
    fn sync(&self) -> Result<()>;
}

/// The members of a family: each but the last that holds anything is as large as it may be.
pub(crate) struct FamilyDevice {
    /// The bytes that a member has room for.
    room: u64,
    members: RwLock<Vec<Member>>,
    /// How many members were there before.
    found: usize,
    further: Box<dyn FurtherMembers>,
}

impl FamilyDevice {
    /// The family of `members`, at least one, each with `room` for so many bytes.
    pub(crate) fn new(members: Vec<Member>, room: u64, further: Box<dyn FurtherMembers>) -> FamilyDevice {
        FamilyDevice { room: room.max(1), found: members.len(), members: RwLock::new(members), further }
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Member>> {
        self.members.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Member>> {
        self.members.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which members a range of the whole lies in, and where in each.
    fn parts(&self, range: Range<u64>) -> impl Iterator<Item = (usize, Range<u64>)> {
        let room = self.room;
        let members = if range.is_empty() { 0..0 } else { range.start / room..(range.end - 1) / room + 1 };
        members.map(move |number| {
            let start = number * room;
            (number as usize, range.start.max(start) - start..(range.end - start).min(room))
        })
    }

    /// Makes the members that it takes to reach `end`, and those before the last as large as they may be. Each is so for
    /// good before there is anything behind it: what stands behind one that is not full is of nobody, and would be in the
    /// way.
    fn reach(&self, members: &mut Vec<Member>, end: u64) -> Result<()> {
        let last = (end.saturating_sub(1) / self.room) as usize;
        let mut full = last.min(members.len());
        while full > 0 && members[full - 1].size()? < self.room {
            full -= 1;
        }
        for number in full..=last {
            if number == members.len() {
                members.push(self.further.make(number as u64)?);
            }
            let (before, member) = (number.checked_sub(1), &members[number]);
            if let Some(before) = before.filter(|_| member.size().is_ok_and(|size| size == 0)) {
                members[before].sync()?;
                if before >= self.found {
                    self.further.sync()?;
                }
            }
            if number < last {
                member.resize(self.room)?;
            }
        }
        Ok(())
    }
}

impl Source for FamilyDevice {
    fn size(&self) -> Result<u64> {
        for (number, member) in self.read().iter().enumerate().rev() {
            let size = member.size()?.min(self.room);
            if size > 0 {
                return Ok(number as u64 * self.room + size);
            }
        }
        Ok(0)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        let size = self.size()?;
        let end = position.checked_add(buffer.len() as u64).filter(|&end| end <= size);
        let end = end.ok_or_else(|| too_short(position, buffer.len(), size))?;
        let members = self.read();
        let mut rest = buffer;
        for (number, place) in self.parts(position..end) {
            let (part, behind) = rest.split_at_mut((place.end - place.start) as usize);
            members.get(number).map_or(Ok(()), |member| member.read_at(place.start, part))?;
            rest = behind;
        }
        Ok(())
    }

    fn is_joined(&self) -> bool {
        true
    }
}

impl Store for FamilyDevice {
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        let end = position.checked_add(bytes.len() as u64);
        let end = end.ok_or_else(|| Error::limit("a file of more than 2^64 bytes"))?;
        let mut members = self.write();
        self.reach(&mut members, end)?;
        let mut rest = bytes;
        for (number, place) in self.parts(position..end) {
            let (part, behind) = rest.split_at((place.end - place.start) as usize);
            members.get(number).map_or(Ok(()), |member| member.write_at(place.start, part))?;
            rest = behind;
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let members = self.read();
        members.iter().try_for_each(|member| member.sync())?;
        if members.len() > self.found { self.further.sync() } else { Ok(()) }
    }
}

impl Device for FamilyDevice {
    /// Cuts from behind, or lengthens the last member. Members that were made and are empty then are taken away.
    fn resize(&self, size: u64) -> Result<()> {
        let mut members = self.write();
        self.reach(&mut members, size)?;
        let mut cut = false;
        while members.len() > self.found && (members.len() as u64 - 1) * self.room >= size {
            members.pop();
            self.further.remove(members.len() as u64)?;
            cut = true;
        }
        if cut {
            self.further.sync()?;
        }
        for (number, member) in members.iter().enumerate().rev() {
            let wanted = size.saturating_sub(number as u64 * self.room).min(self.room);
            if member.size()? != wanted {
                members.get(number + 1).map_or(Ok(()), |behind| behind.sync())?;
                member.resize(wanted)?;
            }
            if wanted > 0 {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::MemoryStore;
    use std::sync::{Arc, Mutex};

    /// Members in memory, by their numbers.
    #[derive(Clone, Default)]
    struct Made(Arc<Mutex<Vec<(u64, MemoryStore)>>>);

    impl FurtherMembers for Made {
        fn make(&self, number: u64) -> Result<Member> {
            let member = MemoryStore::default();
            self.0.lock().unwrap().push((number, member.clone()));
            Ok(Arc::new(member))
        }

        fn remove(&self, number: u64) -> Result<()> {
            assert_eq!(self.0.lock().unwrap().pop().map(|(n, _)| n), Some(number));
            Ok(())
        }

        fn sync(&self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_family_gets_the_members_that_it_needs_and_loses_those_it_was_given() {
        let [first, second] = [b"abcd".to_vec(), b"e".to_vec()].map(MemoryStore::holding);
        let made = Made::default();
        let family: Vec<Member> = vec![Arc::new(first.clone()), Arc::new(second.clone())];
        let family = FamilyDevice::new(family, 4, Box::new(made.clone()));
        let whole = || {
            let mut all = vec![1; family.size().unwrap() as usize];
            family.read_at(0, &mut all).unwrap();
            all
        };
        let further = || made.0.lock().unwrap().iter().map(|(_, m)| m.bytes()).collect::<Vec<_>>();
        assert_eq!(whole(), b"abcde");
        family.write_at(3, b"DEFGHIJKLM").unwrap();
        assert_eq!(whole(), b"abcDEFGHIJKLM");
        assert_eq!((first.bytes(), second.bytes()), (b"abcD".to_vec(), b"EFGH".to_vec()));
        assert_eq!(further(), [b"IJKL".to_vec(), b"M".to_vec()]);
        family.resize(10).unwrap();
        assert_eq!(further(), [b"IJ".to_vec()]);
        // What is left out becomes zeros, in the members before, too.
        family.write_at(17, b"x").unwrap();
        assert_eq!(whole(), b"abcDEFGHIJ\0\0\0\0\0\0\0x");
        family.sync().unwrap();
        family.resize(3).unwrap();
        assert_eq!((whole(), second.bytes().len(), further().len()), (b"abc".to_vec(), 0, 0));
        assert!(family.read_at(2, &mut [0; 2]).is_err() && family.write_at(u64::MAX, b"ab").is_err());
        family.write_at(8, b"i").unwrap();
        assert_eq!((whole(), first.bytes().len(), second.bytes().len()), (b"abc\0\0\0\0\0i".to_vec(), 4, 4));
        family.resize(13).unwrap();
        assert_eq!((whole().len(), further().len()), (13, 2));
    }
}
