//! Why a container does not run, as far as its end, its last lines or the engine's refusal to start it show one of the
//! known causes, and what a person does about it.
//!
//! Invariant: no word of a log or of an engine leaves this place, for a secret may stand there: only a known cause does.

use std::fmt;

/// A known cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ailment {
    /// The kernel ended it, or a program in it, because memory ran out.
    Memory,
    /// It ended well and is started again, as what goes on for ever is.
    Ended,
    /// The program is not in the image.
    Program,
    /// The program's file may not be executed.
    Execute,
    /// The program is made for another kind of processor, or is no program.
    Format,
    /// The program uses what this processor cannot do.
    Processor,
    /// The image knows no such user.
    User,
    /// The directory to work in cannot be entered.
    WorkingDirectory,
    /// A directory is mounted over a file, or a file over a directory.
    Mount,
    /// A database finds data of another version.
    DataVersion,
    /// A database finds data of another owner.
    DataOwner,
    /// A database finds data that too many may read.
    DataMode,
    /// A database is to begin in a directory that holds something else.
    DataDirectory,
    /// A database finds data that are cut off or damaged.
    DataDamaged,
    /// A database finds that another one works on the same data.
    DataShared,
    /// A database has no password to begin with.
    Password,
    /// It does not run as root, and was to.
    Root,
    /// The shared memory is too small.
    SharedMemory,
    /// The disk is full.
    Disk,
    /// It writes where it may only read.
    ReadOnly,
    /// The port is taken.
    Port,
    /// It may not listen on so low a port.
    LowPort,
    /// Its user may not do something to a file.
    Permission,
    /// A name of something that it needs is not known.
    Name,
    /// Something that it needs does not answer.
    Unanswered,
}

/// How a container ended, and what it wrote last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending<'a> {
    /// Its exit code.
    pub code: i64,
    /// The kernel says that memory ran out.
    pub out_of_memory: bool,
    /// It is started again by itself.
    pub again: bool,
    /// The last lines of that run.
    pub log: &'a str,
}

/// Words that stand in one line, in small letters, and what they tell.
type Words = (Ailment, &'static [&'static str]);

/// What the last lines of a run tell. What is closer to the cause stands before what is more general: the first that is found in
/// any line counts.
///
/// Sources: the messages of Postgres 9 to 18 and of the entry points of its images, of Redis 6 to 8, of the C library,
/// of Go, Java, Node and Python.
const IN_LOGS: &[Words] = &[
    (Ailment::DataVersion, &["database files are incompatible with server"]),
    (Ailment::DataVersion, &["data directory was initialized by postgresql version"]),
    (Ailment::DataVersion, &["appears to be postgresql data in"]),
    (Ailment::DataVersion, &["can't handle rdb format version"]),
    (Ailment::DataOwner, &["data directory", "has wrong ownership"]),
    (Ailment::DataOwner, &["could not change permissions of directory"]),
    (Ailment::DataMode, &["data directory", "has invalid permissions"]),
    (Ailment::DataMode, &["data directory", "has group or world access"]),
    (Ailment::DataDirectory, &["initdb", "exists but is not empty"]),
    (Ailment::DataDamaged, &["could not locate a valid checkpoint record"]),
    (Ailment::DataDamaged, &["bad file format reading the append only file"]),
    (Ailment::DataDamaged, &["fatal error loading the db"]),
    (Ailment::DataShared, &["lock file", "postmaster.pid", "already exists"]),
    (Ailment::Password, &["superuser password is not specified"]),
    (Ailment::Root, &["\"root\" execution of the postgresql server is not permitted"]),
    (Ailment::Root, &["initdb", "cannot be run as root"]),
    (Ailment::SharedMemory, &["shared memory segment", "no space left on device"]),
    (Ailment::Disk, &["no space left on device"]),
    (Ailment::Disk, &["disk quota exceeded"]),
    (Ailment::Format, &["exec format error"]),
    (Ailment::LowPort, &["bind", "permission denied"]),
    (Ailment::LowPort, &["listen eacces"]),
    (Ailment::Port, &["address already in use"]),
    (Ailment::Port, &["eaddrinuse"]),
    (Ailment::ReadOnly, &["read-only file system"]),
    (Ailment::ReadOnly, &["erofs"]),
    (Ailment::Permission, &["permission denied"]),
    (Ailment::Permission, &["operation not permitted"]),
    (Ailment::Permission, &["eacces"]),
    (Ailment::Permission, &["java.nio.file.accessdeniedexception"]),
    (Ailment::Name, &["could not translate host name"]),
    (Ailment::Name, &["name or service not known"]),
    (Ailment::Name, &["temporary failure in name resolution"]),
    (Ailment::Name, &["name does not resolve"]),
    (Ailment::Name, &["no such host"]),
    (Ailment::Name, &["could not resolve host"]),
    (Ailment::Name, &["java.net.unknownhostexception"]),
    (Ailment::Name, &["enotfound"]),
    (Ailment::Unanswered, &["connection refused"]),
    (Ailment::Unanswered, &["econnrefused"]),
];

