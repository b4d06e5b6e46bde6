//! Every number that bounds something in the agent, with its unit and its reason.

/// Steps that the engine takes at once. More only queue inside it.
pub const ENGINE_STEPS_AT_ONCE: usize = 8;

/// Time that a step which is under way has to end once the agent was asked to stop, in seconds: service managers kill
/// after ten or more, and the outcome must be written down before.
pub const STEP_AFTER_STOP_SECONDS: u64 = 6;

/// Time after which an agent that was asked to stop ends, in seconds, whatever it waits for: an engine or a remote that
/// does not answer. What it leaves open is settled at the next start.
pub const STOP_SECONDS: u64 = 8;

/// Time that a step which is under way has to end once a newer commit came, in seconds: most pods stop within their
/// default grace of 30, and an engine that hangs must not keep the newer commit waiting for ever.
pub const STEP_AFTER_NEWER_SECONDS: u64 = 60;

/// Time between two looks into every field of every container, in seconds.
pub const DEEP_INTERVAL_SECONDS: u32 = 600;

/// Longest time between two tries to reach a source, however often it failed, in seconds.
pub const BACKOFF_SECONDS_MAX: u32 = 600;

/// Time that further changes are awaited after the first, in milliseconds: an editor or an engine seldom makes just one.
pub const SETTLE_MILLIS: u64 = 150;

/// Time that a one-off command waits for a pass to end, in seconds: a step that pulls a large image takes minutes.
pub const PASS_LOCK_SECONDS: u64 = 600;

/// Time between two looks at a source, in seconds, unless its settings say otherwise.
pub const POLL_SECONDS_DEFAULT: u64 = 60;

/// Shortest time between two looks at a source, in seconds. A forge limits requests; 500 hosts at 5 s ask it 100 times
/// a second.
pub const POLL_SECONDS_MIN: u64 = 5;

/// Longest time between two looks at a source, in seconds. A host that looks less than once a day looks dead.
pub const POLL_SECONDS_MAX: u64 = 86_400;

/// Longest name of a host, source or unit, in bytes. Source: value of a Kubernetes label.
pub const NAME_BYTES_MAX: usize = 63;

/// Longest RSA key that is checked, in bits: longer ones cost time that an attacker chooses.
pub const RSA_BITS_MAX: usize = 4096;

/// Time that a listing of one branch may take, in seconds. Far links answer in one or two.
pub const LIST_SECONDS_MAX: u64 = 30;

/// Time that a fetch may take, in seconds: 512 MiB over a link of 8 Mbit/s.
pub const FETCH_SECONDS_MAX: u64 = 600;

/// Time to reach a remote at all, in seconds.
pub const CONNECT_SECONDS_MAX: u64 = 20;

/// Time that a copy of a `url()` file is kept though no commit in use names it, in seconds: another process that has just
/// fetched it, for a plan or for files applied by hand, is done with it long before.
pub const COPY_SECONDS_MIN: u32 = 3_600;

/// Files of `url()` that are fetched side by side. Servers and far links bear that many.
pub const ADDRESSES_AT_ONCE: usize = 16;

/// Bytes that a listing of one branch may bring. A branch is below 100 bytes; others whose names begin alike come with it.
pub const LIST_BYTES_MAX: u64 = 1 << 20;

/// Bytes that one fetch may bring. A repository of manifests has a few MiB; histories with images stay below this.
pub const FETCH_BYTES_MAX: u64 = 512 << 20;

/// Time for which a remote may send nothing in the middle of an exchange, in seconds. Git's own server sends a sign of life
/// every five while it is at work.
pub const SILENCE_SECONDS_MAX: u64 = 60;

/// Memory by which the program may grow while it takes what a remote sends, in bytes: a few KiB of deltas upon each other can
/// unpack to any number of objects at the limit. Large honest histories stay below 100 MiB.
pub const EXCHANGE_MEMORY_BYTES_MAX: u64 = 512 << 20;

