//! JSON that remembers where its parts were written.

use serde_json::{Map, Value};

use crate::text::{Place, Places};

/// A part of an object, with places by JSON pointer from this part on.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    value: Value,
    places: Vec<(String, Place)>,
}

impl Placed {
    /// Something that nobody wrote.
    pub(super) fn unplaced(value: impl Into<Value>) -> Self {
        Self { value: value.into(), places: Vec::new() }
    }

    /// Something written at a place.
    pub(super) fn at(value: impl Into<Value>, place: Place) -> Self {
        Self { value: value.into(), places: vec![(String::new(), place)] }
    }

    /// An empty object that nobody wrote.
    pub(super) fn object() -> Self {
        Self::unplaced(Map::new())
    }

    /// A list that nobody wrote, of parts that somebody may have written.
    pub(super) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        let mut list = Vec::new();
        let mut places = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let Self { value, places: inner } = item;
            list.push(value);
            places.extend(inner.into_iter().map(|(pointer, place)| (format!("/{index}{pointer}"), place)));
        }
        Self { value: Value::Array(list), places }
    }

    /// Moves it to another place, keeping those of its parts.
    pub(super) fn placed(mut self, place: Place) -> Self {
        self.places.retain(|(pointer, _)| !pointer.is_empty());
        self.places.push((String::new(), place));
        self
    }

    /// The same with a further member. `self` is an object.
    pub(super) fn with(mut self, key: &str, member: Self) -> Self {
        self.set(key, member);
        self
    }

    /// The same with a further member that nobody wrote. `self` is an object.
    pub(super) fn plain(self, key: &str, value: impl Into<Value>) -> Self {
        self.with(key, Self::unplaced(value))
    }

    /// True for an object or a list without parts.
    pub(super) fn is_empty(&self) -> bool {
        self.value.as_object().is_some_and(Map::is_empty) || self.value.as_array().is_some_and(Vec::is_empty)
    }

    /// Adds a member. `self` is an object.
    pub(super) fn set(&mut self, key: &str, member: Self) {
        let Self { value, places } = member;
        let escaped = key.replace('~', "~0").replace('/', "~1");
        self.places.extend(places.into_iter().map(|(pointer, place)| (format!("/{escaped}{pointer}"), place)));
        if let Value::Object(map) = &mut self.value {
            map.insert(key.to_owned(), value);
        }
    }

    /// The same with its text changed, if it is a text.
    pub(super) fn map_text(mut self, change: impl FnOnce(&str) -> String) -> Self {
        if let Value::String(text) = &mut self.value {
            *text = change(text);
        }
        self
    }

    /// The JSON and the places in it.
    pub(super) fn finish(self) -> (Value, Places) {
        let Self { value, places: list } = self;
        let mut places = Places::default();
        for (pointer, place) in list {
            places.insert(pointer, place);
        }
        (value, places)
    }
}
