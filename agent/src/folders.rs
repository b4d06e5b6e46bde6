//! The folders of a tree that a unit is made of, and what its files are called.

/// One folder or several. Files of one are called by their paths from there; those of several by theirs from the top of the tree,
/// so that no two have one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders(Vec<String>);

impl Folders {
    /// The folders, by their paths from the top of the tree without `/` at either end; `.` is the whole tree.
    ///
    /// # Errors
    /// Two of which one holds the other, or that are the same: each file would be there twice.
    pub fn new(folders: Vec<String>) -> Result<Self, (String, String)> {
        for (at, one) in folders.iter().enumerate() {
            let mut others = folders.iter().enumerate().filter(|(other, _)| *other != at);
            if let Some((_, within)) = others.find(|(_, other)| holds(one, other)) {
                return Err((one.clone(), within.clone()));
            }
        }
        Ok(Self(folders))
    }

    /// Each folder, with what the names of files below it begin with.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let several = self.0.len() > 1;
        self.0.iter().map(move |folder| (folder.as_str(), if several { folder.as_str() } else { "" }))
    }

    /// The path of a file from the top of the tree.
    #[must_use]
    pub fn in_tree(&self, file: &str) -> String {
        match self.0.as_slice() {
            [folder] if folder != "." => format!("{folder}/{file}"),
            [] | [_] | [_, ..] => file.to_owned(),
        }
    }
}

impl From<&str> for Folders {
    fn from(folder: &str) -> Self {
        Self(vec![folder.trim_end_matches('/').to_owned()])
    }
}

/// True if a folder is another one, or that is below it.
fn holds(folder: &str, other: &str) -> bool {
    let below = other.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    folder == "." || below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(folders: &[&str]) -> Result<Folders, (String, String)> {
        Folders::new(folders.iter().map(|folder| (*folder).to_owned()).collect())
    }

    #[test]
    fn files_of_one_folder_are_called_from_there_and_those_of_several_from_the_top() {
        for (folders, file, path) in [
            (&["host"][..], "web.yaml", "host/web.yaml"),
            (&["."], "web.yaml", "web.yaml"),
            (&["base", "hosts/edge-1"], "base/web.yaml", "base/web.yaml"),
        ] {
            assert_eq!(of(folders).unwrap().in_tree(file), path);
        }
        let several = of(&["base", "hosts/edge-1"]).unwrap();
        assert_eq!(several.iter().collect::<Vec<_>>(), [("base", "base"), ("hosts/edge-1", "hosts/edge-1")]);
        assert_eq!(of(&["base"]).unwrap().iter().collect::<Vec<_>>(), [("base", "")]);
    }

    #[test]
    fn no_folder_holds_another_one() {
        assert!(of(&["base", "bases", "base-2"]).is_ok());
        for (folders, refused) in [
            (&["base", "base"][..], ("base", "base")),
            (&["hosts/edge-1", "hosts"], ("hosts", "hosts/edge-1")),
            (&["base", "."], (".", "base")),
        ] {
            let (one, other) = of(folders).unwrap_err();
            assert_eq!((one.as_str(), other.as_str()), refused);
        }
    }
}
