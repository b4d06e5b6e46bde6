//! Where it is listened.
//!
//! Invariant: a socket is its owner's alone; what lies in its place and is no socket, or is listened at, stays.

use std::fs;
use std::io::{self, Error, ErrorKind};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use rustix::fs::{Mode, fchmod};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixSocket, UnixStream};

use crate::settings::Listen;

/// Permissions of a socket: whoever may write to it can ask.
const SOCKET_MODE: u32 = 0o600;

/// Connections to a socket that may wait to be taken in. Whoever comes after them is told to try again.
const QUEUE: u32 = 128;

/// Something that is listened at.
#[derive(Debug)]
pub(super) enum Listener {
    Address(TcpListener),
    Socket(UnixListener),
}

/// One who asks.
#[derive(Debug)]
pub(super) enum Stream {
    Address(TcpStream),
    Socket(UnixStream),
}

impl Listener {
    /// Begins to listen.
    pub(super) async fn open(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Address(address) => TcpListener::bind(address).await.map(Self::Address),
            Listen::Socket(path) => {
                clear(path).await?;
                let socket = UnixSocket::new_stream()?;
                // Before there is a name by which anybody could reach it.
                fchmod(&socket, Mode::from_raw_mode(SOCKET_MODE))?;
                socket.bind(path)?;
                socket.listen(QUEUE).map(Self::Socket)
            }
        }
    }

    /// The next one who asks.
    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Address(listener) => listener.accept().await.map(|(stream, _)| Stream::Address(stream)),
            Self::Socket(listener) => listener.accept().await.map(|(stream, _)| Stream::Socket(stream)),
        }
    }
}

/// Removes the socket of an agent that is gone.
async fn clear(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?.file_type(),
    };
    if !kind.is_socket() {
        return Err(Error::new(ErrorKind::AlreadyExists, "something that is no socket lies there"));
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(Error::new(ErrorKind::AddrInUse, "another program listens there")),
        Err(_) => fs::remove_file(path),
    }
}
