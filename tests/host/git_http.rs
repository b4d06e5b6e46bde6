//! Fetching over HTTP: a token goes to the one host that the settings name, and nowhere else.

use std::fs;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use writ::git::{Bounds, Credentials, GitError, Mirror, Remote};

use crate::git_server::{cgi, receive};
use crate::repository::{Repository, key};

const TOKEN: &str = "canary-token-91c2";

/// What a server does with each request.
#[derive(Clone)]
enum Manner {
    /// Serves the repositories below a folder, by Git's own CGI program.
    Serve(PathBuf),
    /// Sends elsewhere.
    Redirect(String),
    /// Answers with a status and nothing else.
    Status(&'static str),
    /// Serves, and closes the connection in the middle of the pack.
    Cut(PathBuf),
}

/// A server on loopback that keeps the head of each request.
struct Server {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/repository/.git", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&heads);
        // Ends with the test program.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (manner, shared) = (manner.clone(), Arc::clone(&shared));
                std::thread::spawn(move || answer(stream, &manner, &shared));
            }
        });
        Self { url, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, manner: &Manner, heads: &Mutex<Vec<String>>) -> Option<()> {
    let (head, body) = receive(&mut BufReader::new(stream.try_clone().ok()?))?;
    heads.lock().unwrap().push(head.clone());
    let reply = match manner {
        Manner::Serve(root) => cgi(root, &head, &body),
        Manner::Cut(root) => {
            let whole = cgi(root, &head, &body);
            let cut = if head.starts_with("POST") { whole.len() / 2 } else { whole.len() };
            whole[..cut].to_vec()
        }
        Manner::Redirect(to) => {
            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
        }
        Manner::Status(status) => format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into_bytes(),
    };
    stream.write_all(&reply).ok()
}

/// A repository, the folder that serves it, and a mirror of what a server shows.
struct World {
    keys: TempDir,
    repository: Repository,
    head: String,
}

impl World {
    fn new() -> Self {
        let keys = tempfile::tempdir().unwrap();
        let (repository, head) = Repository::introduced_by(&key(keys.path(), "alice"));
        Self { keys, repository, head }
    }

    fn root(&self) -> PathBuf {
        self.repository.path().parent().unwrap().to_owned()
    }

    fn mirror(&self, server: &Server) -> Mirror {
        let file = self.keys.path().join("token");
        fs::write(&file, format!("{TOKEN}\n")).unwrap();
        let credentials = Credentials::Token { file };
        let bounds = Bounds::default();
        let remote =
            Remote { name: "infra".into(), url: server.url.clone(), branch: "main".into(), credentials, bounds };
        Mirror::open(&self.keys.path().join("mirror"), &remote).unwrap()
    }
}

fn sends_token(head: &str) -> bool {
    head.to_ascii_lowercase().contains("authorization: basic ")
}

#[test]
fn a_branch_is_listed_and_fetched_with_the_token_in_each_request() {
    let world = World::new();
    let server = Server::start(Manner::Serve(world.root()));
    let mut mirror = world.mirror(&server);
    assert_eq!(mirror.list().unwrap().map(|id| id.to_string()).as_ref(), Some(&world.head));
    assert!((1..600).contains(&mirror.received()), "{} bytes", mirror.received());
    assert_eq!(mirror.fetch().unwrap().map(|id| id.to_string()).as_ref(), Some(&world.head));
    let heads = server.heads();
    assert!(heads.len() >= 4 && heads.iter().all(|head| sends_token(head)), "{heads:?}");
}

#[test]
fn a_redirect_is_told_and_not_followed_and_the_token_stays() {
    let world = World::new();
    let elsewhere = Server::start(Manner::Serve(world.root()));
    let to = format!("{}/info/refs?service=git-upload-pack", elsewhere.url);
    let server = Server::start(Manner::Redirect(to.clone()));
    match world.mirror(&server).list() {
        Err(GitError::Redirected { to: found, .. }) => assert_eq!(found, to),
        other => panic!("{other:?}"),
    }
    assert!(elsewhere.heads().is_empty());
}

#[test]
fn a_server_that_refuses_fails_or_hangs_up_is_an_error_without_the_token() {
    let world = World::new();
    let root = world.root();
    for manner in
        [Manner::Status("401 Unauthorized"), Manner::Status("500 Oops"), Manner::Status("200 OK"), Manner::Cut(root)]
    {
        let server = Server::start(manner);
        let mut mirror = world.mirror(&server);
        let error = mirror.fetch().unwrap_err();
        assert!(matches!(error, GitError::Remote { .. }), "{error}");
        let text = format!("{} {error:?} {mirror:?}", writ::error::chain(&error));
        assert!(!text.contains(TOKEN), "{text}");
        assert_eq!(mirror.offered().unwrap(), None);
    }
}

#[test]
fn it_is_published_over_http_with_the_token_and_no_redirect_is_followed_with_it() {
    let world = World::new();
    world.repository.git(&["config", "http.receivepack", "true"]);
    let server = Server::start(Manner::Serve(world.root()));
    let mut mirror = world.mirror(&server);
    let head = mirror.fetch().unwrap().unwrap();
    let before = server.heads().len();
    crate::published::publish(&mut mirror, head, &key(world.keys.path(), "host"));
    let pushed = server.heads().split_off(before);
    assert!(pushed.iter().any(|head| head.contains("git-receive-pack")), "{pushed:?}");
    assert!(pushed.iter().all(|head| sends_token(head)), "{pushed:?}");
    assert!(world.repository.git(&["for-each-ref"]).contains("refs/writ/hosts/edge-1/infra"));
    let elsewhere = Server::start(Manner::Serve(world.root()));
    let moved = Server::start(Manner::Redirect(elsewhere.url.clone()));
    fs::remove_dir_all(world.keys.path().join("mirror")).unwrap();
    let mut mirror = world.mirror(&moved);
    let text = crate::published::text_of("edge-1", &head.to_string(), &head.to_string());
    let published = writ_core::trust::Published::parse(text.as_bytes()).unwrap();
    let error = mirror.publish(&published, (&text, "x"), head).unwrap_err();
    assert!(error.to_string().contains("push") && !format!("{error:?}").contains(TOKEN), "{error}");
    assert!(elsewhere.heads().is_empty(), "nobody follows");
}
