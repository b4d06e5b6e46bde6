//! `writ why OBJECT`

use writ::record::Filter;
use writ::view::why;
use writ_core::cluster::IgnoreRule;
use writ_core::model::ObjectId;

use super::exit::{Ended, Exit, Failure};
use super::host::Host;
use super::{grounds, object};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The object (statefulset/data/pg)
    object: String,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let object = object::parse(&arguments.object)?;
    let store = host.store_read_only()?;
    let records = store.history(&Filter { object: Some(object.clone()), ..Filter::default() })?;
    let mut story = why::tell(object, &records);
    if story.is_empty() {
        let message =
            format!("nothing is known of {}: no unit of this host ever held it or was refused it", story.object);
        return Err(Failure::message(message));
    }
    if let Some(commit) = story.change.as_ref().and_then(|change| change.commit.clone()) {
        story.name_signer(&store.history(&Filter { commit: Some(commit), ..Filter::default() })?);
    }
    if let Some(change) = &mut story.change
        && let (Some(commit), Some(_)) = (&change.commit, &change.to)
    {
        let admitted = change.admitted.unwrap_or(change.at);
        let by = (change.unit.as_str(), commit.as_str());
        change.left = left(host, &change.unit, &story.object)?;
        change.declared = Some(grounds::of_object(host, &store, &story.object, by, admitted)?);
    }
    host.terminal.show(&why::document(&story), &why::text(&story))?;
    Ok(Exit::Success)
}

/// The fields of an object that rules of its unit leave alone, each with the rule.
fn left(host: &Host, unit: &str, object: &ObjectId) -> Result<Vec<String>, Failure> {
    let rules = host.settings()?.unit(unit).into_iter().flat_map(|unit| &unit.ignore);
    let of_rule = |rule: &IgnoreRule| -> Vec<String> {
        rule.fields.iter().map(|field| format!("{field} by {}", rule.written)).collect()
    };
    Ok(rules.filter(|rule| rule.is_about(object)).flat_map(of_rule).collect())
}
