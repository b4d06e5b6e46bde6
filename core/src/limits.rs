//! Every number that bounds something, with its unit and its reason.

use crate::time::Seconds;

/// Largest manifest or file of an asset read from a tree. Configuration files of databases stay below 100 KiB.
pub const MANIFEST_BYTES_MAX: u64 = 256 << 10;

/// All files that one unit reads from one tree, together.
pub const TREE_BYTES_MAX: u64 = 8 << 20;

/// Files that one unit reads from one tree. 1,000 workloads in a file each leave room.
pub const TREE_FILES_MAX: usize = 4_096;

/// Nesting of one manifest. Kubernetes objects reach about 15.
pub const NESTING_MAX: usize = 64;

/// Values (scalars, lists, maps) in one manifest, aliases expanded.
pub const NODES_MAX: usize = 100_000;

/// Names of kinds that one process ever meets, which stay in memory. A large cluster has a few hundred.
pub const OTHER_KINDS_MAX: usize = 8_192;

/// Parts that a change of one object of a cluster is explained by. A Deployment of one container has about 40.
pub const OBJECT_PARTS_MAX: usize = 96;

/// All keys of one asset together. Source: the largest ConfigMap that Kubernetes stores, 1 MiB.
pub const ASSET_BYTES_MAX: usize = 1 << 20;

/// Time that the file of one `url()` may take where the manifest does not say: 1 MiB over a link of 300 kbit/s.
pub const ADDRESS_SECONDS_DEFAULT: Seconds = Seconds(30);

/// Longest such time that a manifest can ask for: a pass waits that long.
pub const ADDRESS_SECONDS_MAX: Seconds = Seconds(120);

/// Addresses that the assets of one unit name. Fetched 16 at once, with 30 s for each, they take two minutes at the worst.
pub const ADDRESSES_MAX: usize = 64;

/// Blocks of one unit that plugins expand. Each takes up to 10 s of a processor.
pub const PLUGIN_BLOCKS_MAX: usize = 64;

/// Manifests that a plugin may make of one block. The largest of those that are known makes three.
pub const PLUGIN_MANIFESTS_MAX: usize = 64;
/// Variables that one unit gives to its manifests.
pub const VARIABLES_MAX: usize = 256;

/// Longest value of a variable, in bytes: names, versions, addresses.
pub const VARIABLE_BYTES_MAX: usize = 1_024;

/// Entries of one object or block in one HCL manifest. The parser compares each key with all before it, so that this
/// bounds a square; the widest of the examples has 20.
pub const ENTRIES_MAX: usize = 2_048;

/// Text of one manifest in bytes, aliases expanded: four times the largest file.
pub const EXPANDED_BYTES_MAX: usize = 1 << 20;

/// Longest name of a field or key in a manifest, in bytes. Kubernetes' longest, a label's, have 317.
pub const NAME_BYTES_MAX: usize = 512;

/// Problems shown for one set of files; the rest is counted. A person mends the first screen first.
pub const PROBLEMS_SHOWN_MAX: usize = 100;

/// Largest limit of processes that a manifest can set: files and processes that no kernel grants, and 1 GiB of memory.
pub const PROCESS_LIMIT_MAX: u64 = 1 << 30;

/// Largest file of a container's log that a manifest can ask for, in bytes.
pub const LOG_BYTES_MAX: u64 = 1 << 30;

/// Most files of a container's log that a manifest can ask for.
pub const LOG_FILES_MAX: u32 = 100;

/// Pods of one workload on one host. More is a typing error.
pub const REPLICAS_MAX: u32 = 1_000;

/// Longest description of a commit status, in characters. Source: GitHub's and Gitea's status interfaces.
pub const STATUS_CHARACTERS_MAX: usize = 140;

/// Removals in one pass that need no confirmation, unless the unit says otherwise.
pub const PRUNE_MAX_DEFAULT: u32 = 3;

/// The same as a share of what the unit holds, in percent; the larger of the two counts.
pub const PRUNE_PERCENT_DEFAULT: u32 = 20;

/// Time a new pod without a readiness probe must run before it counts as ready, in seconds, where
/// `minReadySeconds` is unset. A program that dies at start does so sooner.
pub const MIN_READY_SECONDS_DEFAULT: u32 = 2;

/// Time a pod may take to become ready before its rollout counts as failed, in seconds.
/// Source: default of `progressDeadlineSeconds` in the Kubernetes Deployment.
pub const PROGRESS_SECONDS_DEFAULT: u32 = 600;

/// Time between asking a container to stop and killing it, in seconds.
/// Source: default of `terminationGracePeriodSeconds` in the Kubernetes Pod.
pub const GRACE_SECONDS_DEFAULT: u32 = 30;

/// Time for which a client is led to one pod where `sessionAffinityConfig` is unset, in seconds.
/// Source: its default in the Kubernetes Service.
pub const AFFINITY_SECONDS_DEFAULT: u32 = 10_800;

/// Memory of the relay of a Service, in bytes. With as many connections as it takes, each with what it holds back in both
/// directions, it needs a half.
pub const RELAY_MEMORY_BYTES: u64 = 256 << 20;

/// Time between asking a relay to stop and killing it, in seconds. It ends at once.
pub const RELAY_GRACE_SECONDS: u32 = 5;