/// What the engine's refusal to start a container tells, in the same way.
///
/// Source: the messages of runc 1.0 to 1.3 and of Docker 20.10 to 29.
const AT_START: &[Words] = &[
    (Ailment::User, &["unable to find user"]),
    (Ailment::User, &["unable to find group"]),
    (Ailment::User, &["no matching entries in passwd file"]),
    (Ailment::User, &["no matching entries in group file"]),
    (Ailment::WorkingDirectory, &["chdir to cwd"]),
    (Ailment::WorkingDirectory, &["mkdir", "cwd"]),
    (Ailment::Mount, &["mount a directory onto a file"]),
    (Ailment::Memory, &["init was oom-killed"]),
    (Ailment::Disk, &["no space left on device"]),
    (Ailment::Format, &["exec format error"]),
    (Ailment::Program, &["executable file not found"]),
    (Ailment::Execute, &["exec: ", "permission denied"]),
    (Ailment::Execute, &["exec: ", "is a directory"]),
    (Ailment::Program, &["exec: ", "no such file or directory"]),
    (Ailment::Program, &["exec: ", "not a directory"]),
];

/// The exit codes by which a shell, and programs that do as it does, say that they could not run what they were to run.
const NOT_EXECUTED: i64 = 126;
const NOT_FOUND: i64 = 127;

/// The exit code of a program that the kernel ended for an instruction that the processor does not know: 128 and SIGILL.
const ILLEGAL_INSTRUCTION: i64 = 132;

