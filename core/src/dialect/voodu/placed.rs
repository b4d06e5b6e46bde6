//! JSON that remembers where its parts were written.

use serde_json::Value;

use crate::text::{Place, Places, PlacesDraft};

/// A part of an object, and where it was written if somebody wrote it.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    form: Form,
    place: Option<Place>,
}

/// What a part is.
#[derive(Debug, Clone)]
enum Form {
    /// No part of it has a place of its own.
    Plain(Value),
    /// Members, the last one of a name counts.
    Object(Vec<(String, Placed)>),
    /// Items.
    List(Vec<Placed>),
}

impl Placed {
    /// Something that nobody wrote.
    pub(super) fn unplaced(value: impl Into<Value>) -> Self {
        let form = match value.into() {
            Value::Object(map) => {
                Form::Object(map.into_iter().map(|(key, member)| (key, Self::unplaced(member))).collect())
            }
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                Form::Plain(plain)
            }
        };
        Self { form, place: None }
    }

    /// Something written at a place.
    pub(super) fn at(value: impl Into<Value>, place: Place) -> Self {
        Self { place: Some(place), ..Self::unplaced(value) }
    }

    /// An empty object that nobody wrote.
    pub(super) const fn object() -> Self {
        Self { form: Form::Object(Vec::new()), place: None }
    }

    /// A list that nobody wrote, of parts that somebody may have written.
    pub(super) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self { form: Form::List(items.into_iter().collect()), place: None }
    }

    /// Moves it to another place, keeping those of its parts.
    pub(super) fn placed(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
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
        match &self.form {
            Form::Plain(value) => value.as_array().is_some_and(Vec::is_empty),
            Form::Object(members) => members.is_empty(),
            Form::List(items) => items.is_empty(),
        }
    }

    /// Adds a member. `self` is an object.
    pub(super) fn set(&mut self, key: &str, member: Self) {
        if let Form::Object(members) = &mut self.form {
            members.push((key.to_owned(), member));
        }
    }

    /// The same with its text changed, if it is a text.
    pub(super) fn map_text(mut self, change: impl FnOnce(&str) -> String) -> Self {
        if let Form::Plain(Value::String(text)) = &mut self.form {
            *text = change(text);
        }
        self
    }

    /// The JSON and the places in it.
    pub(super) fn finish(self) -> (Value, Places) {
        let mut places = PlacesDraft::with_room(self.count());
        let value = self.put(&mut String::new(), &mut places);
        (value, places.finish())
    }

    /// How many of its parts have a place.
    fn count(&self) -> usize {
        let parts = match &self.form {
            Form::Plain(_) => 0,
            Form::Object(members) => members.iter().map(|(_, member)| member.count()).sum(),
            Form::List(items) => items.iter().map(Self::count).sum(),
        };
        parts + usize::from(self.place.is_some())
    }

    /// The JSON of the part at `pointer`; its places are noted.
    fn put(self, pointer: &mut String, places: &mut PlacesDraft) -> Value {
        let Self { form, place } = self;
        if let Some(place) = place {
            places.note(pointer, place);
        }
        let mut below = |part: &str, inner: Self| {
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(part);
            let value = inner.put(pointer, places);
            pointer.truncate(length);
            value
        };
        match form {
            Form::Plain(value) => value,
            Form::Object(mut members) => {
                // In the order in which both the map and the places are kept.
                members.sort_by(|(one, _), (other, _)| one.cmp(other));
                let put = members.into_iter().map(|(key, member)| {
                    let value = if key.contains(['~', '/']) {
                        below(&key.replace('~', "~0").replace('/', "~1"), member)
                    } else {
                        below(&key, member)
                    };
                    (key, value)
                });
                Value::Object(put.collect())
            }
            Form::List(items) => {
                let items = items.into_iter().enumerate();
                Value::Array(items.map(|(index, item)| below(&index.to_string(), item)).collect())
            }
        }
    }
}
