//! Fields of Container.

use super::super::shape::{
    COUNT, Format, LABEL, LINE, LINES, Literal, PORT_NUMBER, POSITIVE, PROSES, SUBDOMAIN, Shape, Type, USER, WORD,
    idle, must, no, only, yes,
};

/// Why nobody reads the message that a container leaves at its end.
const NO_MESSAGE: &str = "no status shows what a container wrote, for a secret may stand there; it is in its log";

pub(super) static CONTAINER: Shape = Shape {
    name: "Container",
    fields: &[
        must("name", LABEL),
        must("image", WORD),
        yes("imagePullPolicy", Type::Choice(&["Always", "IfNotPresent", "Never"])),
        yes("command", PROSES),
        yes("args", PROSES),
        yes("workingDir", LINE),
        yes("env", Type::List(&Type::Object(&ENV))),
        yes("envFrom", Type::List(&Type::Object(&ENV_FROM))),
        yes("ports", Type::List(&Type::Object(&PORT))),
        yes("volumeMounts", Type::List(&Type::Object(&MOUNT))),
        yes("resources", Type::Object(&RESOURCES)),
        yes("livenessProbe", Type::Object(&PROBE)),
        yes("readinessProbe", Type::Object(&PROBE)),
        yes("startupProbe", Type::Object(&PROBE)),
        yes("securityContext", Type::Object(&SECURITY)),
        yes("lifecycle", Type::Object(&LIFECYCLE)),
        yes("restartPolicy", Type::Choice(&["Always"])),
        no("volumeDevices", Type::Any, "use `volumeMounts`"),
        yes("stdin", Type::Boolean),
        yes("stdinOnce", Type::Boolean),
        yes("tty", Type::Boolean),
        idle("resizePolicy", Type::Any, "a change of resources replaces the pod"),
        idle("terminationMessagePath", LINE, NO_MESSAGE),
        idle("terminationMessagePolicy", Type::Choice(&["File", "FallbackToLogsOnError"]), NO_MESSAGE),
    ],
};

static ENV: Shape = Shape {
    name: "EnvVar",
    fields: &[
        must("name", Type::Text(Format::Variable)),
        yes("value", Type::Hidden),
        yes("valueFrom", Type::Object(&ENV_SOURCE)),
    ],
};

static ENV_SOURCE: Shape = Shape {
    name: "EnvVarSource",
    fields: &[
        yes("configMapKeyRef", Type::Object(&KEY_SELECTOR)),
        yes("secretKeyRef", Type::Object(&KEY_SELECTOR)),
        yes("fieldRef", Type::Object(&FIELD_SELECTOR)),
        yes("resourceFieldRef", Type::Object(&RESOURCE_SELECTOR)),
    ],
};

static KEY_SELECTOR: Shape = Shape {
    name: "KeySelector",
    fields: &[must("name", SUBDOMAIN), must("key", Type::Text(Format::DataKey)), yes("optional", Type::Boolean)],
};

pub(super) static FIELD_SELECTOR: Shape = Shape {
    name: "ObjectFieldSelector",
    fields: &[only("apiVersion", LINE, &[Literal::Text("v1")], "leave it out"), must("fieldPath", WORD)],
};

pub(super) static RESOURCE_SELECTOR: Shape = Shape {
    name: "ResourceFieldSelector",
    fields: &[
        yes("containerName", LINE),
        yes("divisor", Type::Quantity),
        only(
            "resource",
            WORD,
            &[
                Literal::Text("limits.cpu"),
                Literal::Text("limits.memory"),
                Literal::Text("requests.cpu"),
                Literal::Text("requests.memory"),
            ],
            "write the value as text",
        )
        .required(),
    ],
};

static ENV_FROM: Shape = Shape {
    name: "EnvFromSource",
    fields: &[
        yes("prefix", LINE),
        yes("configMapRef", Type::Object(&ENV_REFERENCE)),
        yes("secretRef", Type::Object(&ENV_REFERENCE)),
    ],
};

static ENV_REFERENCE: Shape =
    Shape { name: "EnvSource", fields: &[must("name", SUBDOMAIN), yes("optional", Type::Boolean)] };

static PORT: Shape = Shape {
    name: "ContainerPort",
    fields: &[
        must("containerPort", PORT_NUMBER),
        yes("name", Type::Text(Format::PortName)),
        yes("protocol", Type::Choice(&["TCP", "UDP", "SCTP"])),
        yes("hostPort", Type::Integer(0, 65_535)),
        yes("hostIP", Type::Text(Format::Address)),
    ],
};

static MOUNT: Shape = Shape {
    name: "VolumeMount",
    fields: &[
        must("name", LABEL),
        must("mountPath", Type::Text(Format::Absolute)),
        yes("readOnly", Type::Boolean),
        yes("subPath", Type::Text(Format::Relative)),
        yes("subPathExpr", LINE),
        only(
            "mountPropagation",
            Type::Choice(&["None", "HostToContainer", "Bidirectional"]),
            &[Literal::Text("None")],
            "leave it out",
        ),
        only(
            "recursiveReadOnly",
            Type::Choice(&["Disabled", "IfPossible", "Enabled"]),
            &[Literal::Text("Disabled"), Literal::Text("IfPossible")],
            "leave it out",
        ),
    ],
};