impl Ailment {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Memory,
        Self::Ended,
        Self::Program,
        Self::Execute,
        Self::Format,
        Self::Processor,
        Self::User,
        Self::WorkingDirectory,
        Self::Mount,
        Self::DataVersion,
        Self::DataOwner,
        Self::DataMode,
        Self::DataDirectory,
        Self::DataDamaged,
        Self::DataShared,
        Self::Password,
        Self::Root,
        Self::SharedMemory,
        Self::Disk,
        Self::ReadOnly,
        Self::Port,
        Self::LowPort,
        Self::Permission,
        Self::Name,
        Self::Unanswered,
    ];

    /// What the end of a container shows; none if it is none of the known causes.
    #[must_use]
    pub fn of_ending(ending: &Ending<'_>) -> Option<Self> {
        let Ending { code, out_of_memory, again, log } = *ending;
        if out_of_memory {
            return Some(Self::Memory);
        }
        if code == 0 {
            return again.then_some(Self::Ended);
        }
        match (find(IN_LOGS, log), code) {
            // A shell says of a program that it may not execute what is said of any file.
            (None | Some(Self::Permission), NOT_EXECUTED) => Some(Self::Execute),
            (Some(found), _) => Some(found),
            (None, NOT_FOUND) => Some(Self::Program),
            (None, ILLEGAL_INSTRUCTION) => Some(Self::Processor),
            (None, _) => None,
        }
    }

    /// What the words show by which an engine refused to start a container; none if it is none of the known causes.
    #[must_use]
    pub fn of_start(words: &str) -> Option<Self> {
        find(AT_START, words)
    }

    /// Its name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.told().0
    }

    /// Finds one by name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ailment| ailment.name() == name)
    }

    /// What it is, in few words: a commit status has room for no more.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        self.told().1
    }

    /// What a person does about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        self.told().2
    }

    /// Name, cause and hint.
    const fn told(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Memory => ("memory", "out of memory", "raise its memory limit, or have it use less"),
            Self::Ended => ("ended", "its program ends by itself", "keep it in the foreground, or make it a job"),
            Self::Program => ("program", "its program is not in the image", "correct the command or the image"),
            Self::Execute => ("execute", "its program may not be executed", "give its file that right in the image"),
            Self::Format => (
                "format",
                "its program is not for this processor, or a script without #!",
                "use an image for this host",
            ),
            Self::Processor => {
                ("processor", "this processor lacks an instruction", "use an image for older processors")
            }
            Self::User => ("user", "the image has no such user", "run as one that it has, or as a number"),
            Self::WorkingDirectory => {
                ("working-directory", "its working directory cannot be entered", "correct it, or the user")
            }
            Self::Mount => ("mount", "a mount meets a file or a directory of the other kind", "correct its path"),
            Self::DataVersion => {
                ("data-version", "its data are of another version", "go back to that image, or dump and load anew")
            }
            Self::DataOwner => {
                ("data-owner", "its data have another owner", "run as that owner, or put the data below the mount")
            }
            Self::DataMode => {
                ("data-mode", "its data may be read by too many", "leave out fsGroup, or put PGDATA below the mount")
            }
            Self::DataDirectory => {
                ("data-directory", "its data directory is not empty", "put PGDATA into a directory below the mount")
            }
            Self::DataDamaged => ("data-damaged", "its data are damaged", "put back a copy: writ volume restore"),
            Self::DataShared => ("data-shared", "another one uses its data, or did", "give each a claim of its own"),
            Self::Password => ("password", "it has no password to begin with", "set it: writ config set"),
            Self::Root => ("root", "it refuses to run as root", "set runAsUser to the owner of its data"),
            Self::SharedMemory => {
                ("shared-memory", "its shared memory is too small", "mount a directory in memory at /dev/shm")
            }
            Self::Disk => ("disk", "the disk is full", "make room on the host, or raise the limit of the volume"),
            Self::ReadOnly => {
                ("read-only", "it writes where it may only read", "mount a volume there, or let it be written")
            }
            Self::Port => ("port", "its port is taken", "let it listen on another one"),
            Self::LowPort => ("low-port", "it may not listen there", "use a port above 1023, or NET_BIND_SERVICE"),
            Self::Permission => {
                ("permission", "permission denied", "run as the owner of its files, or set fsGroup to their group")
            }
            Self::Name => ("name", "a name that it needs is not known", "look whether what bears it is ready"),
            Self::Unanswered => ("unanswered", "what it needs does not answer", "look at that first"),
        }
    }
}

/// `permission denied (run as the owner of its files, or set fsGroup to their group)`
impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.cause(), self.hint())
    }
}

