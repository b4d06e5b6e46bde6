//! `writ audit`

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use writ::limits::{ALLOWED_SIGNERS_BYTES_MAX, PROOF_BYTES_MAX};
use writ::record::{Excerpt, Expected, ExportError, FILE, Journal, Verdict, verify_export};
use writ::view::audit::document;
use writ_core::trust::AllowedSigners;

use super::exit::{Ended, Exit, Failure};
use super::host::Host;
use super::terminal::Colour;
use super::{moment, prove};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check the chain and the signatures of the record, and name the first bad one
    Verify(Verify),
    /// Write the record as lines of JSON
    Export(Export),
    /// Prove what the record tells of an object, a commit, or by one of its records
    Prove(prove::Arguments),
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// A copy of the record, or an export of it (- is standard input) [default: this host's own record]
    file: Option<PathBuf>,
    /// A hash, or its first digits as a commit status shows them, that must stand in the chain
    #[arg(long, value_name = "HASH")]
    expect: Option<String>,
    /// Who may sign, as ssh-keygen reads it; hosts stand there by their names
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
    /// Check this proof instead of a record (- is standard input)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "expect"])]
    proof: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Export {
    /// Where to write [default: standard output, as does -]
    file: Option<PathBuf>,
    /// A copy of the record [default: this host's own]
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Show what is of this unit alone in full
    #[arg(long)]
    unit: Option<String>,
    /// Begin with the first record from this moment on (2026-11-21T09:10:11Z, 2026-11-21, or how long ago: 2h)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    match &arguments.verb {
        Verb::Verify(Verify { file, expect, allowed_signers, proof }) => {
            let signers = allowed_signers.as_deref().map(read_signers).transpose()?;
            match proof {
                Some(proof) => prove::check(host, &shown(proof), &read_all(proof)?, signers.as_ref()),
                None => {
                    let expected = Expected { head: expect.as_deref(), signers: signers.as_ref() };
                    verify(host, file.as_deref(), expected)
                }
            }
        }
        Verb::Export(arguments) => export(host, arguments),
        Verb::Prove(arguments) => prove::run(host, arguments),
    }
}

/// The record of this host, or a copy.
pub(crate) fn journal(host: &Host, copy: Option<&Path>) -> Result<Journal, Failure> {
    let path = match copy {
        Some(copy) => copy.to_path_buf(),
        None => host.settings()?.host.state.join(FILE),
    };
    Ok(Journal::open_file(&path)?)
}

fn verify(host: &Host, file: Option<&Path>, expected: Expected<'_>) -> Ended {
    let (verdict, name) = match file {
        Some(file) if is_export(file)? => (verify_export(&mut *open(file)?, expected)?, shown(file)),
        copy => {
            let journal = journal(host, copy)?;
            (journal.verify(expected)?, journal.path().display().to_string())
        }
    };
    let value = document(&name, &verdict);
    let (label, colour, exit) = match &verdict {
        Verdict::Whole { .. } => ("whole:", Colour::Good, Exit::Success),
        Verdict::Broken { .. } => ("broken:", Colour::Bad, Exit::Refused),
    };
    host.terminal.show(&value, &format!("{} {verdict}\n", host.terminal.paint(colour, label)))?;
    remark(host, &verdict);
    Ok(exit)
}

/// Says what a person must know of a record that is whole.
fn remark(host: &Host, verdict: &Verdict) {
    let Verdict::Whole { head, seals } = verdict else { return };
    for record in &seals.replaced {
        host.terminal.say(&format!(
            "record {record}: the host key was replaced, and the lost one did not sign that: compare the new key with what \
             you know of this host, or give --allowed-signers"
        ));
    }
    let unsigned = seals.unsigned(*head);
    if unsigned > 0 {
        host.terminal.say(&format!("the newest {unsigned} of the records are not signed yet"));
    }
}

fn export(host: &Host, arguments: &Export) -> Ended {
    let Export { file, from, unit, since } = arguments;
    let journal = journal(host, from.as_deref())?;
    let since = since.as_deref().map(|since| moment::past(since, host.now())).transpose()?;
    let excerpt = Excerpt { unit: unit.clone(), since };
    match file.as_deref().filter(|file| *file != Path::new("-")) {
        None => {
            let written = journal.export(&excerpt, &mut BufWriter::new(io::stdout().lock()));
            match written {
                // Whoever read has read enough.
                Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Success),
                written => written.map(|_| Exit::Success).map_err(Failure::from),
            }
        }
        Some(file) => {
            let mut draft = writ::record::Draft::of(file)?;
            let records = journal.export(&excerpt, &mut BufWriter::new(draft.file()))?;
            draft.keep()?;
            host.terminal.say(&format!("{records} records are shown in {}", file.display()));
            Ok(Exit::Success)
        }
    }
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// How a file is called in what is said.
fn shown(file: &Path) -> String {
    if is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() }
}

/// True if a file is text; a record never is. A file that is empty or missing is not told here.
fn is_export(file: &Path) -> Result<bool, Failure> {
    if is_stdin(file) {
        return Ok(true);
    }
    let mut first = [0];
    match File::open(file).and_then(|mut file| file.read(&mut first)) {
        Ok(_) => Ok(first == *b"{"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unreadable(file, &error)),
    }
}

fn open(file: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if is_stdin(file) {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).map_err(|error| unreadable(file, &error))?;
    Ok(Box::new(BufReader::new(opened)))
}

fn read_all(file: &Path) -> Result<Vec<u8>, Failure> {
    limited(file, PROOF_BYTES_MAX)
}

fn read_signers(file: &Path) -> Result<AllowedSigners, Failure> {
    let bytes = limited(file, ALLOWED_SIGNERS_BYTES_MAX)?;
    AllowedSigners::parse(&bytes).map_err(|error| Failure::message(format!("{}: {error}", shown(file))))
}

fn limited(file: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    open(file)?.take(most + 1).read_to_end(&mut bytes).map_err(|error| unreadable(file, &error))?;
    if bytes.len() as u64 > most {
        return Err(Failure::message(format!("{} is longer than {most} bytes", shown(file))));
    }
    Ok(bytes)
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::message(format!("cannot read {}: {error}", shown(file)))
}