static RESOURCES: Shape = Shape {
    name: "ResourceRequirements",
    fields: &[
        yes("requests", Type::Object(&RESOURCE_LIST)),
        yes("limits", Type::Object(&RESOURCE_LIST)),
        no("claims", Type::Any, "leave it out; devices cannot be claimed"),
    ],
};

static RESOURCE_LIST: Shape = Shape {
    name: "ResourceList",
    fields: &[
        yes("cpu", Type::Quantity),
        yes("memory", Type::Quantity),
        idle("ephemeral-storage", Type::Quantity, "the disk of the host is the limit"),
    ],
};

pub(super) static PROBE: Shape = Shape {
    name: "Probe",
    fields: &[
        yes("exec", Type::Object(&EXEC)),
        yes("httpGet", Type::Object(&HTTP_GET)),
        yes("tcpSocket", Type::Object(&TCP_SOCKET)),
        yes("grpc", Type::Object(&GRPC)),
        yes("initialDelaySeconds", COUNT),
        yes("periodSeconds", POSITIVE),
        yes("timeoutSeconds", POSITIVE),
        yes("successThreshold", POSITIVE),
        yes("failureThreshold", POSITIVE),
        yes("terminationGracePeriodSeconds", POSITIVE),
    ],
};

static EXEC: Shape = Shape { name: "ExecAction", fields: &[must("command", PROSES)] };

const PROBE_HOST: &str = "leave it out; a probe asks the pod itself";

static HTTP_GET: Shape = Shape {
    name: "HTTPGetAction",
    fields: &[
        must("port", Type::Port),
        yes("path", LINE),
        yes("scheme", Type::Choice(&["HTTP", "HTTPS"])),
        yes("httpHeaders", Type::List(&Type::Object(&HTTP_HEADER))),
        no("host", LINE, PROBE_HOST),
    ],
};

static HTTP_HEADER: Shape = Shape { name: "HTTPHeader", fields: &[must("name", WORD), must("value", LINE)] };

static TCP_SOCKET: Shape =
    Shape { name: "TCPSocketAction", fields: &[must("port", Type::Port), no("host", LINE, PROBE_HOST)] };

static GRPC: Shape = Shape { name: "GRPCAction", fields: &[must("port", PORT_NUMBER), yes("service", LINE)] };

static LIFECYCLE: Shape = Shape {
    name: "Lifecycle",
    fields: &[yes("postStart", Type::Object(&HOOK)), yes("preStop", Type::Object(&HOOK)), yes("stopSignal", LINE)],
};

static HOOK: Shape = Shape {
    name: "LifecycleHandler",
    fields: &[
        yes("exec", Type::Object(&EXEC)),
        yes("httpGet", Type::Object(&HTTP_GET)),
        no("tcpSocket", Type::Object(&TCP_SOCKET), "use `exec`; Kubernetes does not run it either"),
        yes("sleep", Type::Object(&SLEEP)),
    ],
};

static SLEEP: Shape = Shape { name: "SleepAction", fields: &[must("seconds", COUNT)] };

static SECURITY: Shape = Shape {
    name: "SecurityContext",
    fields: &[
        yes("runAsUser", USER),
        yes("runAsGroup", USER),
        yes("runAsNonRoot", Type::Boolean),
        yes("readOnlyRootFilesystem", Type::Boolean),
        yes("privileged", Type::Boolean),
        yes("allowPrivilegeEscalation", Type::Boolean),
        yes("capabilities", Type::Object(&CAPABILITIES)),
        yes("seccompProfile", Type::Object(&SECCOMP)),
        yes("appArmorProfile", Type::Object(&APPARMOR)),
        only("procMount", Type::Choice(&["Default", "Unmasked"]), &[Literal::Text("Default")], "leave it out"),
        no("seLinuxOptions", Type::Any, "set SELinux labels in the engine (`selinux-enabled`)"),
        no("windowsOptions", Type::Any, "only Linux containers run here"),
    ],
};

static CAPABILITIES: Shape = Shape { name: "Capabilities", fields: &[yes("add", LINES), yes("drop", LINES)] };

const PROFILE: Type = Type::Choice(&["RuntimeDefault", "Unconfined", "Localhost"]);
const RUNTIME_DEFAULT: &[Literal] = &[Literal::Text("RuntimeDefault")];

pub(super) static SECCOMP: Shape = Shape {
    name: "SeccompProfile",
    fields: &[
        only("type", PROFILE, RUNTIME_DEFAULT, "only `RuntimeDefault`, the engine's own profile, is known").required(),
        no("localhostProfile", LINE, "leave it out"),
    ],
};

pub(super) static APPARMOR: Shape = Shape {
    name: "AppArmorProfile",
    fields: &[
        only("type", PROFILE, RUNTIME_DEFAULT, "only `RuntimeDefault`, the engine's own profile, is known").required(),
        no("localhostProfile", LINE, "leave it out"),
    ],
};
