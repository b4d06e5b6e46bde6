//! ONE pass, top to bottom: from what a remote offers to what is said on the commit.
//!
//! Invariant: an unreadable, refused or missing commit changes nothing; what was applied before is still looked after.
//! Invariant: the floor moves before the first step of a commit is taken (`decisions/0004`).

use std::rc::Rc;

use tracing::Instrument as _;
use writ_core::alert::{Found, Kind};
use writ_core::guard::CheckedPlan;
use writ_core::observed::Observed;
use writ_core::plan::{Act, Input, Setbacks, Step, Templates, plan};
use writ_core::status::{State, summarize};
use writ_core::time::Seconds;
use writ_core::trust::{self, Admitted};

use crate::agent::{Agent, Unit};
use crate::alerts::{self, Findings};
use crate::apply::{Applied, Hands, apply};
use crate::bulletin::Stage;
use crate::copies;
use crate::earlier::templates;
use crate::error::chain;
use crate::gate::{self, Wait};
use crate::guard;
use crate::interrupt::{Interrupt, Reason};
use crate::limits::{ALERT_STALE_SECONDS, CLUSTER_AGAIN_SECONDS};
use crate::outcome::{Moment, Walked};
use crate::outputs;
use crate::outside::filled;
use crate::published::{compare, publish};
use crate::record::{RecordError, Suspension};
use crate::say::{refuse_files, say, settle, settle_unbegun, tell_refusals_and_drift};
use crate::sight::{get_to_know, keep, look, settled, stand, watch};
use crate::source::{Offer, Source, Trouble};
use crate::target::{Depth, TargetError};
use crate::trace;
use crate::trouble::in_short;
use crate::wake::Wake;
use crate::wanted::{Wanted, WantedError};

/// How a pass over one source ended.
#[derive(Debug, Default)]
pub struct PassEnd {
    /// Steps that changed the world.
    pub changes: usize,
    /// Something was refused: the head, a manifest, a step.
    pub refused: bool,
    /// Something failed, or could not be found out.
    pub failed: bool,
    /// The remote could not be asked.
    pub unreachable: bool,
    /// The remote has no such branch.
    pub gone: bool,
    /// Why the head is not followed, where the remote could be asked.
    pub trouble: Option<String>,
    /// The pass was cut short.
    pub interrupted: Option<Reason>,
    /// For each unit, its state and what it says.
    pub units: Vec<(String, State, String)>,
    /// What was found wrong, as far as it was looked for.
    pub findings: Findings,
}

/// What a pass would do to one unit.
#[derive(Debug)]
pub struct Preview {
    /// The unit.
    pub unit: String,
    /// The commit that is followed; none if there is none.
    pub commit: Option<String>,
    /// The plan as the guard lets it through.
    pub plan: Option<CheckedPlan>,
    /// Why the head is not followed, or its manifests are not right.
    pub refusal: Option<Refused>,
    /// Why a pass would not begin the commit now.
    pub wait: Option<Wait>,
}

/// Why a unit cannot follow a commit.
#[derive(Debug)]
pub enum Refused {
    /// The head may not change this host, or could not be looked at.
    Head(Trouble),
    /// Its files are not right.
    Files(WantedError),
}

/// Why a pass could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// The record could not be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The target could not be looked at.
    #[error("cannot look at the target of unit {unit}")]
    Target {
        /// The unit.
        unit: String,
        /// Why not.
        #[source]
        source: TargetError,
    },
}

/// Makes one pass over a source and the units that read it.
///
/// # Errors
/// Only if the record fails: without it nothing may be done.
pub async fn pass(
    agent: &Agent,
    source: &mut Source,
    wake: Wake,
    interrupt: &Interrupt,
) -> Result<PassEnd, CycleError> {
    let span = trace::pass(&source.settings.name, wake);
    let end = make_pass(agent, source, wake, interrupt).instrument(span.clone()).await;
    trace::passed(&span, end.as_ref().ok());
    end
}

