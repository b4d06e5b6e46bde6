//! Takes the armor off signatures and keys.
//!
//! Invariant: the armor of a signature is accepted in one form alone, so that nobody makes a second commit of one by writing
//! its signature otherwise.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The first line of an SSH signature.
pub(super) const SSH_BEGIN: &[u8] = b"-----BEGIN SSH SIGNATURE-----";
const SSH_END: &[u8] = b"-----END SSH SIGNATURE-----";
/// The first line of an OpenPGP signature.
pub(super) const PGP_BEGIN: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const PGP_END: &[u8] = b"-----END PGP SIGNATURE-----";
/// The first line of an X.509 signature.
pub(super) const X509_BEGIN: &[u8] = b"-----BEGIN SIGNED MESSAGE-----";
const KEY_BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const KEY_END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// Width of a line of base64 in the armor that OpenSSH writes.
const SSH_WIDTH: usize = 70;

/// Width of a line of base64 in the armor that OpenPGP programs write.
const PGP_WIDTH: usize = 64;

/// Takes the armor off an SSH signature, if it is the very armor that OpenSSH writes.
pub(super) fn ssh_signature(lines: &[&[u8]]) -> Result<Vec<u8>, &'static str> {
    let [SSH_BEGIN, body @ .., SSH_END] = lines else {
        return Err("the signature's armor does not end with the line that OpenSSH writes");
    };
    if !has_width(body, SSH_WIDTH) {
        return Err("the lines of the signature's armor are not 70 characters wide, as OpenSSH writes them");
    }
    STANDARD.decode(body.concat()).map_err(|_| "the signature's armor is not base64 as OpenSSH writes it")
}

/// The same for a file that holds the signature alone.
pub fn ssh_signature_file(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let text = text.strip_suffix(b"\n").ok_or("the signature's armor does not end with a line end")?;
    ssh_signature(&text.split(|byte| *byte == b'\n').collect::<Vec<_>>())
}

/// Takes the armor off an OpenPGP signature, if it is armor as GnuPG and forges write it: no headers such as `Comment`, a
/// blank line, base64 of 64 characters a line, a right checksum or none, and at most one blank line after the end, which
/// GitHub writes.
pub(super) fn openpgp_signature(lines: &[&[u8]]) -> Result<Vec<u8>, &'static str> {
    let lines = lines.strip_suffix(&[&b""[..]]).unwrap_or(lines);
    let [PGP_BEGIN, b"", body @ .., PGP_END] = lines else {
        return Err("the signature's armor has headers, or no blank line after the first, or not the right end");
    };
    let (body, checksum) = match body {
        [body @ .., last] if last.starts_with(b"=") => (body, Some(*last)),
        _ => (body, None),
    };
    if !has_width(body, PGP_WIDTH) {
        return Err("the lines of the signature's armor are not 64 characters wide, as OpenPGP programs write them");
    }
    let bytes = STANDARD.decode(body.concat()).map_err(|_| "the signature's armor is not canonical base64")?;
    if checksum.is_some_and(|checksum| checksum != checksum_line(&bytes)) {
        return Err("the checksum of the signature's armor is wrong");
    }
    Ok(bytes)
}

/// Takes the armor off a file with an OpenPGP public key, which people may write with headers and in any width. Nothing may
/// stand beside it, so that no second key is left out in silence.
pub fn openpgp_key(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let text = std::str::from_utf8(text).map_err(|_| "it is no text: export the key with `gpg --armor --export`")?;
    let mut lines = text.lines().map(str::trim_end).skip_while(|line| line.is_empty());
    match lines.next() {
        Some(KEY_BEGIN) => {}
        Some(line) if line.contains("PRIVATE KEY") => {
            return Err("it holds a SECRET key: remove it from the history, and replace the key");
        }
        Some(_) | None => return Err("it does not begin with an armored OpenPGP public key"),
    }
    // Headers, up to a blank line.
    if !lines.by_ref().take_while(|line| !line.is_empty()).all(|line| line.contains(": ")) {
        return Err("no blank line ends the headers of its armor");
    }
    let mut body = String::new();
    let mut checksum = None;
    let ended = lines.by_ref().any(|line| {
        match line.strip_prefix('=') {
            Some(_) => checksum = Some(line),
            None if line != KEY_END => body.push_str(line),
            None => {}
        }
        line == KEY_END
    });
    if !ended || lines.any(|line| !line.is_empty()) {
        return Err("its armor does not end, or something stands behind it");
    }
    let bytes = STANDARD.decode(body).map_err(|_| "its armor is not base64")?;
    if checksum.is_some_and(|checksum| checksum.as_bytes() != checksum_line(&bytes)) {
        return Err("the checksum of its armor is wrong");
    }
    Ok(bytes)
}

