//! Fields of PodSpec.

use super::super::shape::{
    COUNT, Format, LABEL, LABELS, LINE, LINES, Literal, SUBDOMAIN, Shape, Type, USER, WORD, idle, idle_but, must, no,
    only, yes,
};
use super::container::{APPARMOR, CONTAINER, SECCOMP};
use super::place::{AFFINITY, SPREAD, TOLERATION};
use super::volume::VOLUME;

const ONE_HOST: &str = "there is one host to run on";
const NO_ACCOUNTS: &str = "there is no Kubernetes API to speak to";

pub(super) static POD_SPEC: Shape = Shape {
    name: "PodSpec",
    fields: &[
        must("containers", Type::List(&Type::Object(&CONTAINER))),
        yes("initContainers", Type::List(&Type::Object(&CONTAINER))),
        yes("volumes", Type::List(&Type::Object(&VOLUME))),
        yes("securityContext", Type::Object(&POD_SECURITY)),
        yes("terminationGracePeriodSeconds", COUNT),
        yes("restartPolicy", Type::Choice(&["Always", "OnFailure", "Never"])),
        yes("hostNetwork", Type::Boolean),
        yes("hostPID", Type::Boolean),
        yes("hostIPC", Type::Boolean),
        yes("hostAliases", Type::List(&Type::Object(&HOST_ALIAS))),
        idle("affinity", Type::Object(&AFFINITY), ONE_HOST),
        idle("nodeName", LINE, ONE_HOST),
        idle("nodeSelector", LABELS, ONE_HOST),
        idle("tolerations", Type::List(&Type::Object(&TOLERATION)), ONE_HOST),
        idle("topologySpreadConstraints", Type::List(&Type::Object(&SPREAD)), ONE_HOST),
        idle("schedulerName", LINE, ONE_HOST),
        idle("overhead", Type::Map(Format::Word, &Type::Quantity), ONE_HOST),
        idle("priority", Type::Integer(i32::MIN as i64, i32::MAX as i64), "nothing evicts pods on one host"),
        idle("priorityClassName", LINE, "nothing evicts pods on one host"),
        idle("preemptionPolicy", Type::Choice(&["PreemptLowerPriority", "Never"]), "nothing evicts pods on one host"),
        idle("serviceAccount", LINE, NO_ACCOUNTS),
        idle("serviceAccountName", LINE, NO_ACCOUNTS),
        idle_but("automountServiceAccountToken", Type::Boolean, &[Literal::Boolean(false)], NO_ACCOUNTS),
        idle_but(
            "enableServiceLinks",
            Type::Boolean,
            &[Literal::Boolean(false)],
            "Services are found by their names, not by variables",
        ),
        yes("imagePullSecrets", Type::List(&Type::Object(&LOCAL_REFERENCE))),
        yes("dnsPolicy", Type::Choice(&["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"])),
        yes("dnsConfig", Type::Object(&DNS_CONFIG)),
        no(
            "activeDeadlineSeconds",
            COUNT,
            "leave it out; a Job has an `activeDeadlineSeconds` of its own for all of its pods, and Kubernetes takes it in no other workload",
        ),
        no("ephemeralContainers", Type::Any, "say `writ exec POD -- COMMAND` to look into a pod"),
        yes("hostname", LABEL),
        yes("subdomain", LABEL),
        yes("setHostnameAsFQDN", Type::Boolean),
        only(
            "hostUsers",
            Type::Boolean,
            &[Literal::Boolean(true)],
            "set user namespaces in the engine (`userns-remap`)",
        ),
        yes("shareProcessNamespace", Type::Boolean),
        yes("os", Type::Object(&POD_OS)),
        no("readinessGates", Type::Any, "use a readiness probe"),
        no("resourceClaims", Type::Any, "leave it out; devices cannot be claimed"),
        no("resources", Type::Any, "set `resources` on the container"),
        no("runtimeClassName", LINE, "set the runtime in the engine (`default-runtime`)"),
        no("schedulingGates", Type::Any, "leave the workload out of Git until it is to run"),
    ],
};

static LOCAL_REFERENCE: Shape = Shape { name: "LocalObjectReference", fields: &[must("name", SUBDOMAIN)] };

static POD_OS: Shape = Shape {
    name: "PodOS",
    fields: &[only(
        "name",
        Type::Choice(&["linux", "windows"]),
        &[Literal::Text("linux")],
        "only Linux containers run here",
    )
    .required()],
};

static DNS_CONFIG: Shape = Shape {
    name: "PodDNSConfig",
    fields: &[
        yes("nameservers", LINES),
        yes("searches", LINES),
        yes("options", Type::List(&Type::Object(&DNS_OPTION))),
    ],
};

static DNS_OPTION: Shape = Shape { name: "PodDNSConfigOption", fields: &[yes("name", LINE), yes("value", LINE)] };

static HOST_ALIAS: Shape = Shape { name: "HostAlias", fields: &[must("ip", WORD), yes("hostnames", LINES)] };

static POD_SECURITY: Shape = Shape {
    name: "PodSecurityContext",
    fields: &[
        yes("runAsUser", USER),
        yes("runAsGroup", USER),
        yes("runAsNonRoot", Type::Boolean),
        yes("fsGroup", USER),
        idle(
            "fsGroupChangePolicy",
            Type::Choice(&["OnRootMismatch", "Always"]),
            "the group of a volume is set when the volume is made",
        ),
        yes("supplementalGroups", Type::List(&USER)),
        only(
            "supplementalGroupsPolicy",
            Type::Choice(&["Merge", "Strict"]),
            &[Literal::Text("Merge")],
            "leave it out; the image's groups are kept",
        ),
        yes("seccompProfile", Type::Object(&SECCOMP)),
        yes("appArmorProfile", Type::Object(&APPARMOR)),
        no("seLinuxOptions", Type::Any, "set SELinux labels in the engine (`selinux-enabled`)"),
        no("seLinuxChangePolicy", LINE, "set SELinux labels in the engine (`selinux-enabled`)"),
        yes("sysctls", Type::List(&Type::Object(&SYSCTL))),
        no("windowsOptions", Type::Any, "only Linux containers run here"),
    ],
};

static SYSCTL: Shape = Shape { name: "Sysctl", fields: &[must("name", WORD), must("value", LINE)] };