/// Packs in a mirror above which it is made afresh. Each fetch adds one, and each is looked into for every object; Git itself
/// repacks at 50.
pub const MIRROR_PACKS_MAX: usize = 64;

/// Times the size of its largest pack above which a mirror is made afresh.
pub const MIRROR_GROWTH_MAX: u64 = 4;

/// Size of a mirror below which its growth does not count, in bytes.
pub const MIRROR_SPARE_BYTES: u64 = 64 << 20;

/// Time that a program which was ended has to close what it says, in milliseconds. One that it started may hold it open.
pub const LAST_WORDS_MILLIS: u64 = 500;

/// Largest single object that is taken from a remote, in bytes, unpacked: a few KiB can unpack to terabytes.
pub const OBJECT_BYTES_MAX: u64 = 64 << 20;

/// Bytes kept of what a program says on standard error; the first lines name the cause.
pub const ERROR_TEXT_BYTES_MAX: u64 = 4 << 10;

/// Commits judged at once. The largest known history of manifests has some 100,000.
pub const COMMITS_MAX: usize = 250_000;

/// Commits of a long history that are judged with their evidence in memory, some 1 KiB each, before what was found of them
/// is all that is kept. A history whose lines run side by side for longer is held in memory for as long.
pub const COMMITS_IN_WINDOW: usize = 512;

/// Commits whose signatures are checked together, so that all processors work while memory stays flat.
pub const COMMITS_AT_ONCE: usize = 512;

/// Good signatures that are remembered, so that a history is not checked again whenever a commit of it is asked for: less
/// than 512 KiB, for the table that holds them has 4,096 places and is full at seven eighths.
pub const SIGNATURES_KNOWN_MAX: usize = 3_584;

/// Longest tree object that is read, in bytes: 10,000 entries with long names.
pub const FOLDER_BYTES_MAX: u64 = 1 << 20;

/// Folders that one unit reads from one tree. Without it, 48 KiB of nested trees can name 10^10 paths.
pub const FOLDERS_MAX: usize = 4_096;

/// Nesting of folders in one unit.
pub const FOLDER_DEPTH_MAX: usize = 32;

/// Commits of one context that are remembered for one forge, the newest. What is older and still waits is given up: after
/// that many commits, nobody waits for its status any more.
pub const OUTBOX_COMMITS_MAX: u32 = 1_000;

/// Time within which a trouble that was over and is there again flaps, in seconds: some polls.
pub const ALERT_FLAPPING_SECONDS: u32 = 3_600;

/// Time for which a remote may be out of reach before people are told, in seconds. Forges are down for maintenance for less.
pub const ALERT_STALE_SECONDS: u32 = 3_600;

/// Time until people are reminded of a trouble that lasts, in seconds.
pub const ALERT_REMIND_SECONDS_DEFAULT: u32 = 86_400;

/// Shortest such time, in seconds.
pub const ALERT_REMIND_SECONDS_MIN: u32 = 300;

/// Longest such time, in seconds: a month.
pub const ALERT_REMIND_SECONDS_MAX: u32 = 2_678_400;

/// Time that the agent's loop may go without a turn before it is taken for dead, in seconds. Long work is done beside the loop;
/// what is done in it, as proving a history of 100,000 commits is, takes some seconds on a slow machine.
pub const PULSE_SECONDS_MAX: u64 = 60;

/// Time between two turns by which the loop shows that it lives, in seconds.
pub const PULSE_SECONDS: u64 = 5;

/// Longest body of a hint, in bytes. GitHub sends none that is longer. Nothing of it is kept.
pub const HINT_BODY_BYTES_MAX: u64 = 25 << 20;

/// Time that one hint may take, in seconds.
pub const HINT_CONNECTION_SECONDS_MAX: u64 = 10;

/// Hints that are listened to at once.
pub const HINT_CONNECTIONS_MAX: usize = 16;

/// Least time between two passes that hints start, in seconds: whoever pushes often needs no pass for each.
pub const HINT_PAUSE_SECONDS: u64 = 5;

