//! What is done at the start and the end of a container. Source: Lifecycle of the Kubernetes Container.

use super::{Reader, probes};
use crate::model::view::pod::{Handler, Lifecycle};
use crate::model::{Hook, Hooks, Port, ProbeAction};
use crate::time::Seconds;

/// Signals by which a container may be asked to end, without `SIG`. Source: signal(7); those of real time are counted from
/// either end.
const SIGNALS: [&str; 34] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];

/// The hooks at `pointer`.
pub(super) fn read(reader: &mut Reader<'_, '_>, pointer: &str, raw: Option<&Lifecycle>, ports: &[Port]) -> Hooks {
    let Some(Lifecycle { post_start, pre_stop, stop_signal }) = raw else { return Hooks::default() };
    let stop_signal = stop_signal.clone().filter(|signal| !signal.is_empty());
    if let Some(signal) = stop_signal.as_deref().filter(|signal| !is_signal(signal)) {
        let message = format!("`{signal}` is no signal by which a container ends; write it as SIGTERM");
        reader.error(&format!("{pointer}/stopSignal"), &message);
    }
    Hooks {
        post_start: hook(reader, &format!("{pointer}/postStart"), post_start.as_ref(), ports),
        pre_stop: hook(reader, &format!("{pointer}/preStop"), pre_stop.as_ref(), ports),
        stop_signal,
    }
}

fn is_signal(signal: &str) -> bool {
    let Some(name) = signal.strip_prefix("SIG") else { return false };
    let steps = |rest: &str, sign: char| {
        let number = rest.strip_prefix(sign).and_then(|digits| digits.parse::<u8>().ok());
        rest.is_empty() || number.is_some_and(|number| (1..=15).contains(&number))
    };
    let first = name.strip_prefix("RTMIN").is_some_and(|rest| steps(rest, '+'));
    let last = name.strip_prefix("RTMAX").is_some_and(|rest| steps(rest, '-'));
    SIGNALS.contains(&name) || first || last
}

fn hook(reader: &mut Reader<'_, '_>, pointer: &str, raw: Option<&Handler>, ports: &[Port]) -> Option<Hook> {
    let Handler { exec, http_get, tcp_socket, sleep } = raw?;
    match (exec, http_get, tcp_socket, sleep) {
        (Some(exec), None, None, None) => {
            let command = exec.command.clone().unwrap_or_default();
            if command.is_empty() {
                reader.error(&format!("{pointer}/exec"), "the command is empty");
                return None;
            }
            Some(Hook::Act(ProbeAction::Exec(command)))
        }
        (None, Some(get), None, None) => probes::http(reader, &format!("{pointer}/httpGet"), get, ports).map(Hook::Act),
        (None, None, None, Some(sleep)) => {
            let pointer = format!("{pointer}/sleep/seconds");
            Some(Hook::Sleep(Seconds(reader.number(Some(sleep.seconds), &pointer, 0, 0, u32::MAX))))
        }
        _ => {
            reader.error_help(pointer, "a hook needs one of exec, httpGet and sleep", "leave the others out");
            None
        }
    }
}
