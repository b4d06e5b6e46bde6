//! The lines by which a host is described, read and written.
//!
//! ```text
//! network present | absent | foreign WHO
//! pod NAME object=KIND/SCOPE/NAME index=N revision=HASH state=STATE since=MOMENT container=ID available=5s ended=MOMENT unit=U commit=C
//! volume NAME object=KIND/SCOPE/NAME claim=CLAIM ordinal=N
//! altered POD renamed NAME | disconnected | part WORDS | lingers | field WORDS
//! foreign container NAME WHO
//! foreign volume NAME WHO
//! hide POD WHY
//! rule POD or KIND/SCOPE/NAME[@HASH] 5s | never | unknown | ends:CODE:5s
//! fault 3 refuse | hang | crash-before | crash-after
//! ingress running | stopped revision=HASH configuration=HASH
//! count acts=N made=N
//! ```
//!
//! Of a pod only `object`, `index` and `revision` must be given: it runs since 1970, is available and belongs to whichever unit looks. `STATE` is
//! `ends:CODE:5s` ends by itself, with that exit code, so long after its start, and is never available.
//! `created`, `running`, `paused`, `restarting`, `exited:CODE`, `exited:CODE:CAUSE` or `dead`; `CAUSE` is the name of an ailment, as `memory`.

use std::collections::BTreeMap;
use std::fmt;

use super::{Answer, Fault, FaultKind, Host, Pod};
use crate::ailment::Ailment;
use crate::hash::SpecHash;
use crate::ingress::CONTAINER;
use crate::model::{ObjectId, PodIndex};
use crate::observed::{Alteration, Holder, NetworkState, ObservedIngress, ObservedVolume, PodState};
use crate::time::{Seconds, Timestamp};

/// A line that describes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read line {line} of the described host: {reason}")]
pub struct ParseError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl Host {
    /// Reads a described host; empty lines and what follows `#` at the start of a line do not count.
    ///
    /// # Errors
    /// If a line describes nothing.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut host = Self::empty();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            host.read(line).map_err(|reason| ParseError { line: number + 1, reason })?;
        }
        Ok(host)
    }

    fn read(&mut self, line: &str) -> Result<(), String> {
        let (kind, rest) = split(line);
        match kind {
            "network" => self.network = network(rest)?,
            "pod" => self.read_pod(rest)?,
            "volume" => self.read_volume(rest)?,
            "altered" => self.read_altered(rest)?,
            "foreign" => self.read_foreign(rest)?,
            "ingress" => self.ingress = Some(ingress(rest)?),
            "hide" => {
                let (pod, why) = split(rest);
                self.hidden.insert(word(pod, "a pod")?, why.to_owned());
            }
            "rule" => {
                let (whom, when) = split(rest);
                self.rules.insert(word(whom, "a pod or object")?, answer(when)?);
            }
            "fault" => {
                let (act, kind) = split(rest);
                self.faults.push(Fault { act: number(act)?, kind: fault(kind)? });
            }
            "count" => {
                let mut fields = Fields::read(rest)?;
                self.acts = number(&fields.take("acts")?)?;
                self.made = number(&fields.take("made")?)?;
                fields.end()?;
            }
            other => {
                return Err(format!(
                    "{other:?} is none of network, pod, volume, altered, foreign, ingress, hide, rule, fault, count"
                ));
            }
        }
        Ok(())
    }

    fn read_pod(&mut self, text: &str) -> Result<(), String> {
        let (name, rest) = split(text);
        let name = word(name, "a pod")?;
        let mut fields = Fields::read(rest)?;
        let object = object(&fields.take("object")?)?;
        let index = fields.take("index")?;
        let index = PodIndex::parse(object.kind, &index)
            .ok_or_else(|| format!("{index:?} is no index of a {}", object.kind.name()))?;
        let revision = fields.take("revision")?;
        let revision = match revision.as_str() {
            "unreadable" => None,
            text => Some(SpecHash::parse(text).ok_or_else(|| format!("{text:?} is no hash"))?),
        };
        let state = fields.maybe("state").map_or(Ok(PodState::Running), |text| state(&text))?;
        let since = fields.maybe("since").map_or(Ok(Timestamp::default()), |text| moment(&text))?;
        let container = fields.maybe("container").unwrap_or_else(|| format!("described-{name}"));
        let answer = fields.maybe("available").map_or(Ok(Answer::After(Seconds(0))), |text| answer(&text))?;
        let ended = fields.maybe("ended").map(|text| moment(&text)).transpose()?;
        let (unit, commit) = (fields.maybe("unit"), fields.maybe("commit"));
        let volumes = fields.maybe("volumes").unwrap_or_default();
        let volumes = volumes.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        fields.end()?;
        let altered = Vec::new();
        let pod =
            Pod { container, unit, commit, object, index, revision, state, since, ended, altered, answer, volumes };
        match self.pods.insert(name.clone(), pod) {
            Some(_) => Err(format!("there is a pod {name} already")),
            None => Ok(()),
        }
    }

    fn read_volume(&mut self, text: &str) -> Result<(), String> {
        let (name, rest) = split(text);
        let mut fields = Fields::read(rest)?;
        let volume = ObservedVolume {
            object: fields.maybe("object").map(|text| object(&text)).transpose()?,
            claim: fields.take("claim")?,
            ordinal: fields.maybe("ordinal").map(|text| number(&text)).transpose()?,
        };
        fields.end()?;
        self.volumes.insert(word(name, "a volume")?, volume);
        Ok(())
    }

    fn read_altered(&mut self, text: &str) -> Result<(), String> {
        let (name, rest) = split(text);
        let (what, words) = split(rest);
        let altered = match what {
            "renamed" => Alteration::Renamed(word(words, "a name")?),
            "disconnected" => Alteration::Disconnected,
            "part" => Alteration::Part(words.to_owned()),
            "lingers" => Alteration::Lingers,
            "field" => Alteration::Field(words.to_owned()),
            other => return Err(format!("{other:?} is none of renamed, disconnected, part, lingers, field")),
        };
        let pod = self.pods.get_mut(name).ok_or_else(|| format!("there is no pod {name:?} above this line"))?;
        pod.altered.push(altered);
        Ok(())
    }

    fn read_foreign(&mut self, text: &str) -> Result<(), String> {
        let (what, rest) = split(text);
        let (name, who) = split(rest);
        let (name, who) = (word(name, "a name")?, Holder(who.to_owned()));
        match what {
            "container" => self.foreign.insert(name, who),
            "volume" => self.foreign_volumes.insert(name, who),
            other => return Err(format!("{other:?} is none of container, volume")),
        };
        Ok(())
    }
}