/// Hints of a source that are remembered, so that none counts twice.
pub const HINTS_REMEMBERED_MAX: usize = 1_000;

/// Shortest secret of hints, in characters.
pub const HINT_SECRET_CHARACTERS_MIN: usize = 16;

/// Connections to the agent's own server at once. A browser opens six, and people look at a host one or two at a time.
pub const WEB_CONNECTIONS_MAX: usize = 64;

/// Time that somebody who asks that server may take to say what, in seconds.
pub const WEB_HEADER_SECONDS_MAX: u64 = 5;

/// Time that one question may take from its beginning to the last byte of its answer, in seconds: a page over a slow link.
pub const WEB_CONNECTION_SECONDS_MAX: u64 = 30;

/// Longest head of a question, in bytes. Browsers send some 1,000.
pub const WEB_HEADER_BYTES_MAX: usize = 16 << 10;

/// Longest address of the agent's own pages that statuses lead to, in bytes: with the path of a commit's page it must fit into
/// the 255 characters that GitLab takes.
pub const PAGES_ADDRESS_BYTES_MAX: usize = 180;

/// Most headers of a question. Browsers send some 20.
pub const WEB_HEADERS_MAX: usize = 64;

/// Pages at once that are told when something changes.
pub const WEB_STREAMS_MAX: usize = 16;

/// Time after which such a page has to ask anew, in seconds; browsers do so by themselves.
pub const WEB_STREAM_SECONDS_MAX: u64 = 600;

/// Time between two checks of the whole journal for whoever asks about it over HTTP, in seconds. 100,000 records take below a
/// second.
pub const WEB_VERIFY_SECONDS: u64 = 600;

/// Records on one page of the history that is asked for over HTTP, unless the asker says otherwise: some screens.
pub const WEB_PAGE_RECORDS_DEFAULT: u32 = 100;

/// Most records on such a page.
pub const WEB_PAGE_RECORDS_MAX: u32 = 500;

/// Most records about one commit or one object that are shown over HTTP, the newest. A large rollout has some thousand.
pub const WEB_SUBJECT_RECORDS_MAX: u32 = 5_000;

/// Most records that one reading of the journal gives where the caller sets no number.
pub const HISTORY_RECORDS_DEFAULT: u32 = 10_000;

/// Spans of passes that wait for whoever collects traces. What does not fit is let go, and that is told.
pub const SPANS_WAITING_MAX: usize = 4_096;

/// Spans that are sent at once.
pub const SPANS_AT_ONCE_MAX: usize = 512;

/// Time between two sendings of spans, in seconds.
pub const SPANS_EVERY_SECONDS: u64 = 5;

/// Longest time until spans that were not taken are offered again, in seconds.
pub const SPANS_RETRY_SECONDS_MAX: u64 = 60;

/// Time that the last spans of an agent that stops may take, in seconds.
pub const SPANS_LAST_SECONDS: u64 = 3;

/// Time that one request to a forge may take, in seconds. A forge that is well answers in less than one.
pub const FORGE_SECONDS: u64 = 10;

/// Time that one emptying of the outbox may take, in seconds; what is left is sent by the next.
pub const FLUSH_SECONDS_MAX: u64 = 60;

/// Statuses that one emptying of the outbox offers, so that a forge that comes back is not flooded.
pub const FLUSH_STATUSES_MAX: u32 = 100;

/// Time between two writes to one forge, in seconds. Source: "Best practices for using the REST API" of GitHub.
pub const FORGE_PACE_SECONDS: u32 = 1;

/// Time between two words on the same commit in the same context, in seconds, once half of those are used up that the forge takes.
pub const FORGE_RATION_SECONDS: u32 = 3_600;

/// Time over which those come back whom a forge asked to be let alone, in seconds; it doubles each time that it asks again, up to
/// [`FORGE_BACKOFF_SECONDS_MAX`]. Hosts that share a limit do not know of each other.
pub const FORGE_SPREAD_SECONDS_MIN: u32 = 30;

