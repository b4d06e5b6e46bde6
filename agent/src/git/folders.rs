//! Reads the folder of a tree that says who may sign, once for each content.
//!
//! Invariant: what is there and is not what it should be is handed on as such; nothing is left out.

use std::collections::HashMap;
use std::sync::Arc;

use gix::objs::Kind;
use writ_core::limits::{
    OPENPGP_BYTES_MAX, OPENPGP_CERTIFICATES_MAX, OPENPGP_FILES_MAX, REVOKED_BYTES_MAX, RULES_BYTES_MAX,
    SIGNERS_BYTES_MAX,
};
use writ_core::trust::{
    Authorizations, AuthorizationsId, CommitId, EntryKind, EvidenceBuilder, FOLDER, Files, KEYS, Listed,
    OpenPgpCertificate, OpenPgpKeys, REVOKED, RULES, SIGNERS, TreeId,
};

use super::error::GitError;
use super::objects::{Entry, Object, Repository, read_entries, tree_id};
use crate::signature::{CertificateError, Keyring};

impl Repository {
    /// What the files of a commit say about who may sign; none if they cannot be followed.
    pub(super) fn listed_at(&self, commit: CommitId) -> Result<Option<Listed>, GitError> {
        let tree = self.tree_of(commit)?;
        let mut evidence = EvidenceBuilder::new(commit);
        let place = Folders::new(self).authorizations(&mut evidence, tree)?;
        Ok(evidence.authorizations_in(place).listed().cloned())
    }
}

/// How the name of a file in [`KEYS`] ends, after the name of its principal.
const KEY_ENDING: &str = ".asc";

/// The certificates of a tree as facts, or what is wrong with them, and their keys.
type Keys = (Result<OpenPgpKeys, String>, Keyrings);

/// The keys of each certificate of a tree.
type Keyrings = Vec<Arc<Keyring>>;

/// A certificate as facts, or what is wrong with it, and its keys.
type Certificate = Result<(OpenPgpCertificate, Arc<Keyring>), CertificateError>;

/// The folders that were read.
pub(super) struct Folders<'a> {
    repository: &'a Repository,
    by_tree: HashMap<TreeId, AuthorizationsId>,
    by_folder: HashMap<(gix::ObjectId, bool), AuthorizationsId>,
    by_keys: HashMap<gix::ObjectId, Keys>,
    /// Each content of a file once, whatever its names.
    by_file: HashMap<gix::ObjectId, Certificate>,
    keyrings: HashMap<AuthorizationsId, Keyrings>,
    buffer: Vec<u8>,
}

impl<'a> Folders<'a> {
    pub(super) fn new(repository: &'a Repository) -> Self {
        Self {
            repository,
            by_tree: HashMap::new(),
            by_folder: HashMap::new(),
            by_keys: HashMap::new(),
            by_file: HashMap::new(),
            keyrings: HashMap::new(),
            buffer: Vec::new(),
        }
    }

    /// The OpenPGP keys beside authorizations, if there are any.
    pub(super) fn keyrings(&self, id: AuthorizationsId) -> &[Arc<Keyring>] {
        self.keyrings.get(&id).map(Vec::as_slice).unwrap_or_default()
    }

    /// The authorizations in a tree, read once for each content of the folder that holds them.
    pub(super) fn authorizations(
        &mut self,
        evidence: &mut EvidenceBuilder,
        tree: TreeId,
    ) -> Result<AuthorizationsId, GitError> {
        if let Some(known) = self.by_tree.get(&tree) {
            return Ok(*known);
        }
        let place = match self.folder_entry(tree)? {
            Err(detail) => evidence.authorizations(Authorizations::unreadable(detail)),
            Ok(None) => evidence.authorizations(Authorizations::missing()),
            Ok(Some(key @ (id, is_folder))) => match self.by_folder.get(&key) {
                Some(known) => *known,
                None => {
                    let (read, keyring) =
                        if is_folder { self.read_folder(&id)? } else { (Authorizations::not_a_folder(), None) };
                    let place = evidence.authorizations(read);
                    self.by_folder.insert(key, place);
                    self.keyrings.extend(keyring.map(|keyring| (place, keyring)));
                    place
                }
            },
        };
        // A tree's own place is kept for the last tree alone: few commits in a row share one.
        self.by_tree.clear();
        self.by_tree.insert(tree, place);
        Ok(place)
    }

    /// The entry of the root tree that holds the authorizations: its name in the database, and whether it is a folder.
    fn folder_entry(&mut self, tree: TreeId) -> Result<Result<Option<(gix::ObjectId, bool)>, String>, GitError> {
        let entries = match read_entries(self.repository, tree, &mut self.buffer)? {
            Ok(entries) => entries,
            Err(detail) => return Ok(Err(detail)),
        };
        let mut found = entries.into_iter().filter(|entry| entry.name == FOLDER.as_bytes());
        let entry = found.next();
        // Twice the same name is nothing that Git writes: it is taken for no folder, which is refused.
        let twice = found.next().is_some();
        Ok(Ok(entry.map(|entry| (entry.id, entry.kind == EntryKind::Folder && !twice))))
    }