/// True if all lines but the last have this width, and the last one at most.
fn has_width(body: &[&[u8]], width: usize) -> bool {
    body.iter().rev().skip(1).all(|line| line.len() == width)
        && body.last().is_some_and(|line| (1..=width).contains(&line.len()))
}

/// The line that holds the CRC-24. Source: RFC 9580, section 6.1.
fn checksum_line(bytes: &[u8]) -> Vec<u8> {
    let crc = bytes.iter().fold(0x00B7_04CE_u32, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 16), |crc, _| {
            if crc & 0x0080_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x0186_4CFB }
        }) & 0x00FF_FFFF
    });
    let [_, crc @ ..] = crc.to_be_bytes();
    format!("={}", STANDARD.encode(crc)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "iHUEABYKAB0WIQT";

    fn check(lines: &[&str], expected: bool) {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        assert_eq!(openpgp_signature(&lines).is_ok(), expected, "{lines:?}");
    }

    #[test]
    fn the_armor_of_an_openpgp_signature_has_one_form() {
        let begin = std::str::from_utf8(PGP_BEGIN).unwrap();
        let end = std::str::from_utf8(PGP_END).unwrap();
        let (full, last) = ("A".repeat(64), format!("{BODY}A"));
        let bytes = STANDARD.decode(format!("{full}{last}")).unwrap();
        let checksum = String::from_utf8(checksum_line(&bytes)).unwrap();
        check(&[begin, "", &full, &last, &checksum, end], true);
        check(&[begin, "", &full, &last, end], true);
        check(&[begin, "", &full, &last, end, ""], true);
        check(&[begin, "", &full, &last, end, "", ""], false);
        check(&[begin, "", &full, &last, "=AAAA", end], false);
        check(&[begin, "Comment: x", "", &full, &last, &checksum, end], false);
        check(&[begin, &full, &last, &checksum, end], false);
        check(&[begin, "", &last, &full, &checksum, end], false);
        check(&[begin, "", &full, &last, &checksum, &checksum, end], false);
        check(&[begin, "", &full, &last, &checksum], false);
        check(&[begin, "", end], false);
        check(&[begin, "", &full, &last, &checksum, end, "x"], false);
    }

    #[test]
    fn a_checksum_is_that_of_the_standard() {
        // The check value of CRC-24/OPENPGP over "123456789" is 21CF02.
        assert_eq!(checksum_line(b"123456789"), format!("={}", STANDARD.encode([0x21, 0xCF, 0x02])).into_bytes());
    }

    #[test]
    fn a_key_stands_alone_in_its_file() {
        let file = |body: &str| openpgp_key(format!("{KEY_BEGIN}\n{body}\n{KEY_END}\n").as_bytes());
        assert_eq!(file("\nAAAA"), Ok(vec![0, 0, 0]));
        assert_eq!(file("Comment: hello\nVersion: 1\n\nAAAA\nAAAA"), Ok(vec![0; 6]));
        for bad in ["AAAA", "\nAAA", "\nAAAA\n=AAAA", "Comment\n\nAAAA"] {
            assert!(file(bad).is_err(), "{bad}");
        }
        let whole = format!("{KEY_BEGIN}\n\nAAAA\n{KEY_END}\n");
        assert!(openpgp_key(whole.as_bytes()).is_ok());
        assert!(openpgp_key(format!("{whole}{whole}").as_bytes()).is_err());
        assert!(openpgp_key(whole.replace("-----END", "----END").as_bytes()).is_err());
        assert!(openpgp_key(whole.replace("PUBLIC", "PRIVATE").as_bytes()).unwrap_err().contains("SECRET"));
    }
}
