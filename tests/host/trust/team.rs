//! A repository in which several people, a forge and a heartbeat sign, by rules.

use writ_core::trust::{Admitted, Reason};

use super::world::World;
use crate::repository::{Key, Sign, key};

/// Everybody may change everything; `db` takes two of Alice and Bob, `web` Carol or Alice. A forge merges, a heart beats.
pub(super) const RULES: &str = r#"
version = 1
forge = ["forge@*"]
heartbeat = ["heart@*"]
[[rule]]
name = "all"
paths = ["**"]
signers = ["*"]
[[rule]]
name = "db"
paths = ["db"]
signers = ["alice@*", "bob@*"]
threshold = 2
[[rule]]
name = "web"
paths = ["web"]
signers = ["carol@*", "alice@*"]
"#;

pub(super) struct Team {
    pub(super) world: World,
    pub(super) carol: Key,
    pub(super) forge: Key,
    pub(super) heart: Key,
}

impl Team {
    /// All of them may sign, by these rules, from the next commit on.
    pub(super) fn with(rules: &str) -> Self {
        let world = World::new();
        let [carol, forge, heart] = ["carol", "forge", "heart"].map(|name| key(world.keys.path(), name));
        let team = Self { world, carol, forge, heart };
        let lines = [&team.world.alice, &team.world.bob, &team.carol, &team.forge, &team.heart].map(Key::line);
        team.world.authorize(&lines.concat());
        team.rule(rules);
        team
    }

    pub(super) fn new() -> Self {
        Self::with(RULES)
    }

    /// Alice's next commit sets the rules.
    pub(super) fn rule(&self, rules: &str) -> String {
        self.change(&self.world.alice, ".writ/trust.toml", rules)
    }

    /// Somebody's next commit writes a file.
    pub(super) fn change(&self, by: &Key, path: &str, content: &str) -> String {
        self.world.repository.write(path, content);
        self.world.repository.commit(Sign::By(by), path)
    }

    /// A branch of this name, with a commit by somebody that writes a file; then `main` goes on with a file of its own.
    /// Gives both heads.
    pub(super) fn diverge(&self, name: &str, by: &Key, path: &str) -> (String, String) {
        let repository = &self.world.repository;
        repository.branch(name, "main");
        let side = self.change(by, path, "side\n");
        repository.switch("main");
        (self.change(&self.carol, "docs/main", name), side)
    }

    #[track_caller]
    pub(super) fn admitted(&self, head: &str) -> Admitted {
        self.world.admitted(head)
    }

    /// The head itself is refused, in words that hold these; then it is taken back.
    #[track_caller]
    pub(super) fn refused(&self, head: &str, reason: Reason, words: &[&str]) {
        self.world.refused(head, head, reason);
        let text = self.world.judge(head, None, super::world::now()).1.unwrap_err();
        for words in words {
            assert!(text.contains(words), "{words:?} in {text}");
        }
        self.world.repository.reset("HEAD~1");
    }
}
