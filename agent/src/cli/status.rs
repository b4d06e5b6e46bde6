//! `writ status [OBJECT]`

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use writ::error::chain;
use writ::git::Repository;
use writ::one_off::LOCAL;
use writ::record::{Event, Filter, RecordError, Store, TrustEvent};
use writ::settings::{Settings, Source, Unit};
use writ::split::splits;
use writ::target::kubernetes::Asked;
use writ::target::{Depth, Target};
use writ::view::health::Health;
use writ::view::status::{self, Report, UnitReport, View};
use writ_core::ailment::Ailment;
use writ_core::holdings::Holdings;
use writ_core::model::{Desired, ObjectId};
use writ_core::observed::{Observed, PodState, Readiness};
use writ_core::time::Timestamp;

use super::exit::{Ended, Exit, Failure};
use super::host::{Host, block_on};
use super::terminal::{Colour, Terminal};
use super::{object, pods};

/// Between two looks of `--watch`. The record, the engine and its containers are asked each time.
const WATCH_PAUSE: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 healthy, 2 drifted or progressing, 1 failing.")]
pub(crate) struct Arguments {
    /// Only this object (statefulset/data/pg)
    object: Option<String>,
    /// Go on, and show it anew whenever it is another one
    #[arg(short, long)]
    watch: bool,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let object = arguments.object.as_deref().map(object::parse).transpose()?;
    let settings = host.settings()?;
    if arguments.watch {
        return watch(host, settings, object.as_ref());
    }
    let view = status::view(&report(host, settings, object.as_ref())?, host.now());
    host.terminal.show(&view.document, &text(&view, &host.terminal))?;
    Ok(match view.health {
        Health::Healthy => Exit::Success,
        Health::Progressing | Health::Drifted => Exit::Changed,
        Health::Failing => Exit::Failure,
    })
}

/// Lines for people.
fn text(view: &View, terminal: &Terminal) -> String {
    let paint = |(health, line): &(Option<Health>, String)| match health {
        None => format!("{line}\n"),
        Some(health) => {
            let colour = match health {
                Health::Healthy => Colour::Good,
                Health::Progressing | Health::Drifted => Colour::Busy,
                Health::Failing => Colour::Bad,
            };
            format!("{line}  {}\n", terminal.paint(colour, health.name()))
        }
    };
    view.lines.iter().map(paint).collect()
}

/// Shows the status whenever it is another one, until nobody reads any more or the process is ended.
fn watch(host: &Host, settings: &Settings, object: Option<&ObjectId>) -> Ended {
    let mut shown = None;
    loop {
        let view = status::view(&report(host, settings, object)?, host.now());
        let mut seen = view.document.clone();
        // That it is later is no news.
        if let Some(document) = seen.as_object_mut() {
            document.remove("at");
        }
        if shown.as_ref() != Some(&seen) {
            host.terminal.show_next(&view.document, &text(&view, &host.terminal), shown.is_none())?;
            shown = Some(seen);
        }
        sleep(WATCH_PAUSE);
    }
}

/// What is known of the host now, or of one object.
fn report(host: &Host, settings: &Settings, object: Option<&ObjectId>) -> Result<Report, Failure> {
    let store = match host.store_read_only() {
        Ok(store) => Some(store),
        Err(Failure::Error(error)) if matches!(error.downcast_ref(), Some(RecordError::Absent { .. })) => None,
        Err(failure) => return Err(failure),
    };
    let mut report = Report { host: settings.host.name.clone(), units: Vec::new(), audit: None };
    if let Some(store) = &store {
        let head = store.audit_head()?;
        report.audit = Some((head.record.0, head.hex()));
    }
    for unit in &settings.units {
        report.units.push(unit_report(host, settings, unit, store.as_ref())?);
    }
    report.units.extend(local(host, settings, store.as_ref())?);
    if let Some(object) = object {
        keep(&mut report, object)?;
    }
    Ok(report)
}

/// What was applied by hand, if anything of it is held.
fn local(host: &Host, settings: &Settings, store: Option<&Store>) -> Result<Option<UnitReport>, Failure> {
    let Some(store) = store else { return Ok(None) };
    let held = store.holdings(LOCAL)?;
    if held.objects.is_empty() {
        return Ok(None);
    }
    let target = host.target_of(&pods::local_kind(settings))?;
    let (observed, ailments) = block_on(look(host, &target, LOCAL, &held))?;
    Ok(Some(UnitReport {
        name: LOCAL.to_owned(),
        follows: None,
        standing: store.standing(LOCAL)?,
        suspension: None,
        head_trouble: None,
        split_view: Vec::new(),
        held,
        observed,
        ailments,
    }))
}

fn unit_report(host: &Host, settings: &Settings, unit: &Unit, store: Option<&Store>) -> Result<UnitReport, Failure> {
    let now = host.now();
    let source = settings.source(&unit.source);
    let mut report = UnitReport {
        name: unit.name.clone(),
        follows: source.map(|source| (source.name.clone(), source.branch.clone())),
        standing: None,
        suspension: None,
        head_trouble: None,
        split_view: Vec::new(),
        held: Holdings::default(),
        observed: Err("nothing was looked at".to_owned()),
        ailments: BTreeMap::new(),
    };
    if let Some(store) = store {
        report.standing = store.standing(&unit.name)?;
        report.suspension = store.suspension(&unit.name)?.filter(|it| it.until.is_none_or(|until| until > now));
        report.held = store.holdings(&unit.name)?;
        if let Some(source) = source {
            report.head_trouble = head_trouble(host, source, store)?;
            report.split_view = split_view(host, source, store)?.map(|(_, splits)| splits).unwrap_or_default();
        }
    }
    let target = host.target(unit)?;
    (report.observed, report.ailments) = block_on(look(host, &target, &unit.name, &report.held))?;
    Ok(report)
}