fn ingress(text: &str) -> Result<ObservedIngress, String> {
    let (state, rest) = split(text);
    let running = match state {
        "running" => true,
        "stopped" => false,
        other => return Err(format!("{other:?} is none of running, stopped")),
    };
    let mut fields = Fields::read(rest)?;
    let hash = |text: String| SpecHash::parse(&text).ok_or_else(|| format!("{text:?} is no hash"));
    let revision = fields.maybe("revision").map(hash).transpose()?;
    let configuration = fields.maybe("configuration").map(hash).transpose()?;
    fields.end()?;
    Ok(ObservedIngress { container: CONTAINER.to_owned(), running, revision, configuration })
}

/// The words `name=value` of a line.
struct Fields(BTreeMap<String, String>);

impl Fields {
    fn read(text: &str) -> Result<Self, String> {
        let pairs = text.split_whitespace().map(|pair| {
            let (name, value) = pair.split_once('=').ok_or_else(|| format!("{pair:?} is not written name=value"))?;
            Ok((name.to_owned(), value.to_owned()))
        });
        pairs.collect::<Result<_, String>>().map(Self)
    }

    fn maybe(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    fn take(&mut self, name: &str) -> Result<String, String> {
        self.maybe(name).ok_or_else(|| format!("{name}= is missing"))
    }

    fn end(self) -> Result<(), String> {
        self.0.keys().next().map_or(Ok(()), |name| Err(format!("{name}= means nothing here")))
    }
}

/// The first word, and the rest.
fn split(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (first, rest.trim())
}

fn word(text: &str, what: &str) -> Result<String, String> {
    if text.is_empty() { Err(format!("{what} must be named")) } else { Ok(text.to_owned()) }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn object(text: &str) -> Result<ObjectId, String> {
    ObjectId::parse(text).ok_or_else(|| format!("{text:?} is not written kind/scope/name"))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("{text:?} is not written 2026-11-21T09:10:11Z"))
}

fn network(text: &str) -> Result<NetworkState, String> {
    let (what, who) = split(text);
    match what {
        "present" => Ok(NetworkState::Present),
        "absent" => Ok(NetworkState::Absent),
        "foreign" => Ok(NetworkState::Foreign(Holder(who.to_owned()))),
        other => Err(format!("{other:?} is none of present, absent, foreign")),
    }
}

fn answer(text: &str) -> Result<Answer, String> {
    match text {
        "never" => Ok(Answer::Never),
        "unknown" => Ok(Answer::Unknown),
        text => match text.strip_prefix("ends:").map(|rest| rest.split_once(':')) {
            Some(Some((code, span))) => Ok(Answer::Ends(seconds(span)?, number(code)?)),
            Some(None) => Err(format!("{text:?} is not written ends:0:5s")),
            None => Ok(Answer::After(seconds(text)?)),
        },
    }
}

fn seconds(text: &str) -> Result<Seconds, String> {
    let seconds = text.strip_suffix('s').ok_or_else(|| format!("{text:?} is not written 5s"))?;
    number(seconds).map(Seconds)
}

fn fault(text: &str) -> Result<FaultKind, String> {
    let kinds = [FaultKind::Refuse, FaultKind::Hang, FaultKind::CrashBefore, FaultKind::CrashAfter];
    let found = kinds.into_iter().find(|kind| kind.to_string() == text);
    found.ok_or_else(|| format!("{text:?} is none of refuse, hang, crash-before, crash-after"))
}

fn state(text: &str) -> Result<PodState, String> {
    match text {
        "created" => Ok(PodState::Created),
        "running" => Ok(PodState::Running),
        "paused" => Ok(PodState::Paused),
        "restarting" => Ok(PodState::Restarting),
        "dead" => Ok(PodState::Dead),
        other => {
            let code = other.strip_prefix("exited:").ok_or_else(|| format!("{other:?} is no state"))?;
            let (code, ailment) = match code.split_once(':') {
                Some((code, name)) => {
                    (code, Some(Ailment::parse(name).ok_or_else(|| format!("{name:?} is no known cause"))?))
                }
                None => (code, None),
            };
            Ok(PodState::Exited { code: number(code)?, ailment })
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, pods, volumes, foreign, foreign_volumes, hidden, ingress, rules, faults, acts, made } =
            self;
        match network {
            NetworkState::Present => writeln!(f, "network present")?,
            NetworkState::Absent => writeln!(f, "network absent")?,
            NetworkState::Foreign(Holder(who)) => writeln!(f, "network foreign {who}")?,
        }
        for (name, pod) in pods {
            write_pod(f, name, pod)?;
        }
        for (name, ObservedVolume { object, claim, ordinal }) in volumes {
            write!(f, "volume {name} claim={claim}")?;
            object.iter().try_for_each(|object| write!(f, " object={object}"))?;
            ordinal.iter().try_for_each(|ordinal| write!(f, " ordinal={ordinal}"))?;
            writeln!(f)?;
        }
        for (name, Holder(who)) in foreign {
            writeln!(f, "foreign container {name} {who}")?;
        }
        for (name, Holder(who)) in foreign_volumes {
            writeln!(f, "foreign volume {name} {who}")?;
        }
        if let Some(ObservedIngress { container: _, running, revision, configuration }) = ingress {
            write!(f, "ingress {}", if *running { "running" } else { "stopped" })?;
            revision.iter().try_for_each(|hash| write!(f, " revision={hash}"))?;
            configuration.iter().try_for_each(|hash| write!(f, " configuration={hash}"))?;
            writeln!(f)?;
        }
        for (pod, why) in hidden {
            writeln!(f, "hide {pod} {why}")?;
        }
        for (whom, answer) in rules {
            writeln!(f, "rule {whom} {answer}")?;
        }
        for Fault { act, kind } in faults {
            writeln!(f, "fault {act} {kind}")?;
        }
        writeln!(f, "count acts={acts} made={made}")
    }
}

fn write_pod(f: &mut fmt::Formatter<'_>, name: &str, pod: &Pod) -> fmt::Result {
    let Pod { container, unit, commit, object, index, revision, state, since, ended, altered, answer, volumes } = pod;
    let revision = revision.as_ref().map_or("unreadable", SpecHash::as_str);
    write!(f, "pod {name} object={object} index={index} revision={revision} state={} since={since}", StateText(state))?;
    write!(f, " container={container} available={answer}")?;
    ended.iter().try_for_each(|ended| write!(f, " ended={ended}"))?;
    unit.iter().try_for_each(|unit| write!(f, " unit={unit}"))?;
    commit.iter().try_for_each(|commit| write!(f, " commit={commit}"))?;
    if !volumes.is_empty() {
        write!(f, " volumes={}", volumes.join(","))?;
    }
    writeln!(f)?;
    for altered in altered {
        match altered {
            Alteration::Renamed(other) => writeln!(f, "altered {name} renamed {other}")?,
            Alteration::Disconnected => writeln!(f, "altered {name} disconnected")?,
            Alteration::Part(words) => writeln!(f, "altered {name} part {words}")?,
            Alteration::Lingers => writeln!(f, "altered {name} lingers")?,
            Alteration::Field(words) => writeln!(f, "altered {name} field {words}")?,
        }
    }
    Ok(())
}

/// A state as a line names it.
struct StateText<'a>(&'a PodState);

impl fmt::Display for StateText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            PodState::Created => f.write_str("created"),
            PodState::Running => f.write_str("running"),
            PodState::Paused => f.write_str("paused"),
            PodState::Restarting => f.write_str("restarting"),
            PodState::Exited { code, ailment: None } => write!(f, "exited:{code}"),
            PodState::Exited { code, ailment: Some(ailment) } => write!(f, "exited:{code}:{}", ailment.name()),
            PodState::Dead => f.write_str("dead"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(span) => write!(f, "{span}"),
            Self::Never => f.write_str("never"),
            Self::Unknown => f.write_str("unknown"),
            Self::Ends(span, code) => write!(f, "ends:{code}:{span}"),
        }
    }
}
