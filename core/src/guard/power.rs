//! What manifests can ask of a host, by the words that rules of trust use.

/// A power that a rule of trust can grant to the manifests of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Publish ports.
    Ports,
}

impl Power {
    /// All powers.
    pub const ALL: [Self; 1] = [Self::Ports];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ports => "ports",
        }
    }

    /// The power of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|power| power.name() == name)
    }
}
