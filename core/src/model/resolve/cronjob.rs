//! CronJobs: when they are run, and what becomes of their runs.

use super::workload::Draft;
use super::{Reader, job};
use crate::limits::{REPLICAS_MAX, RUNS_FAILED_KEPT_DEFAULT, RUNS_SUCCEEDED_KEPT_DEFAULT};
use crate::model::view::workload::CronJob;
use crate::model::{Concurrency, Controller, CronRules, Schedule};
use crate::time::Seconds;

/// Reads one CronJob in its flattened form.
pub(super) fn read<'a>(reader: &mut Reader<'a, '_>) -> Option<Draft<'a>> {
    let raw: CronJob = reader.view("/cron")?;
    let zone = raw.time_zone.as_deref().unwrap_or(Schedule::ZONE_DEFAULT);
    let schedule = Schedule::parse(&raw.schedule, zone).map_err(|error| {
        let field = if Schedule::knows(zone) { "/cron/schedule" } else { "/cron/timeZone" };
        reader.error(field, &error);
    });
    let schedule = schedule.ok();
    let concurrency = match raw.concurrency_policy.as_deref() {
        None | Some("" | "Allow") => Concurrency::Allow,
        Some("Forbid") => Concurrency::Forbid,
        Some("Replace") => Concurrency::Replace,
        Some(other) => {
            let message = format!("`{other}` is no concurrency policy; use Allow, Forbid or Replace");
            reader.error("/cron/concurrencyPolicy", &message);
            Concurrency::Allow
        }
    };
    let most = i32::MAX.unsigned_abs();
    let late = raw.starting_deadline_seconds;
    let starting_deadline = late.map(|_| Seconds(reader.number(late, "/cron/startingDeadlineSeconds", 0, 0, most)));
    let (succeeded, failed) = (raw.successful_jobs_history_limit, raw.failed_jobs_history_limit);
    let field = "/cron/successfulJobsHistoryLimit";
    let keep_succeeded = reader.number(succeeded, field, RUNS_SUCCEEDED_KEPT_DEFAULT, 0, REPLICAS_MAX);
    let field = "/cron/failedJobsHistoryLimit";
    let keep_failed = reader.number(failed, field, RUNS_FAILED_KEPT_DEFAULT, 0, REPLICAS_MAX);
    let draft = job::read(reader)?;
    let Controller::Job(job) = draft.controller else { return None };
    let suspended = raw.suspend.unwrap_or(false);
    let rules =
        CronRules { schedule: schedule?, concurrency, starting_deadline, suspended, keep_succeeded, keep_failed, job };
    Some(Draft { controller: Controller::CronJob(Box::new(rules)), ..draft })
}