async fn make_pass(
    agent: &Agent,
    source: &mut Source,
    wake: Wake,
    interrupt: &Interrupt,
) -> Result<PassEnd, CycleError> {
    // A remote that is slow and a lock that somebody else has hold up no stop; what is under way ends by itself.
    let begun = async {
        let turn = agent.take_turn().await?;
        Ok::<_, RecordError>((turn, source.look(agent, agent.clock.now()).await?))
    };
    let (turn, offer) = tokio::select! {
        begun = begun => begun?,
        () = interrupt.stopped() => return Ok(PassEnd { interrupted: Some(Reason::Stop), ..PassEnd::default() }),
    };
    let mut end = PassEnd { unreachable: matches!(offer.trouble, Some(Trouble::Unreachable(_))), ..PassEnd::default() };
    if let Err(error) = write_down(agent, &offer) {
        source.doubt();
        return Err(error.into());
    }
    look_at_head(agent, source, &offer, &mut end);
    refuse_head(agent, source, &offer, &mut end)?;
    if let Some(admitted) = &offer.follow {
        if source.settings.publish {
            compare(agent, source, admitted.commit()).await?;
        }
        for unit in agent.units_of(&source.settings.name) {
            if interrupt.reason() == Some(Reason::Stop) {
                break;
            }
            let span = trace::unit(&unit.settings.name, &admitted.commit().to_string());
            pass_unit(agent, source, unit, admitted, wake, interrupt, &mut end).instrument(span).await?;
        }
    }
    alerts::tell(agent, &end.findings)?;
    copies::sweep(agent)?;
    agent.witness();
    drop(turn);
    if let (true, Some(admitted), None) = (source.settings.publish, &offer.follow, &offer.trouble) {
        tokio::select! {
            () = publish(agent, source, admitted.commit()) => {}
            () = interrupt.stopped() => {}
        }
    }
    Ok(end)
}

/// What a pass would do, without doing any of it: for the head, or for the commit `revision`.
///
/// # Errors
/// If the record or the target cannot be read.
pub async fn preview(
    agent: &Agent,
    source: &mut Source,
    unit: &Unit,
    revision: Option<&str>,
) -> Result<Preview, CycleError> {
    let now = agent.clock.now();
    let offer = source.look(agent, now).await?;
    let (follow, trouble) = match revision {
        None => (offer.follow, offer.trouble),
        Some(revision) => match source.prove(&agent.store, revision, now).await? {
            Ok(admitted) => (Some(Rc::new(admitted)), None),
            Err(trouble) => (None, Some(trouble)),
        },
    };
    let mut refusal = trouble.map(Refused::Head);
    let mut preview = Preview { unit: unit.settings.name.clone(), commit: None, plan: None, refusal: None, wait: None };
    if let Some(admitted) = follow {
        preview.commit = Some(admitted.commit().to_string());
        match unit.wanted.at(agent.reader(), &agent.store, source, &unit.settings, &admitted).await? {
            Ok(wanted) => {
                preview.wait = gate::wait(agent, unit, &wanted.commit)?;
                let wanted = filled(agent, unit, &wanted).await?;
                let observed = look(agent, unit, &wanted.desired, Depth::Deep).await?;
                let setbacks = agent.store.setbacks(&unit.settings.name, &wanted.commit)?;
                let templates = templates(agent, source, unit, &wanted, &observed).await?;
                preview.plan = Some(check(agent, unit, &wanted, &observed, (&setbacks, &templates)).await?);
            }
            Err(error) => refusal = Some(Refused::Files(error)),
        }
    }
    preview.refusal = refusal;
    Ok(preview)
}

/// Writes down what a look at a source brought, a floor that goes back first: from then on the statement is used.
fn write_down(agent: &Agent, offer: &Offer) -> Result<(), RecordError> {
    let now = agent.clock.now();
    if let Some(rewound) = &offer.rewound {
        agent.store.rewind(now, rewound)?;
    }
    offer.news.as_ref().map_or(Ok(()), |news| agent.store.append_news(now, &news.clone().into()).map(drop))
}

/// Takes down for each unit what is wrong with the head, and whether anybody knows if it is still the newest.
fn look_at_head(agent: &Agent, source: &Source, offer: &Offer, end: &mut PassEnd) {
    let found = offer.trouble.as_ref().map(|trouble| {
        let lasts = if end.unreachable { Seconds(ALERT_STALE_SECONDS) } else { Seconds(0) };
        Found { commit: trouble.commit(), text: trouble.to_string(), lasts }
    });
    let is_old =
        matches!(&offer.trouble, Some(Trouble::Refused(refusal)) if refusal.reason == Some(trust::Reason::Stale));
    let (stale, refused) = if end.unreachable || is_old { (found, None) } else { (None, found) };
    for unit in agent.units_of(&source.settings.name) {
        end.findings.put(&unit.settings.name, Kind::Stale, stale.clone());
        if refused.is_some() {
            end.findings.put(&unit.settings.name, Kind::Refusal, refused.clone());
        }
    }
}

