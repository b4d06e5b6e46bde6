//! References to assets in commands and variables: each stands for the path at which the container finds the file.
//!
//! The file is mounted there, read-only, for every container that refers to it, whether or not it is mounted elsewhere too.

use std::collections::BTreeMap;

use super::assets::{Assets, Found};
use super::scene::Scene;
use super::tree::{AssetKey, Piece, Span};
use super::volumes::Mounts;

/// Where the files are. Source: the folder of materialised assets of the dialect's first implementation.
const FOLDER: &str = "/opt/voodu/assets";

/// Stands for the scope of assets of none. No scope has this name.
const NO_SCOPE: &str = "_";

/// The references of one container.
pub(super) struct Paths<'a> {
    pub(super) assets: &'a Assets,
    used: BTreeMap<AssetKey, Span>,
}

impl<'a> Paths<'a> {
    pub(super) const fn new(assets: &'a Assets) -> Self {
        Self { assets, used: BTreeMap::new() }
    }

    /// A text with the path of the file in the place of each reference.
    pub(super) fn text(&mut self, scene: &mut Scene<'_>, pieces: &[Piece]) -> Option<String> {
        let mut text = Some(String::new());
        for piece in pieces {
            let part = match piece {
                Piece::Literal(part) => Some(part.clone()),
                Piece::Asset(key, span) => self.path(scene, key, span),
            };
            text = text.zip(part).map(|(text, part)| text + &part);
        }
        text
    }

    fn path(&mut self, scene: &mut Scene<'_>, key: &AssetKey, span: &Span) -> Option<String> {
        if self.assets.check(scene, key, span)? == Found::Here {
            self.used.entry(key.clone()).or_insert_with(|| span.clone());
        }
        Some(path(key))
    }

    /// Adds a mount for each file that was referred to.
    pub(super) fn mount(self, scene: &mut Scene<'_>, mounts: &mut Mounts) {
        for (key, span) in self.used {
            mounts.refer(scene, path(&key), key, &span);
        }
    }
}

fn path(key: &AssetKey) -> String {
    let AssetKey { scope, name, key } = key;
    let scope = if scope.is_empty() { NO_SCOPE } else { scope };
    format!("{FOLDER}/{scope}/{name}/{key}")
}