    fn read_folder(&mut self, id: &gix::oid) -> Result<(Authorizations, Option<Keyrings>), GitError> {
        let entries = match self.entries(id)? {
            Ok(entries) => entries,
            Err(detail) => return Ok((Authorizations::unreadable(detail), None)),
        };
        let signers = self.file(only(&entries, SIGNERS), SIGNERS_BYTES_MAX)?;
        let revoked = self.file(only(&entries, REVOKED), REVOKED_BYTES_MAX)?;
        let rules = self.file(only(&entries, RULES), RULES_BYTES_MAX)?;
        let keys = match only(&entries, KEYS).filter(|entry| entry.kind == EntryKind::Folder) {
            Some(entry) => Some(self.keys(entry.id)?),
            None => None,
        };
        let (openpgp, keyring) = keys.unzip();
        let (signers, revoked, rules) = (signers.as_deref(), revoked.as_deref(), rules.as_deref());
        let files = Files { signers, revoked, openpgp, rules };
        let names = entries.iter().map(|entry| (entry.name.as_slice(), entry.kind));
        Ok((Authorizations::read(names, files), keyring))
    }

    fn entries(&mut self, id: &gix::oid) -> Result<Result<Vec<Entry>, String>, GitError> {
        let tree = tree_id(id).map_err(|error| self.repository.broken(&error.to_string()))?;
        read_entries(self.repository, tree, &mut self.buffer)
    }

    /// The content of an entry, if it is a file that is not too long.
    fn file(&self, entry: Option<&Entry>, bytes_max: u64) -> Result<Option<Vec<u8>>, GitError> {
        let Some(entry) = entry.filter(|entry| entry.kind == EntryKind::File) else { return Ok(None) };
        let id = tree_id(&entry.id).map_err(|error| self.repository.broken(&error.to_string()))?;
        let mut content = Vec::new();
        Ok(match self.repository.read(id.as_bytes(), Kind::Blob, bytes_max, &mut content)? {
            Object::Right(bytes) => Some(bytes.to_vec()),
            Object::Other(_) | Object::Long(_) => None,
        })
    }

    /// The OpenPGP certificates in a folder, read once for each content of it.
    fn keys(&mut self, id: gix::ObjectId) -> Result<Keys, GitError> {
        if let Some(known) = self.by_keys.get(&id) {
            return Ok(known.clone());
        }
        let mut keyrings = Vec::new();
        let read = match self.entries(&id)? {
            Ok(entries) if entries.len() > OPENPGP_FILES_MAX => {
                Err(format!(" holds {} files; at most {OPENPGP_FILES_MAX} are read", entries.len()))
            }
            Ok(entries) => self.certificates(&entries, &mut keyrings)?,
            Err(detail) => Err(format!(" cannot be read: {detail}")),
        };
        let keys = (read, keyrings);
        self.by_keys.insert(id, keys.clone());
        Ok(keys)
    }

    fn certificates(
        &mut self,
        entries: &[Entry],
        keyrings: &mut Keyrings,
    ) -> Result<Result<OpenPgpKeys, String>, GitError> {
        let mut certificates = Vec::new();
        for entry in entries {
            let Some(name) = std::str::from_utf8(&entry.name).ok().filter(|name| !name.chars().any(char::is_control))
            else {
                return Ok(Err(" holds a name that is no plain text".to_owned()));
            };
            let principal = name.strip_suffix(KEY_ENDING).filter(|principal| !principal.is_empty());
            let Some(principal) = principal.filter(|_| entry.kind == EntryKind::File) else {
                return Ok(Err(format!("{name} is no file `PRINCIPAL{KEY_ENDING}`")));
            };
            match self.certificate(entry)? {
                Ok((certificate, keyring)) => {
                    certificates.push(OpenPgpCertificate { principal: principal.to_owned(), ..certificate });
                    keyrings.push(keyring);
                }
                Err(detail) => return Ok(Err(format!("{name} {detail}"))),
            }
        }
        Ok(Ok(OpenPgpKeys::new(certificates)))
    }

    fn certificate(&mut self, entry: &Entry) -> Result<Result<(OpenPgpCertificate, Arc<Keyring>), String>, GitError> {
        let unreadable = |error: &CertificateError| format!("cannot be read: {error}");
        if let Some(known) = self.by_file.get(&entry.id) {
            return Ok(known.clone().map_err(|error| unreadable(&error)));
        }
        if self.by_file.len() >= OPENPGP_CERTIFICATES_MAX {
            let detail = format!(
                "is one of more than {OPENPGP_CERTIFICATES_MAX} different files in this history, which are not read"
            );
            return Ok(Err(detail));
        }
        let Some(content) = self.file(Some(entry), OPENPGP_BYTES_MAX)? else {
            return Ok(Err(format!(
                "is longer than {OPENPGP_BYTES_MAX} bytes; export it with `--export-options export-minimal`"
            )));
        };
        // Whose it is, the name of each file says.
        let read = Keyring::read("", &content).map(|(certificate, keyring)| (certificate, Arc::new(keyring)));
        self.by_file.insert(entry.id, read.clone());
        Ok(read.map_err(|error| unreadable(&error)))
    }
}

/// The entry of this name. Twice the same name is nothing that Git writes: neither is taken, which is refused.
fn only<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    let mut named = entries.iter().filter(|entry| entry.name == name.as_bytes());
    named.next().filter(|_| named.next().is_none())
}
