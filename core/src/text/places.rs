//! Where each part of an object was written.

use super::Place;

/// Where each part of an object was written: JSON pointer to place.
///
/// Source of the pointers: RFC 6901.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// All pointers, one after the other: there are dozens for each object, and none is kept for itself.
    pointers: String,
    /// In the order of the pointers, and of noting where two are equal.
    noted: Vec<Noted>,
}

/// Places as they are noted, in any order.
#[derive(Debug, Default)]
pub struct PlacesDraft(Places);

/// Length of a usual pointer, in bytes. Room that is missing is made later.
const POINTER_BYTES: usize = 40;

/// A place and which stretch of all the pointers is its own.
#[derive(Debug, Clone)]
struct Noted {
    start: usize,
    end: usize,
    place: Place,
}

impl PlacesDraft {
    /// One with room for `count` places, of parts with pointers of a usual length.
    pub fn with_room(count: usize) -> Self {
        Self(Places { pointers: String::with_capacity(count * POINTER_BYTES), noted: Vec::with_capacity(count) })
    }

    /// Notes where the part at `pointer` was written. What is noted last of a part counts.
    pub fn note(&mut self, pointer: &str, place: Place) {
        let Places { pointers, noted } = &mut self.0;
        let start = pointers.len();
        pointers.push_str(pointer);
        noted.push(Noted { start, end: pointers.len(), place });
    }

    /// The places, to be looked up.
    #[must_use]
    pub fn finish(self) -> Places {
        let Places { pointers, mut noted } = self.0;
        noted.sort_by(|one, other| one.pointer(&pointers).cmp(other.pointer(&pointers)));
        Places { pointers, noted }
    }
}

impl Noted {
    fn pointer<'p>(&self, pointers: &'p str) -> &'p str {
        pointers.get(self.start..self.end).unwrap_or_default()
    }
}

impl Places {
    /// True if a person wrote the part at `pointer` itself, and no default put it there.
    #[must_use]
    pub fn is_written(&self, pointer: &str) -> bool {
        self.get(pointer).is_some()
    }

    /// Where the part at `pointer` was written, or the nearest part around it.
    #[must_use]
    pub fn nearest(&self, pointer: &str) -> Option<&Place> {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.get(pointer) {
                return Some(place);
            }
            pointer = pointer.rsplit_once('/')?.0;
        }
    }

    fn get(&self, pointer: &str) -> Option<&Place> {
        let after = self.noted.partition_point(|noted| noted.pointer(&self.pointers) <= pointer);
        let last = self.noted.get(after.checked_sub(1)?)?;
        (last.pointer(&self.pointers) == pointer).then_some(&last.place)
    }

    /// Each part with its place, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.noted.iter().map(|noted| (noted.pointer(&self.pointers), &noted.place))
    }
}

/// Equal are the same parts at the same places, in whichever order they were noted.
impl PartialEq for Places {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Places {}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: usize) -> Place {
        Place { file: "f".into(), start, end: start }
    }

    fn places(noted: &[(&str, usize)]) -> Places {
        let mut draft = PlacesDraft::default();
        noted.iter().for_each(|(pointer, start)| draft.note(pointer, at(*start)));
        draft.finish()
    }

    #[test]
    fn the_nearest_place_is_the_part_itself_or_what_surrounds_it() {
        let places = places(&[("/spec", 2), ("", 1), ("/spec-more", 3), ("/spec/a/10", 4), ("/spec/a/9", 5)]);
        assert_eq!(places.nearest("/spec/replicas"), Some(&at(2)));
        assert_eq!(places.nearest("/metadata/name"), Some(&at(1)));
        assert_eq!(places.nearest("/spec/a/1"), Some(&at(2)));
        assert_eq!(places.nearest("/spec/a/10/b"), Some(&at(4)));
        assert!(places.is_written("/spec") && !places.is_written("/spec/replicas"));
        assert_eq!(Places::default().nearest("/spec"), None);
    }

    #[test]
    fn the_last_place_of_a_part_counts_and_the_order_of_others_does_not() {
        assert_eq!(places(&[("/a", 1), ("/b", 2), ("/a", 3)]).nearest("/a/c"), Some(&at(3)));
        assert_eq!(places(&[("/b", 2), ("/a", 1)]), places(&[("/a", 1), ("/b", 2)]));
        assert_ne!(places(&[("/a", 1)]), places(&[("/a", 2)]));
        assert_ne!(places(&[("/a", 1)]), places(&[("/a", 1), ("/b", 2)]));
    }
}
