//! A Merkle tree over the hashes of all records, so that one record can be proven without showing the others.
//!
//! It is the tree of RFC 9162, section 2.1, with the 32 bytes of each record's hash as an entry: a leaf is SHA-256 over a
//! byte 0 and the entry, a node is SHA-256 over a byte 1, the node to its left and the node to its right. The last node of
//! a level that has none beside it stands in the next level as it is.
//!
//! Invariant: what grows with the journal is never held; [`Peaks`] has one hash for each binary digit of its length.
//! [`Tree`] holds all of it and serves proofs alone.

use sha2::{Digest as _, Sha256};

use super::chain::Hash;

/// A tree that grows at its end: the roots of the full trees in it, the largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Peaks {
    leaves: u64,
    roots: Vec<Hash>,
}

impl Peaks {
    /// A tree as it was kept; none if the hashes are not as many as a tree of so many leaves has.
    pub(super) fn restored(leaves: u64, roots: Vec<Hash>) -> Option<Self> {
        (roots.len() == leaves.count_ones() as usize).then_some(Self { leaves, roots })
    }

    /// The hashes that restore it.
    pub(super) fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Adds the hash of the next record.
    pub(super) fn push(&mut self, entry: &[u8]) {
        let mut node = leaf(entry);
        let mut full = self.leaves;
        while full & 1 == 1
            && let Some(left) = self.roots.pop()
        {
            node = join(&left, &node);
            full >>= 1;
        }
        self.roots.push(node);
        self.leaves += 1;
    }

    /// The root of the whole tree. Without a leaf it is SHA-256 over nothing.
    pub(super) fn root(&self) -> Hash {
        let whole = self.roots.iter().rev().copied().reduce(|right, left| join(&left, &right));
        whole.unwrap_or_else(|| Sha256::digest([]).into())
    }
}

/// A whole tree, level by level from the leaves on.
pub(super) struct Tree(Vec<Vec<Hash>>);

impl Tree {
    /// The tree over these entries.
    pub(super) fn new<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut levels = vec![entries.map(leaf).collect::<Vec<Hash>>()];
        while let Some(last) = levels.last().filter(|last| last.len() > 1) {
            let next = last.chunks(2).map(|pair| match pair {
                [left, right] => join(left, right),
                alone => alone[0],
            });
            let next = next.collect();
            levels.push(next);
        }
        Self(levels)
    }

    /// What must be joined to a leaf, counted from 0, to reach the root.
    pub(super) fn path(&self, leaf: usize) -> Vec<Hash> {
        let places = self.0.iter().enumerate().map(|(level, nodes)| nodes.get((leaf >> level) ^ 1).copied());
        places.flatten().collect()
    }
}

/// The root of a tree of `leaves` that has `entry` as its leaf `index`, counted from 0, by its path; none if the path does
/// not fit such a tree.
pub(super) fn root_by_path(entry: &[u8], index: u64, leaves: u64, path: &[Hash]) -> Option<Hash> {
    if index >= leaves {
        return None;
    }
    let (mut node, mut at, mut width, mut path) = (leaf(entry), index, leaves, path.iter());
    while width > 1 {
        if at ^ 1 < width {
            let beside = path.next()?;
            node = if at & 1 == 1 { join(beside, &node) } else { join(&node, beside) };
        }
        at >>= 1;
        width = width.div_ceil(2);
    }
    path.next().is_none().then_some(node)
}

fn leaf(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

fn join(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::super::chain::hex;
    use super::*;

    /// The entries by which implementations of Certificate Transparency are compared.
    const KNOWN: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];

    fn peaks<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Peaks {
        let mut peaks = Peaks::default();
        entries.into_iter().for_each(|entry| peaks.push(entry));
        peaks
    }

    #[test]
    fn the_roots_are_those_that_others_compute() {
        let root = |count| hex(&peaks(KNOWN.into_iter().take(count)).root());
        for (count, known) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ] {
            assert_eq!(root(count), known, "{count} entries");
        }
    }

    #[test]
    fn every_entry_is_proven_by_its_path_and_by_no_other() {
        for count in 1..40_usize {
            let entries: Vec<Vec<u8>> = (0..count).map(|number| number.to_be_bytes().to_vec()).collect();
            let root = peaks(entries.iter().map(Vec::as_slice)).root();
            let tree = Tree::new(entries.iter().map(Vec::as_slice));
            let proves = |entry: usize, index: usize, path: &[Hash]| {
                root_by_path(&entries[entry], index as u64, count as u64, path) == Some(root)
            };
            for at in 0..count {
                let path = tree.path(at);
                assert!(proves(at, at, &path), "{at} of {count}");
                assert!(!proves(at, at, &[&path[..], &[root]].concat()), "a path that is too long, {at} of {count}");
                assert!(path.is_empty() || !proves(at, at, &path[1..]), "a path that is too short, {at} of {count}");
                let next = (at + 1) % count;
                assert!(next == at || !proves(next, at, &path) && !proves(at, next, &path), "{at} of {count}");
                assert!(!proves(at, count, &path), "a place beyond the end");
            }
        }
    }

    #[test]
    fn a_tree_that_was_kept_grows_on_as_if_it_had_never_been_put_away() {
        for count in 0..40_u64 {
            let entries: Vec<[u8; 8]> = (0..count + 9).map(u64::to_be_bytes).collect();
            let (first, more) = entries.split_at(usize::try_from(count).unwrap());
            let kept = peaks(first.iter().map(<[u8; 8]>::as_slice));
            let mut restored = Peaks::restored(count, kept.roots().to_vec()).unwrap();
            more.iter().for_each(|entry| restored.push(entry));
            assert_eq!(restored, peaks(entries.iter().map(<[u8; 8]>::as_slice)));
            assert_eq!(Peaks::restored(count, vec![[0; 32]; 9]), None);
        }
    }
}