/// Time before the second try at a forge, in seconds; it doubles with each further one.
pub const FORGE_BACKOFF_SECONDS_MIN: u32 = 5;

/// Longest time between two tries at a forge that is out of reach, in seconds.
pub const FORGE_BACKOFF_SECONDS_MAX: u32 = 900;

/// Time between two tries at a forge that denies the token or points elsewhere, in seconds: a person must mend that.
pub const FORGE_DENIED_SECONDS: u32 = 3_600;

/// Longest time that a forge may ask to be let alone, in seconds. One that asks for years would be silenced by mistake.
pub const FORGE_WAIT_SECONDS_MAX: u32 = 86_400;

/// Time for which an app of GitHub says who it is, in seconds from now; it may be 600 from when it begins.
pub const APP_CLAIM_SECONDS: u32 = 480;

/// Time by which that begins earlier, in seconds: the forge's clock may be behind. Source: GitHub's own advice.
pub const APP_SKEW_SECONDS: u32 = 60;

/// Time before its end from which a token of an installation is not used any more, in seconds.
pub const APP_TOKEN_SPARE_SECONDS: u32 = 300;

/// Longest answer with such a token, in bytes. It describes the repository, in some 8,000.
pub const APP_ANSWER_BYTES_MAX: usize = 256 << 10;

/// Largest file of a private key of RSA, in bytes. One of 8,192 bits has 6,400.
pub const KEY_BYTES_MAX: u64 = 16 << 10;

/// Largest file of certificates, in bytes: a chain, or the authorities whose certificates are believed. One of RSA has some
/// 2,000.
pub const CERTIFICATES_BYTES_MAX: u64 = 256 << 10;

/// Time between two listings of the open requests of a source, in seconds, where the source is polled more often than that.
pub const REQUESTS_SECONDS: u64 = 60;

/// Requests on one page of a listing: no forge gives fewer where so many are asked for.
pub const REQUESTS_PAGE: usize = 50;

/// Pages of a listing that are read, and of the comments on one request. What is further down is older.
pub const REQUESTS_PAGES_MAX: usize = 10;

/// Longest page, in bytes. A request takes some 25,000 at GitHub, and a comment has at most 65,536 characters.
pub const REQUESTS_ANSWER_BYTES_MAX: usize = 16 << 20;

/// Bytes of a forge's complaint that are read.
pub const FORGE_ANSWER_BYTES_MAX: usize = 4_096;

/// Characters of a forge's complaint that are kept.
pub const FORGE_REASON_CHARACTERS_MAX: usize = 300;

/// Largest file of logins to registries, in bytes. Each takes some hundred.
pub const LOGINS_BYTES_MAX: u64 = 1 << 20;

/// Largest file of a token, in bytes. Tokens have at most a few hundred.
pub const TOKEN_BYTES_MAX: u64 = 16 << 10;

/// Most approvals or rewinds that one repository may hold at a time. A team has a few open ones.
pub const STATEMENTS_MAX: usize = 10_000;

/// Time that an agent which has just started waits for answers of pods that it does not know yet, in seconds: a probe or two
/// of a pod that is well.
pub const ACQUAINTANCE_SECONDS: u64 = 5;

/// Longest time between two looks at what the probes know, while that is waited for, in milliseconds.
pub const LOOK_AGAIN_MILLIS: u64 = 250;

/// Time that a pod may stand still before a pass waits for it no longer, in seconds: its stop may be part of a restart.
pub const STANDSTILL_SECONDS: u32 = 3;

/// Time that what must not be cut off may take once the agent ends, in seconds. Leaving a network and coming back takes 0.12 s.
pub const REST_SECONDS: u64 = 3;

/// Records after which the journal is signed at latest. A proof of a newer one waits for the next checkpoint.
pub const CHECKPOINT_RECORDS_MAX: i64 = 1_000;