/// The first of a table whose words stand all in one line.
fn find(table: &[Words], text: &str) -> Option<Ailment> {
    let text = text.to_lowercase();
    let stands = |words: &[&str]| text.lines().any(|line| words.iter().all(|word| line.contains(word)));
    table.iter().find(|(_, words)| stands(words)).map(|(ailment, _)| *ailment)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn check(code: i64, log: &str, expected: Option<Ailment>) {
        let ending = Ending { code, out_of_memory: false, again: true, log };
        assert_eq!(Ailment::of_ending(&ending), expected, "{log}");
    }

    #[test]
    fn k84_the_last_lines_of_databases_tell_what_their_data_lack() {
        let version = "FATAL:  database files are incompatible with server\nDETAIL:  The data directory was initialized by \
                       PostgreSQL version 15, which is not compatible with this version 16.2.\n";
        check(1, version, Some(Ailment::DataVersion));
        check(1, "# Can't handle RDB format version 12", Some(Ailment::DataVersion));
        let owner = "FATAL:  data directory \"/data\" has wrong ownership\nHINT:  The server must be started by the user \
                     that owns the data directory.\n";
        check(1, owner, Some(Ailment::DataOwner));
        let mode = "FATAL:  data directory \"/data\" has invalid permissions\nDETAIL:  Permissions should be u=rwx (0700) \
                    or u=rwx,g=rx (0750).\n";
        check(1, mode, Some(Ailment::DataMode));
        let begun = "initdb: error: could not change permissions of directory \"/data\": Operation not permitted\n";
        check(1, begun, Some(Ailment::DataOwner));
        let found = "initdb: error: directory \"/data\" exists but is not empty\ninitdb: detail: It contains a lost+found \
                     directory, perhaps due to it being a mount point.\n";
        check(1, found, Some(Ailment::DataDirectory));
        let password = "Error: Database is uninitialized and superuser password is not specified.\n";
        check(1, password, Some(Ailment::Password));
        check(1, "\"root\" execution of the PostgreSQL server is not permitted.", Some(Ailment::Root));
        check(1, "FATAL:  lock file \"postmaster.pid\" already exists", Some(Ailment::DataShared));
        check(1, "PANIC:  could not locate a valid checkpoint record", Some(Ailment::DataDamaged));
        let memory = "FATAL: could not resize shared memory segment \"/PostgreSQL.1\" to 8388608 bytes: No space left on \
                      device\n";
        check(1, memory, Some(Ailment::SharedMemory));
        check(1, "# Can't open or create append-only dir appendonlydir: Permission denied", Some(Ailment::Permission));
    }

    #[test]
    fn k84_the_last_lines_of_any_program_tell_what_it_was_denied() {
        check(1, "mkdir: cannot create directory '/data/x': Permission denied", Some(Ailment::Permission));
        check(1, "Error: EACCES: permission denied, open '/data/x'", Some(Ailment::Permission));
        check(1, "touch: /etc/x: Read-only file system", Some(Ailment::ReadOnly));
        check(1, "write /data/x: no space left on device", Some(Ailment::Disk));
        check(1, "listen tcp :80: bind: permission denied", Some(Ailment::LowPort));
        check(1, "nginx: bind() to 0.0.0.0:80 failed (98: Address already in use)", Some(Ailment::Port));
        check(1, "exec /app: exec format error", Some(Ailment::Format));
        check(1, "dial tcp: lookup db.data on 127.0.0.11:53: no such host", Some(Ailment::Name));
        check(1, "connect ECONNREFUSED 10.0.0.2:5432", Some(Ailment::Unanswered));
        check(1, "something else went wrong", None);
        check(0, "warning: permission denied", Some(Ailment::Ended));
    }

    #[test]
    fn exit_codes_tell_what_no_line_does() {
        check(127, "sh: serve: not found", Some(Ailment::Program));
        check(126, "sh: ./serve: Permission denied", Some(Ailment::Execute));
        check(132, "", Some(Ailment::Processor));
        check(137, "", None);
        let ending = |code, out_of_memory, again| Ending { code, out_of_memory, again, log: "permission denied" };
        assert_eq!(Ailment::of_ending(&ending(137, true, true)), Some(Ailment::Memory));
        assert_eq!(Ailment::of_ending(&ending(0, false, false)), None, "somebody stopped it");
    }

    #[test]
    fn the_words_of_an_engine_tell_why_it_did_not_start_a_container() {
        let check = |words: &str, expected| assert_eq!(Ailment::of_start(words), expected, "{words}");
        let runc = |rest: &str| format!("failed to create task: runc create failed: unable to start container: {rest}");
        let missing = runc("exec: \"serve\": executable file not found in $PATH: unknown");
        check(&missing, Some(Ailment::Program));
        check(&runc("exec: \"/serve\": stat /serve: no such file or directory"), Some(Ailment::Program));
        check(&runc("exec: \"/etc/passwd\": permission denied"), Some(Ailment::Execute));
        check(&runc("exec /serve: exec format error"), Some(Ailment::Format));
        check("unable to find user nobody-here: no matching entries in passwd file", Some(Ailment::User));
        check(
            &runc("chdir to cwd (\"/root\") set in config.json failed: permission denied"),
            Some(Ailment::WorkingDirectory),
        );
        let mount = runc("error mounting \"/a\": Are you trying to mount a directory onto a file (or vice-versa)?");
        check(&mount, Some(Ailment::Mount));
        check("driver failed programming external connectivity", None);
    }

    #[test]
    fn every_cause_has_a_name_of_its_own_and_fits_into_a_status() {
        let names: BTreeSet<&str> = Ailment::ALL.iter().map(|ailment| ailment.name()).collect();
        assert_eq!(names.len(), Ailment::ALL.len());
        for ailment in Ailment::ALL {
            assert_eq!(Ailment::parse(ailment.name()), Some(ailment));
            assert!(ailment.to_string().chars().count() <= 100, "{ailment}");
        }
    }
}
