//! Volumes of containers, and what is mounted where.

use std::collections::BTreeMap;

use super::made::{Draft, Made, flag, list};
use super::read::{Fields, Scene, Word};
use crate::text::quoted;

const MOUNT: [&str; 9] =
    ["name", "mountPath", "subPath", "readOnly", "configMap", "secret", "hostPath", "emptyDir", "pvc"];
const SOURCES: [&str; 5] = ["configMap", "secret", "hostPath", "emptyDir", "pvc"];

/// What the pod's volumes are, and which claim templates there are.
#[derive(Debug, Default)]
pub(super) struct Volumes<'a> {
    /// Names of the claim templates.
    pub(super) templates: Vec<String>,
    /// By name: the volume, and a text that two mounts of one volume share.
    made: BTreeMap<String, (Made<'a>, String)>,
}

impl<'a> Volumes<'a> {
    /// Those of a workload with claim templates of these names.
    pub(super) const fn new(templates: Vec<String>) -> Self {
        Self { templates, made: BTreeMap::new() }
    }

    /// The pod's volumes, but for those of claim templates.
    pub(super) fn finish(self) -> Vec<Made<'a>> {
        self.made.into_values().map(|(volume, _)| volume).collect()
    }
}

/// The mounts of a container; what they mount is noted in `volumes`.
pub(super) fn read<'a>(scene: &mut Scene<'_>, container: &Fields<'_, 'a>, volumes: &mut Volumes<'a>) -> Vec<Made<'a>> {
    let mut mounts = Vec::new();
    for (path, at, item) in container.list(scene, "volumeMounts") {
        let Some(mount) = scene.fields(item, (path, &at), &MOUNT) else { continue };
        let (name, target) = (mount.must_word(scene, "name"), mount.must_word(scene, "mountPath"));
        let below = mount.word(scene, "subPath").filter(|below| !below.text.is_empty());
        let read_only = mount.flag(scene, "readOnly");
        let (Some(name), Some(target)) = (name, target) else { continue };
        let Some((volume, claim_only_read)) = volume(scene, &mount, (&name, below.as_ref()), volumes) else { continue };
        let mut draft = Draft::new(&name.at)
            .word("name", Some(&volume))
            .word("mountPath", Some(&target))
            .word("subPath", below.as_ref());
        if read_only || claim_only_read {
            draft = draft.put("readOnly", flag(true, &mount.at));
        }
        mounts.push(draft.done());
    }
    mounts
}

/// The name of what is mounted, and whether it is only read. A claim template is called by its own name, whatever the mount
/// is called.
fn volume<'a>(
    scene: &mut Scene<'_>,
    mount: &Fields<'_, 'a>,
    (name, below): (&Word, Option<&Word>),
    volumes: &mut Volumes<'a>,
) -> Option<(Word, bool)> {
    let given: Vec<&str> = SOURCES.into_iter().filter(|source| mount.entry(source).is_some()).collect();
    let source = match given.as_slice() {
        [] if volumes.templates.contains(&name.text) => return Some((name.clone(), false)),
        [] => {
            let message =
                format!("{} mounts {}, and nothing says what that is", quoted(&mount.path), quoted(&name.text));
            scene.error(&name.at, message, &format!("say what it is by one of {}", SOURCES.join(", ")));
            return None;
        }
        [source] => *source,
        [first, second, ..] => {
            let message = format!("{} is both `{first}` and `{second}`", quoted(&mount.path));
            scene.error(&mount.at, message, "make two mounts of it");
            return None;
        }
    };
    let (body, told) = match source {
        "configMap" => content(scene, mount, (source, "name"), below)?,
        "secret" => content(scene, mount, (source, "secretName"), below)?,
        "hostPath" => host_path(scene, mount)?,
        "emptyDir" => scratch(scene, mount)?,
        _ => match claim(scene, mount, volumes)? {
            Claim::Template(template, only_read) => {
                if template.text != name.text {
                    let path = quoted(&mount.under("name"));
                    let why = format!("the claim template {} is mounted by its own name", quoted(&template.text));
                    scene.note(&name.at, format!("{path} has no effect: {why}"));
                }
                return Some((template, only_read));
            }
            Claim::Other(body, told) => (body, told),
        },
    };
    let field = if source == "pvc" { "persistentVolumeClaim" } else { source };
    let made = Draft::new(&name.at).word("name", Some(name)).put(field.to_owned(), body).done();
    let told = format!("{source} {told}");
    match volumes.made.get(&name.text) {
        Some((_, other)) if *other != told => {
            let message = format!("the volume {} is something else in an earlier mount", quoted(&name.text));
            scene.error(&name.at, message, "give each volume a name of its own");
        }
        Some(_) => {}
        None => drop(volumes.made.insert(name.text.clone(), (made, told))),
    }
    Some((name.clone(), false))
}