/// Time after which the journal is signed at latest if anything was added, in seconds: auditors ask about yesterday.
pub const CHECKPOINT_SECONDS_MAX: u32 = 86_400;

/// Bytes of the file of a host key that are read. One of Ed25519 has some 400.
pub const HOST_KEY_BYTES_MAX: u64 = 16 << 10;

/// Longest line of an export of the journal, in bytes. A record holds no file; its longest part is the list of what
/// changed in an object.
pub const EXPORT_LINE_BYTES_MAX: u64 = 16 << 20;

/// Most records that one proof shows, the newest: more than any object gets in years.
pub const PROOF_RECORDS_MAX: u32 = 10_000;

/// Largest proof that is read, in bytes: ten thousand records of a long-lived object.
pub const PROOF_BYTES_MAX: u64 = 256 << 20;

/// Longest file of allowed signers that is read, in bytes; more than its parser takes.
pub const ALLOWED_SIGNERS_BYTES_MAX: u64 = 4 << 20;

/// Time until an answer of a cluster's server is given up, in seconds. A webhook may take 30.
pub const CLUSTER_ANSWER_SECONDS: u64 = 35;

/// Time for which a server that is busy is asked again, in seconds.
pub const CLUSTER_PATIENCE_SECONDS: u64 = 40;

/// The same for what is only tried: a later pass tries it again, and there may be thousands of them.
pub const TRIAL_PATIENCE_SECONDS: u64 = 5;

/// Lists that are asked of a server at once.
pub const CLUSTER_LISTS_AT_ONCE: usize = 8;

/// Objects that are tried at once. Servers let some 200 writes of one user be under way.
pub const CLUSTER_TRIALS_AT_ONCE: usize = 16;

/// Objects that one answer lists. Source: kubectl.
pub const CLUSTER_PAGE_OBJECTS: usize = 500;

/// Time until an object that is being deleted must be gone, or a kind that was defined must be served, in seconds.
pub const CLUSTER_GONE_SECONDS: u64 = 60;

/// Time in which an object of a cluster must become ready after it was applied, in seconds, where its controller does not say
/// before that it will not. Source: the progress deadline of a Deployment.
pub const OBJECT_SECONDS_MAX: u32 = 600;

/// Time after an application in which a failure may be one of before, in seconds: controllers tell theirs in two steps.
pub const OBJECT_FAILURE_SECONDS: u32 = 5;

/// Time between the first two looks at a cluster in which something is on its way, in milliseconds; doubled with each.
pub const CLUSTER_SETTLE_MILLIS: u64 = 125;

/// The longest of these times, in milliseconds.
pub const CLUSTER_SETTLE_MILLIS_MAX: u64 = 1_000;

/// Time until a cluster is looked at again in which something was still on its way, in seconds.
pub const CLUSTER_AGAIN_SECONDS: u32 = 10;

/// Time until a watch of a kind is made anew, in seconds. Servers end them after 5 to 10 minutes by themselves.
pub const WATCH_SECONDS: u64 = 290;

/// Time until a watch that ended or could not be made is made anew, in milliseconds; doubled each time that it cannot.
pub const WATCH_AGAIN_MILLIS: u64 = 250;

/// The longest of these times, in milliseconds.
pub const WATCH_AGAIN_MILLIS_MAX: u64 = 32_000;

/// Shortest span of the Lease of an agent for which others stand by. A third of it is the time that a server may take for a write.
pub const STANDBY_SECONDS_MIN: u64 = 5;

/// Longest: whoever has died is waited for no longer.
pub const STANDBY_SECONDS_MAX: u64 = 600;

/// Time between two looks at an object that is waited for, in milliseconds.
pub const CLUSTER_LOOK_AGAIN_MILLIS: u64 = 250;

/// Memory of the confined process that reads files, in bytes: the most that a unit may read, 64 files of servers included,
/// takes half of it.
pub const CONFINED_MEMORY_BYTES_MAX: u64 = 512 << 20;