/// One look at a unit's pods, and why those of their containers do not run that do not. Whether one answers is known to the agent; from here it
/// shows by the names that lead to it.
async fn look(
    host: &Host,
    target: &Target,
    unit: &str,
    held: &Holdings,
) -> (Result<Observed, String>, BTreeMap<String, Ailment>) {
    let (nothing, now) = (Desired::default(), host.now());
    let looked = match target.cluster() {
        Some(cluster) => cluster.observe(&Asked { unit, desired: &nothing, held, now }).await,
        None => target.observe(unit, Depth::List, now).await,
    };
    let mut observed = match looked {
        Ok(observed) => observed,
        Err(error) => return (Err(chain(&error)), BTreeMap::new()),
    };
    let mut ailments = BTreeMap::new();
    for pod in observed.pods.values_mut() {
        // One that went since the list was made is told of as the list had it.
        let Ok(published) = target.published(&pod.container).await else { continue };
        // The list tells only when it was made.
        if published.started > Timestamp::default() {
            pod.since = published.started;
        }
        if published.shared && pod.state == PodState::Running && pod.readiness == Readiness::Unknown {
            pod.readiness = Readiness::Available;
        }
        ailments.extend(published.ailment.map(|ailment| (pod.container.clone(), ailment)));
        for part in pod.parts.iter().filter(|part| part.state != PodState::Running) {
            let Ok(published) = target.published(&part.container).await else { continue };
            ailments.extend(published.ailment.map(|ailment| (part.container.clone(), ailment)));
        }
    }
    (Ok(observed), ailments)
}

/// Why the head that the source offered last is not followed; none if it is, or was not judged yet.
fn head_trouble(host: &Host, source: &Source, store: &Store) -> Result<Option<String>, Failure> {
    if source.introduction.is_none() && store.introduction(&source.name)?.is_none() {
        return Ok(Some(format!("source `{0}` is not enrolled: run `writ enrol {0}`", source.name)));
    }
    let folder = host.mirror_folder(source)?;
    let offered = format!("refs/writ/{}/offered", source.name);
    // A copy that is not there or broken is the agent's to mend; nothing is known of a head from here.
    let Ok(head) = Repository::open(&folder).and_then(|repository| repository.resolve(&offered)) else {
        return Ok(None);
    };
    let judged = store.history(&Filter { commit: Some(head.to_string()), ..Filter::default() })?;
    let last = judged.into_iter().rev().find_map(|record| match record.event {
        Event::Trust(TrustEvent::Admitted { .. }) => Some(None),
        Event::Trust(TrustEvent::Refused { detail, .. } | TrustEvent::Unchecked { detail, .. }) => Some(Some(detail)),
        Event::Trust(
            TrustEvent::Enrolled { .. }
            | TrustEvent::FloorSet { .. }
            | TrustEvent::Rewound { .. }
            | TrustEvent::SplitView { .. },
        )
        | Event::Agent(_)
        | Event::Work(_)
        | Event::Operator(_)
        | Event::Report(_) => None,
    });
    Ok(last.flatten())
}

/// How many other hosts say what they follow, and what is to be said of those that follow a history apart from this one's;
/// none where this host does not take part in that, or nothing can be compared yet.
pub(crate) fn split_view(host: &Host, source: &Source, store: &Store) -> Result<Option<(usize, Vec<String>)>, Failure> {
    let floor = store.floor(&source.name)?.and_then(|floor| floor.parse().ok());
    let Some(floor) = floor.filter(|_| source.publish) else { return Ok(None) };
    let name = &host.settings()?.host.name;
    // A copy that is not there or broken is the agent's to mend.
    let compared = Repository::open_copy(&host.mirror_folder(source)?, &source.name)
        .and_then(|repository| splits(&repository, name, &source.branch, floor));
    Ok(compared.ok().map(|(count, splits)| (count, splits.iter().map(ToString::to_string).collect())))
}

/// Leaves just one object, with the unit that holds it.
fn keep(report: &mut Report, object: &ObjectId) -> Result<(), Failure> {
    for unit in &mut report.units {
        unit.held.objects.retain(|id, _| id == object);
        if let Ok(observed) = &mut unit.observed {
            observed.pods.retain(|_, pod| pod.object == *object);
            observed.volumes.retain(|_, volume| volume.object.as_ref() == Some(object));
            observed.unseen.clear();
            if let Some(cluster) = &mut observed.cluster {
                cluster.objects.retain(|id, _| id == object);
            }
        }
    }
    let has_it = |unit: &UnitReport| {
        let is_seen = |observed: &Observed| {
            let objects = observed.cluster.iter().flat_map(|cluster| cluster.objects.keys());
            !observed.pods.is_empty() || objects.count() > 0
        };
        let seen = unit.observed.as_ref().is_ok_and(is_seen);
        seen || !unit.held.objects.is_empty()
    };
    report.units.retain(has_it);
    if report.units.is_empty() {
        return Err(Failure::message(format!(
            "{object} is not here: no unit of this host holds it and no pod of it runs"
        )));
    }
    Ok(())
}