/// A ConfigMap or a Secret, of which a mount may ask for one key. Where the mount takes a file out of the volume and the key
/// has no path, the file is the key's: a name that leads to nothing would be an empty directory.
fn content<'a>(
    scene: &mut Scene<'_>,
    mount: &Fields<'_, 'a>,
    (source, called): (&'static str, &'static str),
    below: Option<&Word>,
) -> Option<(Made<'a>, String)> {
    let fields = mount.child(scene, source, &["name", "key", "path", "defaultMode"])?;
    let name = fields.must_word(scene, "name")?;
    let key = fields.word(scene, "key").filter(|key| !key.text.is_empty());
    let path = fields.word(scene, "path").filter(|path| !path.text.is_empty());
    let mode = fields.number(scene, "defaultMode", 0..=0o777).filter(|(mode, _)| *mode > 0);
    if let (None, Some(path)) = (&key, &path) {
        let message = format!("{} has no `key` to be a file for", quoted(&fields.under("path")));
        scene.error(&path.at, message, &format!("add `key`, or leave it out and the keys of {source} are the files"));
    }
    let item = key.as_ref().map(|key| {
        let path = path.as_ref().or(below).unwrap_or(key);
        (Draft::new(&key.at).word("key", Some(key)).word("path", Some(path)).done(), path.text.clone())
    });
    let key_text = key.as_ref().map(|key| key.text.clone());
    let told = format!("{} {key_text:?} {:?} {:?}", name.text, item.as_ref().map(|(_, path)| path), mode);
    let items = key.zip(item).map(|(key, (item, _))| list(&key.at, vec![item]));
    let body = Draft::new(&fields.at).word(called, Some(&name)).maybe("items", items).number("defaultMode", mode);
    Some((body.done(), told))
}

fn host_path<'a>(scene: &mut Scene<'_>, mount: &Fields<'_, 'a>) -> Option<(Made<'a>, String)> {
    let kinds = ["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"];
    let fields = mount.child(scene, "hostPath", &["path", "type"])?;
    let (path, kind) = (fields.must_word(scene, "path")?, fields.choice(scene, "type", &kinds));
    let told = format!("{} {:?}", path.text, kind.as_ref().map(|kind| &kind.text));
    Some((Draft::new(&fields.at).word("path", Some(&path)).word("type", kind.as_ref()).done(), told))
}

fn scratch<'a>(scene: &mut Scene<'_>, mount: &Fields<'_, 'a>) -> Option<(Made<'a>, String)> {
    let fields = mount.child(scene, "emptyDir", &["medium", "sizeLimit"])?;
    let medium = fields.choice(scene, "medium", &["", "Memory"]);
    let size = fields.word(scene, "sizeLimit").filter(|size| !size.text.is_empty());
    if let Some(size) = &size {
        super::container::must_be_quantity(scene, &fields.under("sizeLimit"), size);
    }
    let text = |word: &Option<Word>| word.as_ref().map(|word| word.text.clone());
    let told = format!("{:?} {:?}", text(&medium), text(&size));
    Some((Draft::new(&fields.at).word("medium", medium.as_ref()).word("sizeLimit", size.as_ref()).done(), told))
}

enum Claim<'a> {
    Template(Word, bool),
    Other(Made<'a>, String),
}

fn claim<'a>(scene: &mut Scene<'_>, mount: &Fields<'_, 'a>, volumes: &Volumes<'a>) -> Option<Claim<'a>> {
    let fields = mount.child(scene, "pvc", &["claimName", "readOnly"])?;
    let (name, only_read) = (fields.must_word(scene, "claimName")?, fields.flag(scene, "readOnly"));
    if volumes.templates.contains(&name.text) {
        return Some(Claim::Template(name, only_read));
    }
    let body = Draft::new(&fields.at)
        .word("claimName", Some(&name))
        .maybe("readOnly", only_read.then(|| flag(true, &fields.at)));
    Some(Claim::Other(body.done(), format!("{} {only_read}", name.text)))
}
