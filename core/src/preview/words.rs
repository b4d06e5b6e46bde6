//! What is said of a request: a status on its head, and a comment.

use std::collections::BTreeMap;

use super::block::block;
use crate::guard::Foreseen;
use crate::plan::Verb;
use crate::status::State;

/// Digits of a commit that people read.
const COMMIT_DIGITS: usize = 12;

/// What a request's head would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outlook {
    /// These steps.
    Foreseen(Foreseen),
    /// Nothing: its files are not right.
    Wrong {
        /// The first problem.
        short: String,
        /// All of them.
        whole: String,
    },
    /// That could not be found out, and why.
    Unknown(String),
}

/// Where and for what it was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About<'a> {
    /// The host.
    pub host: &'a str,
    /// The unit.
    pub unit: &'a str,
    /// The head of the request.
    pub head: &'a str,
    /// The commit that the host follows.
    pub follows: &'a str,
    /// Notes about what was not done to find it out, a sentence each.
    pub notes: &'a [String],
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The state of the status.
    pub state: State,
    /// Its words, uncut.
    pub line: String,
    /// The comment.
    pub comment: String,
}

/// The first line of a comment, by which its writer finds it again. It is not shown.
#[must_use]
pub fn marker(host: &str, unit: &str) -> String {
    format!("<!-- writ preview {host}/{unit} -->")
}

/// What is said of an outlook.
#[must_use]
pub fn said(about: &About<'_>, outlook: &Outlook) -> Said {
    let (state, line, title, text) = match outlook {
        Outlook::Foreseen(foreseen) => foreseen_words(foreseen),
        Outlook::Wrong { short, whole } => {
            let title = "its files are not right, so that nothing would change".to_owned();
            (State::Failure, format!("its files are not right: {short}"), title, whole.clone())
        }
        Outlook::Unknown(why) => {
            (State::Error, format!("could not be planned: {why}"), "it could not be planned".to_owned(), why.clone())
        }
    };
    Said { state, line, comment: comment(about, &title, &text) }
}

fn comment(about: &About<'_>, title: &str, text: &str) -> String {
    let About { host, unit, head, follows, notes } = about;
    let short = |commit: &str| commit.chars().take(COMMIT_DIGITS).collect::<String>();
    let notes: String = notes.iter().map(|note| format!(" {note}")).collect();
    format!(
        "{marker}\n**Writ** would do for unit `{unit}` on host `{host}`: {title}\n\n{block}\nPlanned for {head} as it is, \
         beside {follows}, which the host follows. Nothing was applied, decrypted or fetched for it.{notes} Who signed its \
         commits, and whether the rules let them in, is judged once they are merged.\n",
        marker = marker(host, unit),
        block = block(text),
        head = short(head),
        follows = short(follows),
    )
}

fn foreseen_words(foreseen: &Foreseen) -> (State, String, String, String) {
    let (mut counts, mut refused) = (BTreeMap::<Verb, usize>::new(), Vec::new());
    for step in &foreseen.steps {
        match step.verb {
            Verb::Refuse => refused.push(format!("{}: {}", step.what, step.why)),
            Verb::Keep => {}
            verb @ (Verb::Create | Verb::Start | Verb::Replace | Verb::Update | Verb::Scale | Verb::Remove) => {
                *counts.entry(verb).or_default() += usize::from(step.changes);
            }
        }
    }
    counts.retain(|_, count| *count > 0);
    let counts: Vec<String> = counts.iter().map(|(verb, count)| format!("{count} to {}", verb.name())).collect();
    let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
    let lines = foreseen.steps.iter().map(|step| format!("{:8} {}  {}\n", step.verb, step.what, step.why));
    let text: String = lines.collect();
    let text = if text.is_empty() { "nothing to do\n".to_owned() } else { text };
    match refused.as_slice() {
        [] => (State::Success, counts.clone(), counts, text),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
            let title = format!("{} refused, {counts}", refused.len());
            (State::Failure, format!("refused: {first}{more}; {counts}"), title, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::ForeseenStep;

    const ABOUT: About<'_> = About {
        host: "edge-1",
        unit: "web",
        head: "1f0c7a5212345678901234567890123456789012",
        follows: "9ab0c1d212345678901234567890123456789012",
        notes: &[],
    };

    fn step(verb: Verb, what: &str, why: &str) -> ForeseenStep {
        let changes = !matches!(verb, Verb::Keep | Verb::Refuse);
        ForeseenStep { verb, what: what.to_owned(), why: why.to_owned(), changes }
    }

    #[track_caller]
    fn check(outlook: &Outlook, state: State, line: &str, title: &str, block: &str) {
        let said = said(&ABOUT, outlook);
        assert_eq!((said.state, said.line.as_str()), (state, line));
        let want = format!(
            "<!-- writ preview edge-1/web -->\n**Writ** would do for unit `web` on host `edge-1`: {title}\n\n```text\n{block}```\n\
             \nPlanned for 1f0c7a521234 as it is, beside 9ab0c1d21234, which the host follows. Nothing was applied, decrypted or \
             fetched for it. Who signed its commits, and whether the rules let them in, is judged once they are merged.\n"
        );
        assert_eq!(said.comment, want);
    }

    #[test]
    fn steps_are_counted_by_what_they_do_and_shown_in_full() {
        let steps = vec![
            step(Verb::Create, "shop-web.0", "new"),
            step(Verb::Replace, "shop-db.0", "image changed"),
            step(Verb::Replace, "shop-db.1", "image changed"),
            step(Verb::Keep, "shop-old.0", "as wanted"),
        ];
        let block = "create   shop-web.0  new\nreplace  shop-db.0  image changed\nreplace  shop-db.1  image changed\n\
                     keep     shop-old.0  as wanted\n";
        let line = "1 to create, 2 to replace";
        check(&Outlook::Foreseen(Foreseen { steps }), State::Success, line, line, block);
        let (nothing, block) = ("nothing to do", "nothing to do\n");
        check(&Outlook::Foreseen(Foreseen::default()), State::Success, nothing, nothing, block);
    }

    #[test]
    fn what_would_be_refused_comes_first_and_no_word_of_the_repository_stands_outside_the_block() {
        let steps = vec![
            step(Verb::Refuse, "deployment/a/@team", "guard privileged: no"),
            step(Verb::Refuse, "deployment/a/c", "guard privileged: no"),
            step(Verb::Update, "voodu-caddy", "a route"),
        ];
        let line = "refused: deployment/a/@team: guard privileged: no (and 1 more); 1 to update";
        let block = "refuse   deployment/a/@team  guard privileged: no\nrefuse   deployment/a/c  guard privileged: no\n\
                     update   voodu-caddy  a route\n";
        check(&Outlook::Foreseen(Foreseen { steps }), State::Failure, line, "2 refused, 1 to update", block);
        let wrong = Outlook::Wrong { short: "web.yaml:1:1: @team".to_owned(), whole: "error: @team\n".to_owned() };
        let line = "its files are not right: web.yaml:1:1: @team";
        check(&wrong, State::Failure, line, "its files are not right, so that nothing would change", "error: @team\n");
    }

    #[test]
    fn what_is_not_known_is_an_error_and_no_judgement() {
        let unknown = Outlook::Unknown("the engine did not answer".to_owned());
        let line = "could not be planned: the engine did not answer";
        check(&unknown, State::Error, line, "it could not be planned", "the engine did not answer\n");
    }
}