/// Failures of a Job's pods that are borne where `backoffLimit` is unset. Source: its default in the Kubernetes Job.
pub const BACKOFF_LIMIT_DEFAULT: u32 = 6;

/// Longest pause between two tries of a Job, in seconds. Source: the Job controller of Kubernetes.
pub const TRY_PAUSE_SECONDS_MAX: u32 = 360;

/// Runs of a CronJob that are kept where their history limits are unset. Source: their defaults in the Kubernetes CronJob.
pub const RUNS_SUCCEEDED_KEPT_DEFAULT: u32 = 3;
/// The same of those that failed.
pub const RUNS_FAILED_KEPT_DEFAULT: u32 = 1;

/// Missed times of a CronJob that are counted; beyond, they are only said to be more. Source: the CronJob controller of Kubernetes.
pub const MISSED_MAX: usize = 100;

/// Longest raw commit that is judged. Messages of the largest projects stay below 64 KiB.
pub const COMMIT_BYTES_MAX: u64 = 256 << 10;

/// Longest `.writ/allowed_signers`. A line is below 1 KiB, so that this holds hundreds of people.
pub const SIGNERS_BYTES_MAX: u64 = 256 << 10;

/// Longest `.writ/revoked`. A fingerprint takes 50 bytes, so that this holds some 20,000.
pub const REVOKED_BYTES_MAX: u64 = 1 << 20;

/// Separate ranges of serial numbers that one authority may revoke, 16 bytes each. A bitmap with every other bit set makes
/// four of each of its bytes.
pub const REVOKED_RANGES_MAX: usize = 100_000;

/// Files in `.writ/keys`: people, not machines.
pub const OPENPGP_FILES_MAX: usize = 64;

/// Longest file in `.writ/keys`. A certificate with a few subkeys takes 5 KiB; one with hundreds of foreign signatures must
/// be exported without them.
pub const OPENPGP_BYTES_MAX: u64 = 64 << 10;

/// Packets in one file of `.writ/keys`: each may cost a check of a signature, up to a millisecond on P-521.
pub const OPENPGP_PACKETS_MAX: usize = 128;

/// Different files of `.writ/keys` that are read for one judgement. Anyone who can push can make a history that brings a new one
/// with each commit; at this number it costs two minutes at the worst.
pub const OPENPGP_CERTIFICATES_MAX: usize = 1_000;

/// Smallest RSA key that may sign, in bits. Source: NIST SP 800-57, 128 bits of strength.
pub const RSA_BITS_MIN: usize = 3072;

/// How far a commit's date may lie ahead of the host's clock. A wrong time zone is at most 14 h off; a date further ahead
/// would bar every later commit with a right date, because dates must not go back.
pub const COMMIT_AHEAD_MAX: Seconds = Seconds(86_400);

/// Shortest wait for a pod that is already there, in seconds, beyond the time that it must be ready: a few rounds of
/// a probe, so that an agent that just started finds out what is ready.
pub const WAIT_SECONDS_MIN: u32 = 15;

/// Pause after the first failure of a step or the second restart by a probe, in seconds; it doubles with each one more.
/// Source: the kubelet's back-off.
pub const BACKOFF_SECONDS_FIRST: u32 = 10;

/// Longest such pause, in seconds. Source: the kubelet's back-off.
pub const BACKOFF_SECONDS_MAX: u32 = 300;

/// Time after which the ingress asks again which pods are ready behind a name, in seconds. A pod that is to stop goes on for
/// longer than this after its names were taken from it.
pub const UPSTREAMS_AGAIN_SECONDS: u32 = 1;

/// Time that a container must be well before its restarts are forgotten, in seconds.
/// Source: the kubelet forgets after twice its longest back-off.
pub const WELL_SECONDS: u32 = 600;

/// Longest file of rules of trust. A rule is below 1 KiB, so that this holds hundreds of them.
pub const RULES_BYTES_MAX: u64 = 256 << 10;

/// Most rules in one file: every changed path is held against each.
pub const RULES_MAX: usize = 256;

/// Largest number of people whom a rule can ask for.
pub const RULE_THRESHOLD_MAX: usize = 32;

/// Most paths that one commit may change where rules judge paths. The largest imports of code that people review stay below.
pub const CHANGED_PATHS_MAX: usize = 50_000;

/// Longest signed statement (an approval, a rewind): a few lines.
pub const STATEMENT_BYTES_MAX: u64 = 4 << 10;

/// Longest output of a resource of OpenMCF, in bytes: a command that holds three names of objects, with room to spare.
pub const OUTPUT_BYTES_MAX: usize = 4 << 10;

/// Requests of a forge whose heads a unit plans where its settings say nothing else. A team has a few open ones.
pub const PREVIEW_REQUESTS_DEFAULT: u32 = 10;

/// Most of them: each is fetched, read in a process of its own and planned.
pub const PREVIEW_REQUESTS_MAX: u32 = 50;

/// Days without a touch after which a request is let alone where the settings say nothing else.
pub const PREVIEW_DAYS_DEFAULT: u32 = 14;

/// Most of them. What nobody touched for a year nobody waits for.
pub const PREVIEW_DAYS_MAX: u32 = 365;

/// Characters of a plan in a comment. Forges take some 65,000, and people read a page.
pub const PREVIEW_CHARACTERS_MAX: usize = 8_000;

/// Characters of one line of it.
pub const PREVIEW_LINE_CHARACTERS_MAX: usize = 500;
