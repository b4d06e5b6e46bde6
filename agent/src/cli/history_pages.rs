//! `writ history --html DIR`: the history as pages for a browser, for whoever has no way to the host.
//!
//! Invariant: nothing that is there already is written over.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::json;
use writ::page::{self, ICON, Link, Page, STYLE, Shell, Site};
use writ::record::{About, Expected, Filter, Reader, Record};
use writ::view::{audit, entry, moment, why};
use writ_core::model::ObjectId;

use super::exit::{Ended, Exit, Failure};
use super::host::Host;

/// Records on one page: a browser shows so many at once.
const RECORDS_ON_PAGE: u32 = 500;

/// Records that are read at once to find what they are about.
const RECORDS_AT_ONCE: u32 = 5_000;

/// Pages under way.
struct Pages<'a> {
    folder: &'a Path,
    reader: &'a Reader,
    /// What is asked for; each page has of the history what this lets through.
    filter: &'a Filter,
    host: &'a str,
    moment: &'a str,
    known: BTreeSet<String>,
}

/// What records are about.
#[derive(Default)]
struct Subjects {
    commits: BTreeSet<String>,
    objects: BTreeSet<ObjectId>,
    records: usize,
}

pub(super) fn write(host: &Host, folder: &Path, filter: &Filter) -> Ended {
    let settings = host.settings()?;
    let reader = Reader::open(&settings.host.state)?;
    let subjects = subjects(&reader, filter)?;
    make(folder)?;
    let moment = format!("written {}", moment::shown(host.now()));
    let mut pages =
        Pages { folder, reader: &reader, filter, host: &settings.host.name, moment: &moment, known: BTreeSet::new() };
    pages.know(&subjects);
    let verdict = super::audit::journal(host, None)?.verify(Expected { head: None, signers: None })?;
    let (newest, checkpoint) = (reader.newest()?, reader.checkpoint()?);
    let state = audit::state(newest.as_ref(), checkpoint.as_ref(), Some((host.now(), Ok(&verdict))));
    pages.put(&Link::Audit, &page::audit(&pages.shell(0), &state))?;
    pages.put(&Link::Style, STYLE)?;
    pages.put(&Link::Icon, ICON)?;
    pages.history()?;
    for commit in &subjects.commits {
        pages.commit(commit)?;
    }
    for object in &subjects.objects {
        pages.object(object)?;
    }
    let (shown, records) = (folder.display().to_string(), subjects.records);
    let value = json!({
        "schema": "writ/history-pages/v1", "folder": shown, "records": records, "commits": subjects.commits.len(),
        "objects": subjects.objects.len(),
    });
    let text = format!("{records} records; open {}\n", folder.join(page::file(&Link::HistoryFile(0))).display());
    host.terminal.show(&value, &text)?;
    Ok(Exit::Success)
}

/// Makes the folder, or takes one that holds nothing.
fn make(folder: &Path) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| Failure::message(format!("cannot make {}: {error}", folder.display()));
    match fs::read_dir(folder).map(|mut found| found.next().is_none()) {
        Ok(true) => {}
        Ok(false) => {
            let message = format!("{} holds something: name a folder that is not there yet", folder.display());
            return Err(Failure::message(message));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => fs::create_dir_all(folder).map_err(cannot)?,
        Err(error) => return Err(cannot(error)),
    }
    ["commits", "objects"].iter().try_for_each(|name| fs::create_dir(folder.join(name))).map_err(cannot)
}

/// What the records are about that the filter lets through.
fn subjects(reader: &Reader, filter: &Filter) -> Result<Subjects, Failure> {
    let mut found = Subjects::default();
    each(reader, filter, RECORDS_AT_ONCE, |records, _| {
        found.records += records.len();
        for record in records {
            let About { unit: _, commit, object, pod: _ } = record.about();
            found.commits.extend(commit);
            found.objects.extend(object.as_deref().and_then(ObjectId::parse));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Hands on the records that the filter lets through, the newest first, so many at once; and whether there are older ones.
fn each(
    reader: &Reader,
    filter: &Filter,
    at_once: u32,
    mut take: impl FnMut(&[Record], bool) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (mut before, mut left) = (filter.before, filter.newest.unwrap_or(u32::MAX));
    loop {
        // One more shows whether there is more.
        let wanted = at_once.min(left);
        let more = Filter { before, newest: Some(wanted.saturating_add(1)), ..filter.clone() };
        let mut records = reader.history(&more)?;
        let is_more = records.len() > wanted as usize;
        if is_more {
            records.remove(0);
        }
        left -= wanted;
        let goes_on = is_more && left > 0;
        take(&records, goes_on)?;
        if !goes_on {
            return Ok(());
        }
        before = records.first().map(|record| record.id);
    }
}

impl Pages<'_> {
    fn shell(&self, depth: usize) -> Shell<'_> {
        Shell { site: Site::Files { depth, known: &self.known }, host: self.host, moment: self.moment }
    }

    /// Takes down which pages there will be.
    fn know(&mut self, subjects: &Subjects) {
        let pages = subjects.records.div_ceil(RECORDS_ON_PAGE as usize).max(1);
        self.known.extend((0..pages).map(|number| page::file(&Link::HistoryFile(number))));
        self.known.extend(subjects.commits.iter().map(|commit| page::file(&Link::Commit(commit))));
        self.known.extend(subjects.objects.iter().map(|object| page::file(&Link::Object(object))));
        self.known.insert(page::file(&Link::Audit));
    }

    fn put(&self, link: &Link<'_>, text: &str) -> Result<(), Failure> {
        let path: PathBuf = self.folder.join(page::file(link));
        fs::write(&path, text).map_err(|error| Failure::message(format!("cannot write {}: {error}", path.display())))
    }

    fn history(&self) -> Result<(), Failure> {
        let (mut number, nothing) = (0, std::collections::BTreeMap::new());
        each(self.reader, self.filter, RECORDS_ON_PAGE, |records, is_more| {
            let next = records.first().filter(|_| is_more).map(|record| record.id.0);
            let page = Page { records, asked: &nothing, units: &[], next, number: Some(number) };
            self.put(&Link::HistoryFile(number), &page::history(&self.shell(0), &page))?;
            number += 1;
            Ok(())
        })
    }

    fn commit(&self, commit: &str) -> Result<(), Failure> {
        let filter = Filter { commit: Some(commit.to_owned()), newest: None, ..self.filter.clone() };
        if let Some(entry) = entry::tell(commit, self.reader.history(&filter)?) {
            self.put(&Link::Commit(commit), &page::entry(&self.shell(1), &entry))?;
        }
        Ok(())
    }

    fn object(&self, object: &ObjectId) -> Result<(), Failure> {
        let records =
            self.reader.history(&Filter { object: Some(object.clone()), newest: None, ..self.filter.clone() })?;
        let mut story = why::tell(object.clone(), &records);
        if let Some(commit) = story.change.as_ref().and_then(|change| change.commit.clone()) {
            let kind = Some("admitted");
            story.name_signer(&self.reader.history(&Filter { commit: Some(commit), kind, ..Filter::default() })?);
        }
        self.put(&Link::Object(object), &page::object(&self.shell(1), None, &story, &records))
    }
}
