//! Names of images: which registry they lead to, and whether they can come to mean something else.

/// The registry of an image whose name says none. Source: the reference grammar of Docker (`docker.io` is put before a
/// name whose first word has neither a `.` nor a `:` and is not `localhost`; `library` before one of a single word).
const DEFAULT: &str = "docker.io";
/// Other names of the same registry.
const ALIASES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];
/// Where a registry keeps images whose name is a single word.
const LIBRARY: &str = "library";
/// The digests that engines compute, and how many hexadecimal digits each has.
const DIGESTS: [(&str, usize); 2] = [("sha256", 64), ("sha512", 128)];

/// The registry and the repository in it that an image's name leads to, without tag and digest.
fn repository(image: &str) -> (String, String) {
    let name = image.split('@').next().unwrap_or(image);
    let (name, last) = name.rsplit_once('/').map_or(("", name), |(before, last)| (before, last));
    let last = last.split(':').next().unwrap_or(last);
    let name = if name.is_empty() { last.to_owned() } else { format!("{name}/{last}") };
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if is_host(host) => (host.to_ascii_lowercase(), path.to_owned()),
        Some(_) | None => (DEFAULT.to_owned(), name),
    };
    let host = if ALIASES.contains(&host.as_str()) { DEFAULT.to_owned() } else { host };
    let path = if host == DEFAULT && !path.contains('/') { format!("{LIBRARY}/{path}") } else { path };
    (host, path)
}

/// True for the first word of an image's name if it is a registry.
fn is_host(word: &str) -> bool {
    word.contains(['.', ':']) || word == "localhost" || word.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// The registry of an image, as messages name it.
pub(super) fn registry(image: &str) -> String {
    repository(image).0
}

/// True if an image is of `entry`: a registry, or a part of one (`ghcr.io/acme`).
pub(super) fn is_of(image: &str, entry: &str) -> bool {
    let (host, path) = repository(image);
    let (entry_host, below) = entry.split_once('/').map_or((entry, ""), |(host, below)| (host, below));
    let mut words = path.split('/');
    host == entry_host && below.split('/').filter(|word| !word.is_empty()).all(|word| words.next() == Some(word))
}

/// True for what may stand in a list of registries: a host, or a host and the beginning of a path.
pub(super) fn is_registry(entry: &str) -> bool {
    let sound = |word: &str| {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_:[]".contains(&byte);
        !word.is_empty() && word.bytes().all(letter)
    };
    let mut words = entry.split('/');
    let host = words.next().unwrap_or_default();
    sound(host) && is_host(host) && !ALIASES.contains(&host) && words.all(|word| sound(word) && !word.contains(':'))
}

/// True if the name holds a digest, so that it means one image for ever.
pub(super) fn is_pinned(image: &str) -> bool {
    let digest = image.split_once('@').and_then(|(_, digest)| digest.split_once(':'));
    digest.is_some_and(|(kind, digits)| {
        let length = DIGESTS.iter().find(|(name, _)| *name == kind).map(|(_, length)| *length);
        length == Some(digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_the_registry_to_which_an_engine_would_take_it() {
        for (image, host, path) in [
            ("postgres", "docker.io", "library/postgres"),
            ("postgres:15", "docker.io", "library/postgres"),
            ("acme/app:1", "docker.io", "acme/app"),
            ("docker.io/postgres", "docker.io", "library/postgres"),
            ("index.docker.io/acme/app@sha256:ab", "docker.io", "acme/app"),
            ("ghcr.io/acme/app:1@sha256:ab", "ghcr.io", "acme/app"),
            ("GHCR.io/acme/app", "ghcr.io", "acme/app"),
            ("localhost/app", "localhost", "app"),
            ("localhost:5000/app:2", "localhost:5000", "app"),
            ("10.0.0.1:5000/a/b/c", "10.0.0.1:5000", "a/b/c"),
            ("evil/docker.io/app", "docker.io", "evil/docker.io/app"),
        ] {
            assert_eq!(repository(image), (host.to_owned(), path.to_owned()), "{image}");
        }
    }

    #[test]
    fn an_image_is_of_a_registry_or_of_a_part_of_it_by_whole_words() {
        for (image, entry) in [
            ("ghcr.io/acme/app:1", "ghcr.io"),
            ("ghcr.io/acme/app:1", "ghcr.io/acme"),
            ("ghcr.io/acme/app:1", "ghcr.io/acme/app"),
            ("postgres", "docker.io/library"),
        ] {
            assert!(is_of(image, entry), "{image} {entry}");
        }
        for (image, entry) in [
            ("ghcr.io.evil.example/acme/app", "ghcr.io"),
            ("ghcr.io/acme-evil/app", "ghcr.io/acme"),
            ("ghcr.io:5000/acme/app", "ghcr.io"),
            ("docker.io/ghcr.io/acme/app", "ghcr.io/acme"),
            ("ghcr.io/acme", "ghcr.io/acme/app"),
        ] {
            assert!(!is_of(image, entry), "{image} {entry}");
        }
    }

    #[test]
    fn an_image_is_pinned_by_a_whole_digest_alone() {
        let digits = "0123456789abcdef".repeat(4);
        assert!(is_pinned(&format!("app@sha256:{digits}")));
        assert!(is_pinned(&format!("app:1@sha256:{digits}")));
        for image in ["app", "app:1", "app@sha256:ab", &format!("app:sha256-{digits}"), &format!("app@md5:{digits}")] {
            assert!(!is_pinned(image), "{image}");
        }
        assert!(!is_pinned(&format!("app@sha256:{}", digits.to_uppercase())));
    }
}
