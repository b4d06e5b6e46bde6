//! One encrypted value as SOPS writes it: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How each encrypted value begins.
const BEGIN: &str = "ENC[AES256_GCM,";

/// An encrypted value, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CipherText {
    /// What is encrypted.
    pub data: Vec<u8>,
    /// The nonce: as long as SOPS makes it, and not as AES-GCM commonly has it.
    pub nonce: [u8; 32],
    /// The tag that proves data, nonce and path.
    pub tag: [u8; 16],
    /// What the value was before it was encrypted.
    pub kind: ValueType,
}

/// What a value was before it was encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Float,
    /// True or false.
    Boolean,
    /// Bytes.
    Bytes,
    /// A moment.
    Time,
    /// A comment, which is no value.
    Comment,
}

/// True for a text that claims to be an encrypted value.
pub(super) fn is_cipher(text: &str) -> bool {
    text.starts_with(BEGIN)
}

impl CipherText {
    /// Takes an encrypted value apart; none if it is not whole, or written in another way than SOPS does.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.strip_prefix(BEGIN)?.strip_suffix(']')?.split(',').collect();
        let [data, nonce, tag, kind] = parts.as_slice() else { return None };
        let bytes = |part: &str, name: &str| STANDARD.decode(part.strip_prefix(name)?).ok();
        Some(Self {
            data: bytes(data, "data:")?,
            nonce: bytes(nonce, "iv:")?.try_into().ok()?,
            tag: bytes(tag, "tag:")?.try_into().ok()?,
            kind: ValueType::read(kind.strip_prefix("type:")?)?,
        })
    }
}

impl ValueType {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "str" => Self::Text,
            "int" => Self::Integer,
            "float" => Self::Float,
            "bool" => Self::Boolean,
            "bytes" => Self::Bytes,
            "time" => Self::Time,
            "comment" => Self::Comment,
            _ => return None,
        })
    }

    /// True for what a Secret or a ConfigMap can hold.
    #[must_use]
    pub const fn is_text(self) -> bool {
        match self {
            Self::Text | Self::Bytes => true,
            Self::Integer | Self::Float | Self::Boolean | Self::Time | Self::Comment => false,
        }
    }

    /// For people.
    pub(super) const fn described(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Float => "a number",
            Self::Boolean => "a boolean",
            Self::Bytes => "bytes",
            Self::Time => "a date",
            Self::Comment => "a comment",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(data: &str, nonce: &str, tag: &str, kind: &str) -> String {
        format!("ENC[AES256_GCM,data:{data},iv:{nonce},tag:{tag},type:{kind}]")
    }

    #[test]
    fn a_whole_value_is_taken_apart_and_one_that_lacks_anything_is_not() {
        let (nonce, tag) = (STANDARD.encode([7; 32]), STANDARD.encode([9; 16]));
        let read = CipherText::read(&written("YWI=", &nonce, &tag, "str")).unwrap();
        assert_eq!(read, CipherText { data: b"ab".to_vec(), nonce: [7; 32], tag: [9; 16], kind: ValueType::Text });
        let short = STANDARD.encode([7; 12]);
        for wrong in [
            written("YWI", &nonce, &tag, "str"),
            written("YWI=", &short, &tag, "str"),
            written("YWI=", &nonce, &short, "str"),
            written("YWI=", &nonce, &tag, "list"),
            written("YWI=", &nonce, &tag, "str") + "x",
            written("YWI=,x", &nonce, &tag, "str"),
            "ENC[AES256_GCM,]".to_owned(),
        ] {
            assert!(is_cipher(&wrong) && CipherText::read(&wrong).is_none(), "{wrong}");
        }
    }
}
