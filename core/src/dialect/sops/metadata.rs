//! What SOPS says about a file: for whom it is encrypted, and the code over all of its values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::cipher::CipherText;

/// How a file was encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The key of the file, encrypted by age for each of its recipients.
    pub keys: Vec<String>,
    /// What else it is encrypted for, which no host can use.
    pub services: BTreeSet<Service>,
    /// The code over all values, which stands encrypted itself.
    pub code: String,
    /// When the file was encrypted, to which the code is bound, as it is written.
    pub modified: String,
    /// The code is over the encrypted values alone.
    pub only_encrypted: bool,
}

/// What keeps keys beside age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// AWS.
    Kms,
    /// Google.
    GcpKms,
    /// Huawei.
    HcKms,
    /// Azure.
    AzureKeyVault,
    /// Vault of HashiCorp, and OpenBao.
    Vault,
    /// OpenPGP.
    Pgp,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Kms, Self::GcpKms, Self::HcKms, Self::AzureKeyVault, Self::Vault, Self::Pgp];

    /// Its name in the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kms => "kms",
            Self::GcpKms => "gcp_kms",
            Self::HcKms => "hckms",
            Self::AzureKeyVault => "azure_kv",
            Self::Vault => "hc_vault",
            Self::Pgp => "pgp",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names that say which values were encrypted; each value says that of itself.
const RULES: [&str; 6] = [
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
];

/// What is said of a file, by name; of lists of keys, the parts of each.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) words: BTreeMap<String, String>,
    pub(super) lists: BTreeMap<String, Vec<BTreeMap<String, String>>>,
}

impl Said {
    /// What it comes to, or what is wrong with it and what to do.
    pub(super) fn seal(self) -> Result<Seal, (String, &'static str)> {
        const ANEW: &str = "encrypt the file anew with SOPS";
        let Self { mut words, mut lists } = self;
        let threshold = words.remove("shamir_threshold").is_some_and(|number| number != "0");
        if threshold || lists.remove("key_groups").is_some_and(|groups| !groups.is_empty()) {
            let help = "encrypt it for a single group of recipients";
            return Err(("the key of the file is split among groups of keys, which is not supported".to_owned(), help));
        }
        let services = Service::ALL.into_iter();
        let services = services.filter(|it| lists.remove(it.name()).is_some_and(|keys| !keys.is_empty())).collect();
        let ages = lists.remove("age").unwrap_or_default();
        let keys = ages.into_iter().map(|mut age| age.remove("enc"));
        let keys = keys.collect::<Option<Vec<String>>>().ok_or(("a recipient of age has no `enc`".to_owned(), ANEW))?;
        let (code, modified) = (words.remove("mac"), words.remove("lastmodified"));
        let code = code.filter(|code| !code.is_empty());
        let code =
            code.ok_or(("the file has no `mac`: nothing proves that its values belong together".to_owned(), ANEW))?;
        if CipherText::read(&code).is_none() {
            return Err(("the `mac` of the file is not encrypted as SOPS does it".to_owned(), ANEW));
        }
        let modified =
            modified.ok_or(("the file has no `lastmodified`, to which its `mac` is bound".to_owned(), ANEW))?;
        let only_encrypted = match words.remove("mac_only_encrypted").as_deref() {
            None | Some("false" | "") => false,
            Some("true") => true,
            Some(_) => return Err(("`mac_only_encrypted` must be true or false".to_owned(), ANEW)),
        };
        words.remove("version");
        RULES.iter().for_each(|rule| drop(words.remove(*rule)));
        if let Some(name) = words.into_keys().chain(lists.into_keys()).next() {
            let message = format!("{} is nothing that this version knows of SOPS", crate::text::quoted(&name));
            return Err((message, "use a newer version of Writ, or encrypt the file with SOPS 3"));
        }
        Ok(Seal { keys, services, code, modified, only_encrypted })
    }
}
