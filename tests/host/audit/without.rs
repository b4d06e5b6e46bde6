//! What an auditor does without this program: the commands of `docs/audit.md`, run as they stand there.

use std::fs;
use std::path::Path;

use super::{Audited, printed, shell};
use crate::machine::{Machine, Ran};

/// The commands of the document, in its order.
fn commands() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/audit.md");
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

/// What the host hands out, as the document asks for it.
fn desk(machine: &Machine, audited: &Audited) {
    for name in ["checkpoint", "checkpoint.sig"] {
        fs::copy(machine.state().join(name), audited.desk(name)).unwrap();
    }
    audited.put("export.jsonl", &printed(machine, &["audit", "export"]));
}

impl Audited {
    fn runs(&self, command: &str) -> Ran {
        shell(self.desk.path(), command)
    }
}

#[test]
fn ssh_keygen_alone_checks_the_newest_checkpoint() {
    let audited = Audited::new();
    audited.signers();
    desk(&audited.machine, &audited);
    let verify =
        "host=edge-1; ssh-keygen -Y verify -f allowed_signers -I $host -n audit@writ -s checkpoint.sig < checkpoint";
    audited.runs(verify).exits(0).says("Good \"audit@writ\" signature for edge-1 with ED25519 key");
    audited.runs(&verify.replace("host=edge-1", "host=edge-2")).exits(255);
    audited.runs(&verify.replace("-n audit@writ", "-n git")).exits(255);
    let text = fs::read_to_string(audited.desk("checkpoint")).unwrap();
    audited.put("checkpoint", &text.replace("edge-1", "edge-9"));
    audited.runs(verify).exits(255);
    audited.put("checkpoint", &text);
    audited.machine.writ(&["key", "rotate"]).exits(0);
    desk(&audited.machine, &audited);
    audited.runs(verify).exits(255);
    audited.signers();
    audited.runs(verify).exits(0);
}

#[test]
fn the_commands_of_the_document_hold_what_it_says_of_them() {
    let audited = Audited::new();
    audited.machine.writ(&["key", "rotate"]).exits(0);
    audited.signers();
    desk(&audited.machine, &audited);
    let [signature, status, chain] = commands().try_into().unwrap();
    let head =
        |text: &str| text.lines().find_map(|line| line.strip_prefix("head ")).unwrap().get(..8).unwrap().to_owned();
    let text = fs::read_to_string(audited.desk("checkpoint")).unwrap();
    let seen = format!("HEAD={}\n", head(&text));
    audited.runs(&signature).exits(0).says("Good \"audit@writ\" signature for edge-1");
    audited.runs(&(seen.clone() + &status)).exits(0).says(&format!("\"hash\":\"{}", head(&text)));
    audited.runs(&chain).exits(0).says("the checkpoint is about these records");
    audited.runs(&("HEAD=0badc0de\n".to_owned() + &status)).exits(1);

    // The same on an export without what is of other units.
    let export = fs::read_to_string(audited.desk("export.jsonl")).unwrap();
    audited.put("export.jsonl", &printed(&audited.machine, &["audit", "export", "--unit", "edge"]));
    audited.runs(&chain).exits(0).says("the checkpoint is about these records");

    for (from, to) in [("\"kind\":\"held\"", "\"kind\":\"hold\""), ("edge-1", "edge-2")] {
        let changed = export.replacen(from, to, 1);
        assert_ne!(changed, export);
        audited.put("export.jsonl", &changed);
        audited.runs(&chain).exits(1).says("is not as it was written");
    }
    let without_a_line: Vec<&str> =
        export.lines().enumerate().filter(|(at, _)| *at != 4).map(|(_, line)| line).collect();
    audited.put("export.jsonl", &(without_a_line.join("\n") + "\n"));
    audited.runs(&chain).exits(1).says("is not as it was written");
    audited.put("export.jsonl", &export);
    let other: String = text
        .lines()
        .map(|line| match line.strip_prefix("tree ") {
            Some(digits) => format!("tree {}\n", digits.chars().rev().collect::<String>()),
            None => format!("{line}\n"),
        })
        .collect();
    audited.put("checkpoint", &other);
    audited.runs(&chain).exits(1).says("the checkpoint is about other records");
    audited.runs(&signature).exits(255);
}

#[test]
fn a_status_carries_the_head_after_the_records_of_its_pass() {
    let origin = crate::machine::Origin::new();
    let token = origin.repository.path().with_file_name("token");
    fs::write(&token, "x").unwrap();
    fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let report = format!(
        "[[report]]\nforge = \"gitea\"\nurl = \"http://127.0.0.1:1\"\nproject = \"ops/infra\"\nsource = \"infra\"\ntoken_file = \"{}\"\n",
        token.display()
    );
    let machine = Machine::new(&origin, &report);
    origin.deploy(&[("web.yaml", super::WEB)]);
    machine.pass();
    let sql = "SELECT description FROM statuses ORDER BY id DESC LIMIT 1";
    let connection = rusqlite::Connection::open(machine.state().join(writ::record::FILE)).unwrap();
    let description: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    let (_, seen) = description.split_once(" audit ").unwrap_or_else(|| panic!("{description}"));
    let history = machine.history();
    let hex = |hash: &[u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let with_head = history.iter().find(|record| hex(&record.hash).starts_with(seen)).unwrap();
    let of_the_pass =
        |record: &&writ::record::Record| ["outcome", "held", "pass-ended"].contains(&record.kind.as_str());
    let last = history.iter().rfind(of_the_pass).unwrap();
    assert_eq!((with_head.kind.as_str(), last.kind.as_str()), ("status-enqueued", "pass-ended"));
    assert!(with_head.id > last.id, "{description}: record {} before {}", with_head.id, last.id);
    machine.writ(&["audit", "verify", "--expect", seen]).exits(0);
}