/// Says on an offered head that it is refused, for each unit that reads the source.
fn refuse_head(agent: &Agent, source: &Source, offer: &Offer, end: &mut PassEnd) -> Result<(), CycleError> {
    let Some(trouble) = &offer.trouble else { return Ok(()) };
    end.gone = *trouble == Trouble::Gone;
    end.refused |= match trouble {
        Trouble::Refused(refusal) => refusal.reason.is_some(),
        Trouble::NotEnrolled | Trouble::Gone => true,
        Trouble::Contradiction | Trouble::Unreadable(_) | Trouble::Unreachable(_) => false,
    };
    end.failed |= !end.refused;
    // Where no commit is offered, it is said on the one that is followed, together with how that stands.
    let commit = trouble.commit();
    let text = match trouble {
        Trouble::Refused(refusal) => in_short(refusal),
        Trouble::Gone | Trouble::NotEnrolled | Trouble::Contradiction | Trouble::Unreadable(_) => trouble.to_string(),
        Trouble::Unreachable(_) => return Ok(()),
    };
    end.trouble = Some(trouble.to_string());
    for unit in agent.units_of(&source.settings.name) {
        end.units.push((unit.settings.name.clone(), State::Error, trouble.to_string()));
        if let Some(commit) = &commit {
            say(agent, source, unit, commit, State::Error, &text)?;
        }
    }
    Ok(())
}

/// Makes a pass over one unit.
async fn pass_unit(
    agent: &Agent,
    source: &Source,
    unit: &Unit,
    admitted: &Admitted,
    wake: Wake,
    interrupt: &Interrupt,
    end: &mut PassEnd,
) -> Result<(), CycleError> {
    let name = &unit.settings.name;
    let Some(wanted) = follow(agent, source, unit, admitted, end).await? else { return Ok(()) };
    if let Some(Suspension { owner, reason, since: _, until }) = agent.suspension(name)? {
        let until = until.map_or(String::new(), |until| format!(" until {until}"));
        let text = format!("suspended by {owner}{until}: {reason}");
        return settle(agent, source, unit, &wanted, State::Pending, text, end);
    }
    agent.settle_intents(name)?;
    let walked = match walk(agent, source, unit, &wanted, wake, interrupt).await {
        Ok(walked) => walked,
        // Whoever acts says on the commit how it stands.
        Err(CycleError::Target { source: error @ TargetError::StandsBy { .. }, .. }) => {
            end.units.push((name.clone(), State::Pending, error.to_string()));
            return Ok(());
        }
        Err(CycleError::Target { source: error, .. }) => {
            end.failed = true;
            // Whoever looks after the pods probes them, too.
            if matches!(error, TargetError::Kept { .. }) {
                unit.place.health.watch(name, Vec::new());
            }
            let text = format!("could not look: {}", chain(&error));
            end.findings.put_all(name, Kind::Failure, &wanted.commit, std::slice::from_ref(&text));
            return settle(agent, source, unit, &wanted, State::Error, text, end);
        }
        Err(error @ CycleError::Record(_)) => return Err(error),
    };
    let Walked { summary, interrupted } = walked;
    end.changes += summary.changes;
    end.refused |= !summary.refused.is_empty();
    end.failed |= !summary.failed.is_empty();
    if interrupted.is_none() {
        end.findings.put_unit(name, &wanted.commit, &summary, !end.unreachable);
    }
    let (state, text) = match &interrupted {
        Some(Reason::Newer { commit }) => (State::Error, format!("superseded by {commit:.8} before it was done")),
        Some(Reason::Stop) | None => summarize(&summary),
    };
    end.interrupted = end.interrupted.take().or(interrupted);
    if state == State::Success {
        outputs::tell(agent, unit, &wanted)?;
    }
    settle(agent, source, unit, &wanted, state, text, end)
}

/// What a unit is brought to: what the head wants of it, or what the commit before does while that is not right or waits. None if
/// there is nothing to be done for it; that is told already.
async fn follow(
    agent: &Agent,
    source: &Source,
    unit: &Unit,
    head: &Admitted,
    end: &mut PassEnd,
) -> Result<Option<Rc<Wanted>>, CycleError> {
    let reading = agent.bulletin.timed(Stage::Read);
    let read = unit.wanted.at(agent.reader(), &agent.store, source, &unit.settings, head).await?;
    drop(reading);
    let wait = read.as_ref().map_or(Ok(None), |wanted| gate::wait(agent, unit, &wanted.commit))?;
    unit.due.set(wait.as_ref().and_then(|wait| wait.until));
    unit.waits.replace(wait.clone());
    match (read, wait) {
        (Ok(wanted), None) => {
            agent.store.set_floor(agent.clock.now(), &source.settings.name, &wanted.commit)?;
            Ok(Some(wanted))
        }
        (Ok(_), Some(wait)) => {
            say(agent, source, unit, &wait.commit, State::Pending, &wait.to_string())?;
            let before = applied_before(agent, source, unit, head).await?;
            if before.is_none() {
                settle_unbegun(agent, unit, end)?;
            }
            Ok(before)
        }
        (Err(error), _) => {
            refuse_files(agent, source, unit, &head.commit().to_string(), &error, end)?;
            applied_before(agent, source, unit, head).await
        }
    }
}

