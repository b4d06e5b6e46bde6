//! What a pod is told that is known only where it is made.
//!
//! Invariant: all containers of a pod are told the same, whenever each of them is made.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use writ_core::model::{PodFacts, PodSpec};

use super::Docker;
use super::labels::Asked;
use crate::target::{Context, TargetError};

/// Where Linux gives identifiers that nothing else has. Source: `random(4)`.
const IDENTIFIERS: &str = "/proc/sys/kernel/random/uuid";

/// Digits of an identifier between its hyphens.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

impl Docker {
    /// What is known before a pod of one container is made: all but its address. None for a pod that is told nothing of it.
    pub(super) async fn facts(
        &self,
        operation: &str,
        context: &Context,
        pod: &PodSpec,
    ) -> Result<Option<PodFacts>, TargetError> {
        if pod.late.is_none() {
            return Ok(None);
        }
        let path = Path::new(IDENTIFIERS);
        let uid = fs::read_to_string(path).map_err(|source| TargetError::File {
            operation: "draw an identifier from",
            path: path.to_owned(),
            source,
        })?;
        self.facts_with(operation, context, uid.trim().to_owned()).await.map(Some)
    }

    async fn facts_with(&self, operation: &str, context: &Context, uid: String) -> Result<PodFacts, TargetError> {
        let host_address = self.network_of(operation).await?.gateway();
        let (cpu_millis, memory_bytes) = self.memory().capacity;
        let (node, address) = (context.host.clone(), String::new());
        Ok(PodFacts { node, host_address, address, uid, cpu_millis, memory_bytes })
    }

    /// The pod with all that it is told, whose sandbox is there: that has its address, and is no other pod's.
    pub(super) async fn told_by<'a>(
        &self,
        operation: &str,
        context: &Context,
        pod: &'a PodSpec,
        sandbox: &str,
    ) -> Result<Cow<'a, PodSpec>, TargetError> {
        if pod.late.is_none() {
            return Ok(Cow::Borrowed(pod));
        }
        let found = self.ours(operation, sandbox).await?;
        let id = found.inspect.id.as_deref().unwrap_or(sandbox);
        let facts = self.facts_with(operation, context, uid_of(id)).await?;
        let address = found.asked.and_then(|asked: Asked| asked.address);
        Ok(pod.told(&at(facts, address)))
    }
}

/// The facts of a pod at an address of its own, or, on the host's own network, at that of the host.
pub(super) fn at(facts: PodFacts, address: Option<String>) -> PodFacts {
    let address = address.unwrap_or_else(|| facts.host_address.clone());
    PodFacts { address, ..facts }
}

/// The identifier of a pod by that of its sandbox in the engine, in the form of identifiers that are drawn. Source: RFC 9562.
fn uid_of(sandbox: &str) -> String {
    let mut digits: Vec<char> =
        sandbox.chars().filter(char::is_ascii_hexdigit).chain(std::iter::repeat('0')).take(32).collect();
    (digits[12], digits[16]) = ('4', '8');
    let mut digits = digits.into_iter();
    GROUPS.map(|length| digits.by_ref().take(length).collect::<String>()).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_gives_its_pod_an_identifier_of_the_usual_form() {
        let uid = uid_of("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
        assert_eq!(uid, "01234567-89ab-4def-8123-456789abcdef");
        assert_ne!(uid, uid_of("1123456789abcdef0123456789abcdef"));
        assert_eq!(uid_of("ab").len(), 36);
    }

    #[test]
    fn a_pod_on_the_hosts_own_network_has_the_address_of_the_host() {
        let facts = PodFacts { host_address: "10.0.0.1".to_owned(), ..PodFacts::default() };
        assert_eq!(at(facts.clone(), None).address, "10.0.0.1");
        assert_eq!(at(facts, Some("10.0.0.2".to_owned())).address, "10.0.0.2");
    }
}