/// Addresses that a program behind walls may reserve beyond its memory, in bytes: what Go's runtime sets aside is 600 MiB of
/// which it uses little.
pub const PROGRAM_RESERVED_BYTES_MAX: u64 = 1 << 30;

/// Descriptors of a program behind walls, its own file among them: timers of Go's runtime take two.
pub const PROGRAM_DESCRIPTORS_MAX: u64 = 16;

/// Time of a processor that the confined process may take, in seconds. 1,000 workloads take less than one.
pub const CONFINED_PROCESSOR_SECONDS_MAX: u64 = 10;

/// Time until the confined process must have ended, in seconds: on a busy host it gets a sixth of a processor.
pub const CONFINED_SECONDS_MAX: u64 = 60;

/// Longest answer of the confined process, in bytes: the most that a unit may read and be sent by servers, with the
/// places of all parts.
pub const ANSWER_BYTES_MAX: u64 = 128 << 20;

/// Values, places and problems in one answer. 1,000 workloads have 400,000; each takes the agent some 100 bytes.
pub const ANSWER_ITEMS_MAX: usize = 2_000_000;

/// Plugins that one unit may declare.
pub const PLUGINS_MAX: usize = 64;

/// Largest program of a plugin, in bytes; no larger object is taken from a remote.
pub const PLUGIN_BYTES_MAX: u64 = OBJECT_BYTES_MAX;

/// Longest answer of a renderer, in bytes: as much as all manifests of a unit may be.
pub const RENDERED_BYTES_MAX: u64 = writ_core::limits::MANIFEST_BYTES_MAX;

/// Longest answer of a plugin to one block, in bytes: a ConfigMap of its own, which has at most 1 MiB, as JSON.
pub const PLUGIN_ANSWER_BYTES_MAX: u64 = 4 << 20;

/// Threads that may run under the user of a plugin, whoever started them. A runtime starts some for each processor.
pub const PLUGIN_THREADS_MAX: u64 = 1_024;

/// Longest message about a problem that crosses from the confined process, in bytes; a longer one is cut.
pub const PROBLEM_BYTES_MAX: usize = 16 << 10;

/// Longest file of identities of age, in bytes. One identity with its comments has 190.
pub const IDENTITY_FILE_BYTES_MAX: u64 = 64 << 10;

/// Longest key of a file as age encrypted it for its recipients, and as it is within, in bytes. For one recipient it has 400.
pub const AGE_KEY_BYTES_MAX: u64 = 64 << 10;

/// Copies of a volume that stay where a unit has them made and does not say how many: the last three changes.
pub const BACKUPS_KEPT_DEFAULT: u32 = 3;

/// Most copies of a volume that may stay: whoever wants more means an archive, which is no folder of this host.
pub const BACKUPS_KEPT_MAX: u32 = 1_000;

/// Most lines of a run that are looked at for the cause of its end. Postgres says it in three, Java below some twenty of where it was.
pub const LAST_WORDS_LINES_MAX: u32 = 60;

/// Most bytes of them.
pub const LAST_WORDS_BYTES_MAX: usize = 64 << 10;

/// Shortest time for which a window in which a unit may be changed is open, in seconds: a pass must find it open.
pub const WINDOW_SECONDS_MIN: u64 = 60;

/// Longest: a week, after which it opens anew.
pub const WINDOW_SECONDS_MAX: u64 = 7 * 24 * 3_600;

/// Time after which a host publishes anew how far it is, in seconds, though nothing has changed: so that one which is silent is known
/// from one that is well.
pub const PUBLISH_AGAIN_SECONDS: u32 = 24 * 3_600;

/// Most commits by which another host's distance is counted; beyond, it is only said that it lags.
pub const LAG_COMMITS_MAX: usize = 1_000;

/// Paths that the journal names of those which one rule and the same people let a commit change. A commit may change
/// thousands; `writ verify -o json` tells of all.
pub const ALLOWED_PATHS_MAX: usize = 100;