/// Looks, plans, checks, applies and looks again.
async fn walk(
    agent: &Agent,
    source: &Source,
    unit: &Unit,
    asked: &Rc<Wanted>,
    wake: Wake,
    interrupt: &Interrupt,
) -> Result<Walked, CycleError> {
    stand(unit).await?;
    let wanted = &filled(agent, unit, asked).await?;
    let mut observed = look(agent, unit, &wanted.desired, agent.depth(unit, wake)).await?;
    keep(agent, unit, &wanted.commit).await?;
    watch(unit, &wanted.desired, &observed);
    get_to_know(unit, wanted, &mut observed, interrupt).await;
    unit.patience.begin(asked, wake);
    let checked = {
        let templates = templates(agent, source, unit, wanted, &observed).await?;
        check(agent, unit, wanted, &observed, (&unit.patience.setbacks(), &templates)).await?
    };
    unit.patience.keep_to(checked.plan());
    // A window may open before a run is due.
    unit.due.set(checked.plan().due().into_iter().chain(unit.due.get()).min());
    tell_refusals_and_drift(agent, unit, wanted, &checked)?;
    let applied = if checked.plan().is_settled() {
        Applied::default()
    } else {
        // What runs to its end is begun again and again, and a forge takes only so many statuses for one commit.
        let is_told = |step: &&Step| step.act != Act::Nothing && !step.object.kind.ends();
        let steps = checked.plan().steps().filter(is_told).count();
        if steps > 0 && !is_retried(agent, unit, wanted)? {
            say(
                agent,
                source,
                unit,
                &wanted.commit,
                State::Pending,
                &format!("applying: {steps} step{}", if steps == 1 { "" } else { "s" }),
            )?;
        }
        let hands = Hands::new(agent, unit, &wanted.desired, Some(&wanted.commit), interrupt);
        apply(&hands, &checked).await?
    };
    unit.patience.copy_to(&agent.store, &unit.settings.name, &wanted.commit)?;
    let observed = match applied.changes {
        0 => observed,
        _ => settled(agent, unit, wanted, &applied, interrupt).await?,
    };
    watch(unit, &wanted.desired, &observed);
    let reasons = unit.place.health.reasons();
    let (now, desired) = (agent.clock.now(), &wanted.desired);
    let (stale, left_out) = (&wanted.taken.stale, &wanted.taken.left_out);
    let moment = Moment { now, desired, observed: &observed, reasons: &reasons, stale, left_out };
    let walked = moment.summarize(checked.plan(), &applied);
    if observed.cluster.is_some() && !walked.summary.starting.is_empty() {
        unit.due.set(Some(now.plus(Seconds(CLUSTER_AGAIN_SECONDS))));
    }
    Ok(walked)
}

/// True if the commit is tried again after it failed: its status stays what it is until that changes, for a forge takes
/// only so many for one commit.
fn is_retried(agent: &Agent, unit: &Unit, wanted: &Wanted) -> Result<bool, CycleError> {
    let standing = agent.store.standing(&unit.settings.name)?;
    Ok(standing.is_some_and(|it| {
        it.commit.as_ref() == Some(&wanted.commit) && matches!(it.state, State::Failure | State::Error)
    }))
}

/// Plans, and lets the guard judge the plan.
async fn check(
    agent: &Agent,
    unit: &Unit,
    wanted: &Wanted,
    observed: &Observed,
    (setbacks, templates): (&Setbacks, &Templates),
) -> Result<CheckedPlan, CycleError> {
    let _timed = agent.bulletin.timed(Stage::Plan);
    let held = agent.store.holdings(&unit.settings.name)?;
    let around = agent.around(unit, &wanted.desired, &held)?;
    let now = agent.clock.now();
    let input = Input {
        now,
        commit: Some(&wanted.commit),
        desired: &wanted.desired,
        observed,
        held: &held,
        policy: &unit.settings.policy(),
        seed: now.0.unsigned_abs(),
        setbacks,
        templates,
        ingress: &around,
    };
    Ok(guard::check(unit, plan(&input), &wanted.desired, &wanted.grants).await)
}

/// What the unit wanted by the commit that it applied last, if that was another one.
async fn applied_before(
    agent: &Agent,
    source: &Source,
    unit: &Unit,
    head: &Admitted,
) -> Result<Option<Rc<Wanted>>, CycleError> {
    let standing = agent.store.standing(&unit.settings.name)?;
    let Some(commit) = standing.and_then(|it| it.commit).filter(|it| *it != head.commit().to_string()) else {
        return Ok(None);
    };
    let Ok(admitted) = source.prove(&agent.store, &commit, agent.clock.now()).await? else { return Ok(None) };
    Ok(unit.last_good.at(agent.reader(), &agent.store, source, &unit.settings, &admitted).await?.ok())
}
