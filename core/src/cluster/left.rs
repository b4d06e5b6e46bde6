//! Fields that are left to others once an object is there: by a rule of the settings, or to an autoscaler.
//!
//! Invariant: a new object is made as it was written; what is left alone is left alone from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::FieldPointer;
use crate::model::{Desired, Kind, ObjectId};
use crate::text::{Problem, Problems, is_like};

/// The field that an autoscaler sets.
const REPLICAS: &str = "/spec/replicas";

/// The kind of autoscalers, as it is called with its group.
const AUTOSCALER: &str = "horizontalpodautoscaler.autoscaling";

/// A rule of the settings: fields of objects that are left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreRule {
    /// Where it stands, for people.
    pub written: String,
    /// Pattern of kinds, with or without their group, in small letters.
    pub kind: String,
    /// Pattern of namespaces.
    pub namespace: String,
    /// Pattern of names.
    pub name: String,
    /// The fields.
    pub fields: BTreeSet<FieldPointer>,
}

/// To whom a field is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftTo {
    /// To anybody: a rule of the settings says so. Where it stands.
    Anybody(String),
    /// To an autoscaler; to one that could not be looked at, if none is named.
    Autoscaler(Option<ObjectId>),
}

/// The fields of an object that are left to others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left(BTreeMap<FieldPointer, LeftTo>);

impl IgnoreRule {
    /// True if it is about an object.
    #[must_use]
    pub fn is_about(&self, id: &ObjectId) -> bool {
        let Self { written: _, kind, namespace, name, fields: _ } = self;
        let qualified = id.kind.qualified();
        let short = qualified.split('.').next().unwrap_or_default();
        let like = |pattern: &str, text: &str| is_like(pattern.as_bytes(), text.as_bytes());
        (like(kind, &qualified) || like(kind, short)) && like(namespace, &id.scope.0) && like(name, &id.name)
    }
}

impl Left {
    /// True if no field is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields.
    pub fn fields(&self) -> impl Iterator<Item = &FieldPointer> {
        self.0.keys()
    }

    /// Adds a field, if the object names it: of what it does not name, nothing is ever applied.
    fn add(&mut self, body: &Value, field: &FieldPointer, to: LeftTo) -> bool {
        let named = field.is_in(body);
        if named {
            self.0.entry(field.clone()).or_insert(to);
        }
        named
    }

    /// The same, with the replicas left to an autoscaler.
    #[must_use]
    pub fn scaled_by(&self, autoscaler: Option<ObjectId>, body: &Value) -> Self {
        let mut left = self.clone();
        if let Ok(replicas) = FieldPointer::parse(REPLICAS) {
            left.add(body, &replicas, LeftTo::Autoscaler(autoscaler));
        }
        left
    }
}

/// What is left to whom.
impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (field, to)) in self.0.iter().enumerate() {
            let between = if number == 0 { "" } else { ", " };
            match to {
                LeftTo::Anybody(written) => write!(f, "{between}{field} left alone by {written}")?,
                LeftTo::Autoscaler(Some(id)) => write!(f, "{between}{field} left to {id}")?,
                LeftTo::Autoscaler(None) => write!(f, "{between}{field} left to its autoscaler")?,
            }
        }
        Ok(())
    }
}

/// Notes at each wanted object which of its fields are left to others. Reports rules that name nothing that is wanted.
#[must_use]
pub fn leave(desired: &mut Desired, rules: &[IgnoreRule]) -> Problems {
    let mut problems = Problems::default();
    for rule in rules {
        let mut unnamed: BTreeSet<&FieldPointer> = rule.fields.iter().collect();
        let mut is_about_any = false;
        for object in desired.objects.values_mut().filter(|object| rule.is_about(&object.id)) {
            is_about_any = true;
            for field in &rule.fields {
                if object.left.add(&object.body, field, LeftTo::Anybody(rule.written.clone())) {
                    unnamed.remove(field);
                }
            }
        }
        problems.extend(idle(rule, is_about_any, &unnamed));
    }
    let scaled: Vec<(ObjectId, ObjectId)> = desired
        .objects
        .values()
        .filter(|object| is_autoscaler(object.id.kind))
        .filter_map(|object| Some((scaled(&object.id.scope.0, &object.body)?, object.id.clone())))
        .collect();
    for (id, autoscaler) in scaled {
        if let Some(object) = desired.objects.get_mut(&id) {
            object.left = object.left.scaled_by(Some(autoscaler), &object.body);
        }
    }
    problems
}

/// What a rule names that nothing of is wanted.
fn idle(rule: &IgnoreRule, is_about_any: bool, unnamed: &BTreeSet<&FieldPointer>) -> Problems {
    let mut problems = Problems::default();
    let IgnoreRule { written, kind, namespace, name, fields: _ } = rule;
    if !is_about_any {
        let message =
            format!("{written} is about no object: none is a {kind} named {name} in a namespace named {namespace}");
        problems.push(Problem::warning(None, message).help("take the rule out, or mend its patterns"));
        return problems;
    }
    for field in unnamed {
        let message = format!("{written} leaves {field} alone, which none of its objects names in a manifest");
        let help = "take the field out of the rule: what no manifest names is left alone anyway";
        problems.push(Problem::warning(None, message).help(help));
    }
    problems
}

/// True for the kind of autoscalers.
#[must_use]
pub fn is_autoscaler(kind: Kind) -> bool {
    kind.qualified() == AUTOSCALER
}

/// The kind of autoscalers.
#[must_use]
pub fn autoscalers() -> Option<Kind> {
    Kind::of("autoscaling/v2", "HorizontalPodAutoscaler")
}

/// The workload whose replicas an autoscaler of a namespace sets.
#[must_use]
pub fn scaled(namespace: &str, autoscaler: &Value) -> Option<ObjectId> {
    let target = autoscaler.pointer("/spec/scaleTargetRef")?;
    let text = |name: &str| target.get(name).and_then(Value::as_str);
    let kind = Kind::of(text("apiVersion").unwrap_or("v1"), text("kind")?)?;
    Some(ObjectId::new(kind, namespace, text("name")?))
}
